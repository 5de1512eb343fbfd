import type { JobOptions } from '../jobs/job-options.js';
import type { JobIdentity, ScheduleKind } from '../jobs/job-identity.js';
import { messageOf } from '../support/errors.js';
import { cronSpecOf } from './identity.js';
import { type CronMetadata, scheduleOf } from './schedule-metadata.js';
import { DECORATOR, type FoundJob } from './setup-problems.js';

/** A `@MasterOnly` method of one instance, and who it is there. */
type Ruled = Pick<FoundJob, 'instance' | 'method' | 'where'> & { readonly job: { readonly identity: JobIdentity } };

/** Options that need slots, which only `@Cron` has. */
const OF_SLOTS = ['misfire', 'misfireWindowMs'] as const;
/** Options that need runs by a schedule. */
const OF_SCHEDULES = ['misfire', 'misfireWindowMs', 'onInterrupted', 'overlap', 'timeoutMs', 'retry', 'maxSilenceMs'] as const;

/** Options that contradict each other, or the schedule that they stand beside, and schedules that cannot be read. */
export function ruleProblems(found: readonly Ruled[]): string[] {
  return found.flatMap(({ instance, method, job: { identity }, where }) => {
    const who = `${identity.method} (${where})`;
    const { cron } = scheduleOf((instance as Record<PropertyKey, unknown>)[method.key]) ?? {};
    return [...problemsOf(identity, method.options), ...(cron === undefined ? [] : cronProblems(identity, cron))].map(
      (problem) => `${who} ${problem}`,
    );
  });
}

function problemsOf({ schedule, rules }: JobIdentity, options: JobOptions): string[] {
  if (schedule === undefined) return withoutSchedule(options);
  if (schedule !== 'cron' && schedule !== 'added') return withoutSlots(options, schedule);
  return rules.claim === 'none'
    ? withoutClaims(options, "its claim is 'none', so nobody keeps count of its ticks. Take the option, or claim: 'none', away")
    : [];
}

function withoutSchedule(options: JobOptions): string[] {
  return given(options, ['claim', ...OF_SCHEDULES])
    .filter((option) => option !== 'claim' || options.claim === 'tick')
    .map((option) => `has ${shown(options, option)}, but no schedule that it could be about. Take the option away, or add @Cron.`);
}

function withoutSlots(options: JobOptions, kind: Exclude<ScheduleKind, 'cron'>): string[] {
  const why = `${DECORATOR[kind]} has no slots: its times follow from when the process started, so no two replicas have them in common`;
  return [
    ...(options.claim === 'tick' ? [`has claim: 'tick', but ${why}. Take the option away, or use @Cron.`] : []),
    ...withoutClaims(options, `${why}. Take the option away, or use @Cron`),
  ];
}

function withoutClaims(options: JobOptions, why: string): string[] {
  const { onInterrupted } = options;
  const refused: (keyof JobOptions)[] = given(options, OF_SLOTS);
  if (onInterrupted !== undefined && onInterrupted !== 'report') refused.push('onInterrupted');
  return refused.map((option) => `has ${shown(options, option)}, but ${why}.`);
}

function cronProblems({ rules }: JobIdentity, cron: CronMetadata): string[] {
  const problems: string[] = [];
  if (cron.waitForCompletion && rules.overlap !== 'skip') {
    problems.push(
      `has overlap: '${rules.overlap}' and waitForCompletion: true of @Cron, which drops every tick while the job runs. Take one of them away.`,
    );
  }
  try {
    cronSpecOf(cron);
  } catch (thrown) {
    problems.push(`has a schedule that cannot be used: ${messageOf(thrown)}`);
  }
  return problems;
}

function given(options: JobOptions, among: readonly (keyof JobOptions)[]): (keyof JobOptions)[] {
  return among.filter((option) => options[option] !== undefined);
}

/** The option as it stands in the code. */
function shown(options: JobOptions, option: keyof JobOptions): string {
  const value = options[option];
  if (option === 'onInterrupted' && typeof value === 'object') return 'onInterrupted: { rerun }';
  if (typeof value === 'object') return `${option}: { ... }`;
  return `${option}: ${typeof value === 'string' ? `'${value}'` : String(value)}`;
}
