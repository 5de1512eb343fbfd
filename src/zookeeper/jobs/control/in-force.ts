import { floorOf } from '../record/floor.js';
import type { JobRecord, JobView } from '../record/job-record.js';
import type { Declaration, JobControl, JobStore, MemberView } from '../record/job-store.js';
import { NO_RUN, type StoredVerdict } from '../record/verdict.js';
import { keptSchedule } from '../schedule/kept.js';
import type { Schedule, ScheduleSpec } from '../schedule/schedule.js';
import { endOf, laterTick, type Tick } from '../tick.js';

export function isSameSchedule(a: ScheduleSpec | undefined, b: ScheduleSpec | undefined): boolean {
  return a?.cronTime === b?.cronTime && a?.timeZone === b?.timeZone;
}

/** `"0 0 2 * * *" (Asia/Shanghai)` */
export function scheduleInWords(spec: ScheduleSpec | undefined): string {
  return spec === undefined ? 'no slots' : `"${spec.cronTime}" (${spec.timeZone})`;
}

/** The declaration that speaks for the job: that of the version in force, else the newest of a living version, else the newest. */
export function declarationOf(control: JobControl, living?: ReadonlySet<string>): Declaration | undefined {
  const { declared, inForce } = control;
  const named = inForce.from === 'code' ? declared.find(({ version }) => version === inForce.version) : undefined;
  return named ?? declared.findLast(({ version }) => living?.has(version)) ?? declared.at(-1);
}

/** `disabled: true` in the code that speaks for the job. */
export function isDisabled(control: JobControl, living?: ReadonlySet<string>): boolean {
  return declarationOf(control, living)?.disabled === true;
}

/** The living versions where it may matter which of them speaks for the job; they need not be read else. */
export async function livingFor(store: Pick<JobStore, 'members'>, { declared }: JobControl): Promise<ReadonlySet<string> | undefined> {
  return declared.some(({ disabled }) => disabled) ? livingVersions(await store.members()) : undefined;
}

/** Versions of which a replica lives that may become master. Replicas with `candidate: false` tell so in the name of their node. */
export function livingVersions(members: readonly MemberView[]): ReadonlySet<string> {
  return new Set(members.filter(({ name }) => !name.startsWith('observer~')).map(({ version }) => version));
}

/**
 * The schedule of the record, undefined for a job without slots and for a disabled one: neither has ticks. Also where this replica cannot read it: then nothing
 * can be said about its ticks here.
 */
export function ticksOf(record: JobRecord, control: JobControl, living?: ReadonlySet<string>): Schedule | undefined {
  return isDisabled(control, living) ? undefined : keptSchedule(record.schedule).schedule;
}

/** The ticks of a schedule that are due after `after` and up to `untilMs`. */
export function rangeOf(
  schedule: Schedule | undefined,
  after: Tick,
  untilMs: number,
): { readonly first: Tick; readonly last: Tick; readonly count: number } | undefined {
  const first = schedule?.next(after);
  if (schedule === undefined || first === undefined || first.dueMs > untilMs) return undefined;
  return { first, last: schedule.last(after, untilMs) ?? first, count: schedule.count(after, untilMs) };
}

/** One verdict for all ticks after `after` and up to `untilMs`; nothing when there are none. */
export function passed(
  schedule: Schedule | undefined,
  after: Tick,
  untilMs: number,
  verdict: Pick<StoredVerdict, 'outcome' | 'reason' | 'by'>,
): StoredVerdict[] {
  const range = rangeOf(schedule, after, untilMs);
  if (range === undefined) return [];
  const { first, last, count } = range;
  return [{ ...NO_RUN, ...verdict, tick: first, until: count === 1 ? undefined : last, count }];
}

/**
 * The verdicts of all ticks that are due and have none, because nobody will look at them any more: those since the job was paused are skipped,
 * the others are missed.
 */
export function passedOver(
  view: Pick<JobView, 'record' | 'createdMs'>,
  schedule: Schedule | undefined,
  nowMs: number,
  missed: Pick<StoredVerdict, 'reason' | 'by'>,
): StoredVerdict[] {
  const { pausedMs } = view.record;
  const floor = floorOf(view);
  if (pausedMs === undefined) return passed(schedule, floor, nowMs, { outcome: 'missed', ...missed });
  return [
    ...passed(schedule, floor, Math.min(pausedMs, nowMs), { outcome: 'missed', ...missed }),
    ...passed(schedule, laterTick(endOf(pausedMs), floor), nowMs, { outcome: 'skipped', reason: 'paused', by: missed.by }),
  ];
}

/** The cursor behind these verdicts. */
export function cursorAfter(cursor: Tick | undefined, verdicts: readonly StoredVerdict[]): Tick | undefined {
  return verdicts.reduce<Tick | undefined>((last, { tick, until }) => {
    const end = until ?? tick;
    return end === undefined ? last : laterTick(end, last);
  }, cursor);
}
