import type { Tick } from './tick.js';
import type { Schedule } from './schedule.js';

/** A row of ticks of one schedule, none left out. */
export interface TickRange {
  readonly first: Tick;
  readonly last: Tick;
  /** At least 1. */
  readonly count: number;
}

/**
 * The ticks of a schedule that are due after `after` and up to `untilMs`. Undefined: there are none. However many there
 * are, they are never listed.
 */
export function rangeOf(schedule: Schedule | undefined, after: Tick, untilMs: number): TickRange | undefined {
  const last = schedule?.last(after, untilMs);
  const first = last && schedule?.next(after);
  return schedule && first && last && { first, last, count: schedule.count(after, untilMs) };
}

/** A list of ticks, oldest first, as a row. Undefined: there are none. */
export function rangeOfList(ticks: readonly Tick[]): TickRange | undefined {
  const [first, last] = [ticks[0], ticks.at(-1)];
  return first && last && { first, last, count: ticks.length };
}
