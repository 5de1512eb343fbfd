import type { Tick } from './tick.js';

/** A schedule as it is written down and stored. */
export interface ScheduleSpec {
  /**
   * A cron expression of 5 or 6 fields as `@nestjs/schedule` takes it, or an instant (ISO 8601)
   * for a job that is due once.
   */
  readonly cronTime: string;
  /** An IANA zone, or a fixed offset as `UTC+05:30`. */
  readonly timeZone: string;
}

/** Whether two are written in the same way; so are two that are both missing. */
export function isSameSchedule(a: ScheduleSpec | undefined, b: ScheduleSpec | undefined): boolean {
  return a?.cronTime === b?.cronTime && a?.timeZone === b?.timeZone;
}

/** The ticks of one schedule. Made by `parseSchedule`; holds no state that a caller could see. */
export interface Schedule {
  readonly spec: ScheduleSpec;
  /** The first tick after `after`; undefined when there is none within eight years. */
  next(after: Tick): Tick | undefined;
  /** The last tick after `after` that is due at or before `untilMs`. */
  last(after: Tick, untilMs: number): Tick | undefined;
  /**
   * How many ticks after `after` are due at or before `untilMs`. Cheap over years of seconds:
   * whole days are multiplied.
   */
  count(after: Tick, untilMs: number): number;
  /** The nominal time of a tick for people, in the zone: `2026-03-29T02:30:00`. */
  nominalTime(tick: Tick): string;
}
