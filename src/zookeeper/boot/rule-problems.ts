import type { JobOptions } from '../jobs/run/job-options.js';
import { JobRun } from '../jobs/run/job-run.js';
import type { Guarded } from '../decorators/guarded.js';
import type { JobIdentity, ScheduleKind } from '../jobs/run/job-identity.js';
import { received } from '../support/checks.js';
import { MAX_DELAY_MS } from '../support/clock.js';
import { messageOf } from '../support/errors.js';
import { cronSpecOf } from '../decorators/identity.js';
import { type CronMetadata, scheduleOf, type ScheduleMetadata } from '../decorators/schedule-metadata.js';
import { DECORATOR, type FoundJob } from './setup-problems.js';

/** A `@MasterOnly` method of one instance, and who it is there. */
type Ruled = Pick<FoundJob, 'instance' | 'method' | 'where'> & { readonly job: { readonly identity: JobIdentity } };

/** Options that need claimed ticks, which only `@Cron` has. */
const OF_CLAIMED_TICKS = ['misfire', 'misfireWindowMs'] as const;
/** Options that need runs by a schedule. */
const OF_SCHEDULES = ['misfire', 'misfireWindowMs', 'onInterrupted', 'overlap', 'timeoutMs', 'retry', 'maxSilenceMs'] as const;

/** Options that contradict each other, or the schedule that they stand beside, and schedules that cannot be read. */
export function ruleProblems(found: readonly Ruled[], defaultZone: string | undefined): string[] {
  return found.flatMap(({ instance, method, job: { identity }, where }) => {
    const who = `${identity.method} (${where})`;
    const schedule = scheduleOf((instance as Record<PropertyKey, unknown>)[method.key]);
    return [
      ...problemsOf(identity, method.options),
      ...(schedule === undefined ? [] : [...durationProblems(identity, schedule), ...parameterProblems(instance, method)]),
      ...(schedule?.cron === undefined ? [] : cronProblems(identity, schedule.cron, defaultZone)),
    ].map((problem) => `${who} ${problem}`);
  });
}

function problemsOf({ kind, rules }: JobIdentity, options: JobOptions): string[] {
  if (kind === undefined) return withoutSchedule(options);
  if (kind !== 'cron' && kind !== 'added') return withoutTicks(options, kind);
  return rules.claim === 'none'
    ? withoutClaims(options, "its claim is 'none', so nobody keeps count of its ticks. Take the option, or claim: 'none', away")
    : [];
}

function withoutSchedule(options: JobOptions): string[] {
  return given(options, ['claim', ...OF_SCHEDULES])
    .filter((option) => option !== 'claim' || options.claim === 'tick')
    .map((option) => `has ${shown(options, option)}, but no schedule that it could be about. Take the option away, or add @Cron.`);
}

function withoutTicks(options: JobOptions, kind: Exclude<ScheduleKind, 'cron'>): string[] {
  const why = `${DECORATOR[kind]} has no slots: its times follow from when the process started, so no two replicas have them in common`;
  return [
    ...(options.claim === 'tick' ? [`has claim: 'tick', but ${why}. Take the option away, or use @Cron.`] : []),
    ...withoutClaims(options, `${why}. Take the option away, or use @Cron`),
  ];
}

function withoutClaims(options: JobOptions, why: string): string[] {
  const { onInterrupted } = options;
  const refused: (keyof JobOptions)[] = given(options, OF_CLAIMED_TICKS);
  if (onInterrupted !== undefined && onInterrupted !== 'report') refused.push('onInterrupted');
  return refused.map((option) => `has ${shown(options, option)}, but ${why}.`);
}

function cronProblems({ rules }: JobIdentity, cron: CronMetadata, defaultZone: string | undefined): string[] {
  const problems: string[] = [];
  if (cron.waitForCompletion && rules.overlap !== 'skip') {
    problems.push(
      `has overlap: '${rules.overlap}' and waitForCompletion: true of @Cron, which drops every tick while the job runs. Take one of them away.`,
    );
  }
  try {
    cronSpecOf(cron, defaultZone);
  } catch (thrown) {
    problems.push(`has a schedule that cannot be used: ${messageOf(thrown)}`);
  }
  return problems;
}

/** Durations with which a timer would fire all the time, or at another time than it says. */
function durationProblems({ rules }: JobIdentity, { kind, cron, durationMs }: ScheduleMetadata): string[] {
  if (kind === 'interval') return delayProblem('@Interval', durationMs, 1);
  if (kind === 'timeout') return delayProblem('@Timeout', durationMs, 0);
  // With claims it is not used, which is told.
  return cron?.initialDelayMs === undefined || rules.claim !== 'none' ? [] : delayProblem('initialDelay of @Cron', cron.initialDelayMs, 0);
}

function delayProblem(what: string, delayMs: unknown, leastMs: number): string[] {
  if (typeof delayMs === 'number' && delayMs >= leastMs && delayMs <= MAX_DELAY_MS) return [];
  const longer = typeof delayMs === 'number' && delayMs > MAX_DELAY_MS ? ' For a longer time use @Cron.' : '';
  return [
    `has ${what} with ${received(delayMs)}, and Node's timers hold ${leastMs} to ${MAX_DELAY_MS} ms: they take anything else for 1 ms. Is a setting missing?${longer}`,
  ];
}

/** A first parameter that is something else than the run which a schedule gives to the method. */
function parameterProblems(instance: object, { key, original }: Guarded): string[] {
  const [type] = (Reflect.getMetadata('design:paramtypes', instance, key as string) as readonly unknown[] | undefined) ?? [];
  const advice =
    'A schedule gives the method its JobRun there, and nothing else. Make the first parameter a JobRun, or take it away and read JobRun.current()';
  // TypeScript writes Object for an interface or a union, and Function for a class of which only the type is imported,
  // as JobRun most often is.
  if (typeof type === 'function' && type !== Object && type !== Function && type !== JobRun && type.name !== 'JobRun')
    return [
      `takes ${type.name === '' ? 'something else' : `a ${type.name}`} as its first parameter. ${advice}; for a parameter of your own, add a method that calls this one.`,
    ];
  return HAS_DEFAULT.test(Function.prototype.toString.call(original)) ? [`has a default for its first parameter. ${advice}.`] : [];
}

/** A method, or a function, whose first parameter is a name with a default. */
const HAS_DEFAULT = /^(?:async\s+)?(?:function\s*)?[\w$]*\s*\(\s*[\w$]+\s*=[^>=]/u;

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
