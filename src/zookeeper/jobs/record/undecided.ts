import type { Schedule } from '../schedule/schedule.js';
import { rangeOf } from '../schedule/tick-range.js';
import { endOf, laterTick, type Tick } from '../schedule/tick.js';
import { decidedUpTo } from './decided-up-to.js';
import type { JobView } from './job-record.js';
import { ticksPassed, type Passing } from './verdict-builders.js';
import type { StoredVerdict, VerdictReason } from './verdict.js';

/** One verdict for all ticks after `after` and up to `untilMs`; none when there are no such ticks. */
export function passed(schedule: Schedule | undefined, after: Tick, untilMs: number, passing: Passing): StoredVerdict[] {
  const range = rangeOf(schedule, after, untilMs);
  return range === undefined ? [] : [ticksPassed(range, passing)];
}

/**
 * The verdicts of all ticks that are due and have none, because nobody will look at them any more: those since the job
 * was paused are skipped, and the others are missed.
 */
export function passedOver(
  view: Pick<JobView, 'record' | 'createdMs'>,
  schedule: Schedule | undefined,
  atMs: number,
  missed: { readonly reason: VerdictReason; readonly by: string },
): StoredVerdict[] {
  const { pausedMs } = view.record;
  const decided = decidedUpTo(view);
  if (pausedMs === undefined) return passed(schedule, decided, atMs, { outcome: 'missed', ...missed });
  return [
    ...passed(schedule, decided, Math.min(pausedMs, atMs), { outcome: 'missed', ...missed }),
    ...passed(schedule, laterTick(endOf(pausedMs), decided), atMs, { outcome: 'skipped', reason: 'paused', by: missed.by }),
  ];
}
