import type { TickRange } from '../schedule/tick-range.js';
import type { Tick } from '../schedule/tick.js';
import type { RunEntry } from './job-record.js';
import { NO_RUN, type StoredVerdict, type VerdictReason } from './verdict.js';

/** What is said about ticks none of which runs. */
export interface Passing {
  readonly outcome: 'missed' | 'skipped';
  readonly reason: VerdictReason;
  readonly by: string | undefined;
  /** Of missed ones: why nobody could run them in time, as far as that is known. */
  readonly explanation?: string | undefined;
}

/** One verdict for a row of ticks, none of which runs. */
export function ticksPassed({ first, last, count }: TickRange, passing: Passing): StoredVerdict {
  return { ...NO_RUN, ...passing, explanation: passing.explanation, tick: first, until: count === 1 ? undefined : last, count };
}

/** Of a trigger that has not run, and will not unless it is asked for anew. */
export function triggerRefused(trigger: string, reason: VerdictReason, by: string): StoredVerdict {
  return { ...NO_RUN, outcome: 'skipped', reason, trigger, cause: 'trigger', by };
}

/** Of a trigger that was started, of whose run nothing is known any more. */
export function triggerInterrupted(trigger: string, reason: VerdictReason, by: string): StoredVerdict {
  return { ...NO_RUN, outcome: 'interrupted', reason, trigger, cause: 'trigger', by };
}

/** How a run has ended, as the replica knows that ran it. */
export type RunEnd = Pick<StoredVerdict, 'outcome' | 'reason' | 'attempt' | 'durationMs' | 'error' | 'by'>;

export function runEnded(entry: RunEntry, end: RunEnd): StoredVerdict {
  return { ...NO_RUN, ...aboutRun(entry), ...end };
}

/**
 * Of a run that another replica, or an operator, has to write off: how often the method was called, and for how long it
 * ran, only its replica knew.
 */
export function runInterrupted(entry: RunEntry, { reason, by, error }: Pick<StoredVerdict, 'reason' | 'by' | 'error'>): StoredVerdict {
  return { ...NO_RUN, ...aboutRun(entry), outcome: 'interrupted', reason, by, error };
}

/** Of a tick that was claimed and never started: it tells of no run, as there was none. */
export function unstartedPassed(entry: RunEntry, outcome: 'missed' | 'skipped', reason: VerdictReason, by: string): StoredVerdict {
  const { tick, trigger, cause } = entry;
  return { ...NO_RUN, outcome, reason, tick, trigger, cause, by };
}

/** Of a run that had no claim, as the replica knows that ran it. */
export function unclaimedRunEnded(end: RunEnd & Pick<StoredVerdict, 'cause' | 'startedMs' | 'token'>): StoredVerdict {
  return { ...NO_RUN, ...end };
}

/** A replica whose clock is off leaves a tick alone, which stays due. Told to listeners, never kept. */
export function clockOff(tick: Tick | undefined, by: string): StoredVerdict {
  return { ...NO_RUN, outcome: 'skipped', reason: 'clock', tick, by };
}

function aboutRun({
  tick,
  trigger,
  cause,
  startedMs,
  token,
}: RunEntry): Pick<StoredVerdict, 'tick' | 'trigger' | 'cause' | 'startedMs' | 'token'> {
  return { tick, trigger, cause, startedMs, token };
}
