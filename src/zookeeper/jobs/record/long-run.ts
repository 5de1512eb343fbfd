import { endOf } from '../schedule/tick.js';
import type { Schedule } from '../schedule/schedule.js';
import { decidedUpTo } from './decided-up-to.js';
import { isHeld, type HeldRun, type JobRecord, type JobView, type RunEntry } from './job-record.js';
import type { StoredVerdict } from './verdict.js';

/**
 * A run that has been going on for this long, and keeps ticks of its job from starting, is told
 * of: perhaps it never ends.
 */
export const LONG_RUN_MS = 300_000;

/** Runs that have been going on for long, the oldest first. */
export function longRuns({ running }: JobRecord, atMs: number): readonly HeldRun[] {
  return running
    .filter(isHeld)
    .filter(({ startedMs }) => atMs - startedMs >= LONG_RUN_MS)
    .toSorted((a, b) => a.startedMs - b.startedMs);
}

/** Whether a tick has fallen due since the run was claimed. */
export function hasDueSince(schedule: Schedule | undefined, { startedMs }: RunEntry, atMs: number): boolean {
  return (schedule?.next(endOf(startedMs))?.dueMs ?? Infinity) <= atMs;
}

/**
 * The long run that keeps a job's ticks from starting: the last one was skipped for it, or one is due and waits.
 * Undefined: there is none.
 */
export function heldUpBy(
  view: Pick<JobView, 'record' | 'createdMs'>,
  schedule: Schedule | undefined,
  last: StoredVerdict | undefined,
  atMs: number,
): HeldRun | undefined {
  const [oldest] = longRuns(view.record, atMs);
  if (oldest === undefined || !hasDueSince(schedule, oldest, atMs)) return undefined;
  const isWaiting = (schedule?.next(decidedUpTo(view))?.dueMs ?? Infinity) <= atMs;
  return isWaiting || last?.reason === 'overlap' ? oldest : undefined;
}
