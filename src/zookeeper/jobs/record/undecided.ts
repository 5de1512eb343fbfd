import type { Schedule } from '../schedule/schedule.js';
import { rangeOf } from '../schedule/tick-range.js';
import { endOf, laterTick, type Tick } from '../schedule/tick.js';
import { floorOf } from './floor.js';
import type { JobView } from './job-record.js';
import { ticksPassed, type Passing } from './verdict-builders.js';
import type { StoredVerdict, VerdictReason } from './verdict.js';

/** One verdict for all ticks after `after` and up to `untilMs`; none when there are no such ticks. */
export function passed(schedule: Schedule | undefined, after: Tick, untilMs: number, passing: Passing): StoredVerdict[] {
  const range = rangeOf(schedule, after, untilMs);
  return range === undefined ? [] : [ticksPassed(range, passing)];
}

/**
 * The verdicts of all ticks that are due and have none, because nobody will look at them any more: those since the job was paused are skipped, and
 * the others are missed.
 */
export function passedOver(
  view: Pick<JobView, 'record' | 'createdMs'>,
  schedule: Schedule | undefined,
  nowMs: number,
  missed: { readonly reason: VerdictReason; readonly by: string },
): StoredVerdict[] {
  const { pausedMs } = view.record;
  const floor = floorOf(view);
  if (pausedMs === undefined) return passed(schedule, floor, nowMs, { outcome: 'missed', ...missed });
  return [
    ...passed(schedule, floor, Math.min(pausedMs, nowMs), { outcome: 'missed', ...missed }),
    ...passed(schedule, laterTick(endOf(pausedMs), floor), nowMs, { outcome: 'skipped', reason: 'paused', by: missed.by }),
  ];
}
