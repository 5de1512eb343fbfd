import type { ScheduleKind } from '../jobs/run/job-identity.js';

// What @nestjs/schedule 6 and 12 keep on a scheduled method (schedule.constants.ts, scheduler-type.enum.ts). It does
// not export these names; test/integration/nest/ground.spec.ts pins them.
const SCHEDULER_TYPE = 'SCHEDULER_TYPE';
const SCHEDULER_NAME = 'SCHEDULER_NAME';
const SCHEDULE_CRON_OPTIONS = 'SCHEDULE_CRON_OPTIONS';
const SCHEDULE_INTERVAL_OPTIONS = 'SCHEDULE_INTERVAL_OPTIONS';
const SCHEDULE_TIMEOUT_OPTIONS = 'SCHEDULE_TIMEOUT_OPTIONS';
const KINDS: Readonly<Record<number, ScheduleKind>> = { 1: 'cron', 2: 'timeout', 3: 'interval' };

/** The provider token of ScheduleModule's options; pinned by the same test. */
export const SCHEDULE_MODULE_OPTIONS = 'SCHEDULE_MODULE_OPTIONS';

/** What `@Cron` was given, as it was given. */
export interface CronMetadata {
  /** An expression, a Date, or a DateTime of luxon. */
  readonly cronTime: unknown;
  readonly timeZone: unknown;
  /** Minutes, or text such as `+05:30`. */
  readonly utcOffset: unknown;
  readonly waitForCompletion: boolean;
  /** How long after the bootstrap the schedule starts to fire, milliseconds, as it was given; undefined: at once. */
  readonly initialDelayMs: unknown;
}

export interface ScheduleMetadata {
  readonly kind: ScheduleKind;
  readonly name: string | undefined;
  readonly disabled: boolean;
  /** Undefined with `@Interval` and `@Timeout`. */
  readonly cron: CronMetadata | undefined;
  /** What `@Interval` or `@Timeout` was given, as it was given: milliseconds. Undefined with `@Cron`. */
  readonly durationMs: unknown;
}

/** The schedule that `@Cron`, `@Interval` or `@Timeout` has put on a method. */
export function scheduleOf(method: unknown): ScheduleMetadata | undefined {
  if (typeof method !== 'function') return undefined;
  const kind = KINDS[Reflect.getMetadata(SCHEDULER_TYPE, method) as number];
  if (kind === undefined) return undefined;
  const options = (Reflect.getMetadata(SCHEDULE_CRON_OPTIONS, method) ?? {}) as Readonly<Record<string, unknown>>;
  return {
    kind,
    name: Reflect.getMetadata(SCHEDULER_NAME, method) as string | undefined,
    disabled: options['disabled'] === true,
    cron: kind === 'cron' ? cronOf(options) : undefined,
    durationMs: durationOf(method, kind),
  };
}

/** Puts on a function what `@Cron` would: monitors name what they see by it. */
export function markAsCron(method: object, options: Readonly<Record<string, unknown>>): void {
  Reflect.defineMetadata(SCHEDULER_TYPE, 1, method);
  Reflect.defineMetadata(SCHEDULER_NAME, options['name'], method);
  Reflect.defineMetadata(SCHEDULE_CRON_OPTIONS, options, method);
}

function durationOf(method: object, kind: ScheduleKind): unknown {
  if (kind === 'cron') return undefined;
  const key = kind === 'interval' ? SCHEDULE_INTERVAL_OPTIONS : SCHEDULE_TIMEOUT_OPTIONS;
  return (Reflect.getMetadata(key, method) as { readonly timeout?: unknown } | undefined)?.timeout;
}

function cronOf(options: Readonly<Record<string, unknown>>): CronMetadata {
  const { cronTime, timeZone, utcOffset, waitForCompletion, initialDelay } = options;
  return {
    cronTime,
    timeZone,
    utcOffset,
    waitForCompletion: waitForCompletion === true,
    initialDelayMs: initialDelay,
  };
}
