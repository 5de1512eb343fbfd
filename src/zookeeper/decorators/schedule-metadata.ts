import type { ScheduleKind } from '../jobs/job-identity.js';

// What @nestjs/schedule 6 and 12 keep on a scheduled method (schedule.constants.ts, scheduler-type.enum.ts). It does not export these names;
// test/integration/nest/ground.spec.ts pins them.
const SCHEDULER_TYPE = 'SCHEDULER_TYPE';
const SCHEDULER_NAME = 'SCHEDULER_NAME';
const SCHEDULE_CRON_OPTIONS = 'SCHEDULE_CRON_OPTIONS';
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
  /** How long after the bootstrap the schedule starts to fire, milliseconds; 0: at once. */
  readonly initialDelayMs: number;
}

export interface ScheduleMetadata {
  readonly kind: ScheduleKind;
  readonly name: string | undefined;
  readonly disabled: boolean;
  /** Undefined with `@Interval` and `@Timeout`. */
  readonly cron: CronMetadata | undefined;
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
  };
}

function cronOf(options: Readonly<Record<string, unknown>>): CronMetadata {
  const { cronTime, timeZone, utcOffset, waitForCompletion, initialDelay } = options;
  return {
    cronTime,
    timeZone,
    utcOffset,
    waitForCompletion: waitForCompletion === true,
    initialDelayMs: typeof initialDelay === 'number' ? initialDelay : 0,
  };
}
