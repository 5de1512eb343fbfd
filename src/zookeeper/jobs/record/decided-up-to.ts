import { endOf, laterTick, type Tick } from '../schedule/tick.js';
import type { JobView } from './job-record.js';

/**
 * Ticks count only after this one: those up to the cursor are dealt with, and nothing is made up for from before the
 * schedule in force, or the latest resumption.
 */
export function decidedUpTo({ record, createdMs }: Pick<JobView, 'record' | 'createdMs'>): Tick {
  const { cursor, schedule, resumedMs } = record;
  return [cursor, resumedMs === undefined ? undefined : endOf(resumedMs)].reduce<Tick>(laterTick, endOf(schedule?.sinceMs ?? createdMs));
}
