import { replaceSchedule } from '../record/changes.js';
import { changeInWords, type Declaration, type JobControl } from '../record/job-control.js';
import { mustTickAfter, parseSchedule, scheduleSpecOf } from '../schedule/parse.js';
import { isSameSchedule, type Schedule, type ScheduleSpec } from '../schedule/schedule.js';
import { carryOut, type Amendment, type ControlParts, type Subject } from './amend.js';
import { NoCodeScheduleError, NoSlotsError } from './errors.js';
import { livingVersions, scheduleInWords, ticksOf } from './in-force.js';

/** Another schedule for a job. */
export interface NewSchedule {
  /**
   * A cron expression of 5 or 6 fields, or an instant in the future (a Date, or ISO 8601 in UTC)
   * for a job that is due once.
   */
  readonly cronTime: string | Date;
  /** An IANA zone, or `UTC+05:30`. Default: the zone of the schedule in force. */
  readonly timeZone?: string | undefined;
}

/**
 * Puts another schedule in force, from now on and until the next command, whatever the code says; `null`: that of the
 * code again, of the newest living version. False: it was in force already, by a command or not as asked.
 * @throws {BadScheduleError} for an expression or a zone that cannot be used, and for a schedule without a tick to
 * come, by the ensemble's clock; with the reason. Nothing was changed.
 * @throws {NoSlotsError} {NoCodeScheduleError}
 */
export async function reschedule(parts: ControlParts, job: string, wanted: NewSchedule | null, by?: string): Promise<boolean> {
  const living = wanted === null ? livingVersions(await parts.store.members()) : new Set<string>();
  return carryOut(parts, job, by, (subject) => {
    const { schedule } = subject.view.record;
    if (schedule === undefined) throw new NoSlotsError(job);
    if (wanted === null) return backToCode(parts, job, subject, living);
    const spec = scheduleSpecOf(wanted.cronTime, wanted.timeZone ?? schedule.timeZone);
    return putByCommand(parts, subject, parseSchedule(spec));
  });
}

function putByCommand(parts: ControlParts, subject: Subject, schedule: Schedule): Amendment | undefined {
  const { control, view, ensembleMs } = subject;
  const { spec } = schedule;
  const isSame = isSameSchedule(view.record.schedule, spec);
  // Repeated when its instant has passed, a command is still the one in force.
  if (isSame && control.inForce.from === 'control') return undefined;
  mustTickAfter(schedule, Math.max(ensembleMs, view.record.cursor?.dueMs ?? ensembleMs));
  const done = changeInWords('rescheduled', `${scheduleInWords(spec)}, before ${scheduleInWords(view.record.schedule)}`);
  return { ...(isSame ? {} : put(parts, subject, spec)), control: { ...control, inForce: { from: 'control' } }, done };
}

function backToCode(parts: ControlParts, job: string, subject: Subject, living: ReadonlySet<string>): Amendment | undefined {
  const { control, view } = subject;
  if (control.inForce.from === 'code') return undefined;
  const code = codeSchedule(control, living);
  if (code?.schedule === undefined) throw new NoCodeScheduleError(job);
  const isSame = isSameSchedule(view.record.schedule, code.schedule);
  const words = `that of the code of version ${code.version}, ${scheduleInWords(code.schedule)}, before ${scheduleInWords(view.record.schedule)}`;
  return {
    ...(isSame ? {} : put(parts, subject, code.schedule)),
    control: { ...control, inForce: { from: 'code', version: code.version } },
    done: changeInWords('rescheduled', words),
  };
}

/** What the code says, of the newest version that lives; of the newest of all when none does. */
export function codeSchedule({ declared }: JobControl, living: ReadonlySet<string>): Declaration | undefined {
  const withSchedule = declared.filter(({ schedule }) => schedule !== undefined);
  return withSchedule.findLast(({ version }) => living.has(version)) ?? withSchedule.at(-1);
}

function put(
  { address }: ControlParts,
  { view, control, ensembleMs, living }: Subject,
  spec: ScheduleSpec,
): Pick<Amendment, 'record' | 'verdicts'> {
  return replaceSchedule(view, ticksOf(view.record, control, living), spec, ensembleMs, address);
}
