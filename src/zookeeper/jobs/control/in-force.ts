import type { JobRecord } from '../record/job-record.js';
import type { MemberDirectory, MemberView } from '../persistence/job-store.js';
import type { Declaration, JobControl } from '../record/job-control.js';
import { keptSchedule } from '../schedule/kept.js';
import type { Schedule, ScheduleSpec } from '../schedule/schedule.js';

/** `"0 0 2 * * *" (Asia/Shanghai)` */
export function scheduleInWords(spec: ScheduleSpec | undefined): string {
  return spec === undefined ? 'no slots' : `"${spec.cronTime}" (${spec.timeZone})`;
}

/**
 * The declaration that speaks for the job: that of the version in force, else the newest of a living
 * version, else the newest.
 */
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
export async function livingFor(store: MemberDirectory, { declared }: JobControl): Promise<ReadonlySet<string> | undefined> {
  return declared.some(({ disabled }) => disabled) ? livingVersions(await store.members()) : undefined;
}

/**
 * Versions of which a replica lives that may become master. Replicas with `candidate: false` tell so
 * in the name of their node.
 */
export function livingVersions(members: readonly MemberView[]): ReadonlySet<string> {
  return new Set(members.filter(({ name }) => !name.startsWith('observer~')).map(({ version }) => version));
}

/**
 * The schedule of the record, undefined for a job without claimed ticks and for a disabled one: neither has ticks. Also
 * where this replica cannot read it: then nothing can be said about its ticks here.
 */
export function ticksOf(record: JobRecord, control: JobControl, living?: ReadonlySet<string>): Schedule | undefined {
  return isDisabled(control, living) ? undefined : keptSchedule(record.schedule).schedule;
}
