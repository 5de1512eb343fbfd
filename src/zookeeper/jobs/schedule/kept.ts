import { messageOf } from '../../support/errors.js';
import { parseSchedule } from './parse.js';
import type { Schedule, ScheduleSpec } from './schedule.js';

/** A schedule that was written down, and why this replica cannot use it. Both are undefined where there is none. */
export interface KeptSchedule {
  readonly schedule: Schedule | undefined;
  readonly problem: string | undefined;
}

/**
 * Reads a schedule that perhaps another replica has written: its Node may know time zones, or its version of the
 * library expressions, that are unknown here. That is no reason to fail: what is not about ticks goes on.
 */
export function keptSchedule(spec: ScheduleSpec | undefined): KeptSchedule {
  if (spec === undefined) return { schedule: undefined, problem: undefined };
  try {
    return { schedule: parseSchedule(spec), problem: undefined };
  } catch (thrown) {
    return { schedule: undefined, problem: messageOf(thrown) };
  }
}
