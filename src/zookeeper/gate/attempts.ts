import { RunTimeoutError } from '../jobs/errors.js';
import type { JobRules } from '../jobs/job-rules.js';
import type { RunSignal } from '../jobs/run-signal.js';
import { sleep } from '../support/abort.js';
import { backoffMs } from '../support/backoff.js';
import type { Clock } from '../support/clock.js';
import { isThenable } from './outcome.js';

/** `maxBackoffMs` where it is not given: this many times `backoffMs`. */
const MAX_BACKOFF_FACTOR = 10;

/** One run, with everything that its attempts need. */
export interface AttemptsParts {
  readonly clock: Clock;
  readonly job: string;
  readonly rules: Pick<JobRules, 'timeoutMs' | 'retry'>;
  readonly signal: RunSignal;
  /** The number of the first attempt; 1 unless the run was started before and cut short. */
  readonly firstAttempt: number;
  /** Calls the method; may throw, and may return a promise. */
  readonly once: (attempt: number) => unknown;
  readonly retrying: (thrown: unknown, attempt: number, delayMs: number) => void;
}

/** How a run has ended. */
export interface AttemptsResult {
  readonly outcome: 'ran' | 'failed' | 'interrupted';
  readonly reason: 'timeout' | undefined;
  /** The number of the last attempt. */
  readonly attempt: number;
  /** What the last attempt threw. */
  readonly thrown: unknown;
}

type Settled = { readonly kind: 'returned' } | { readonly kind: 'threw'; readonly thrown: unknown };

const RETURNED: Settled = { kind: 'returned' };

/**
 * Calls a method until it returns, is aborted, or has used up its attempts. `timeoutMs` covers all of them; when it strikes, the signal aborts and the run has
 * failed, but is over only when the method has settled. An abort for another reason (mastership, shutdown) ends the attempts; a method that returns nevertheless has
 * run. The first attempt begins, and that of a method that is not async ends, within the call. Never rejects.
 */
export async function runAttempts(parts: AttemptsParts): Promise<AttemptsResult> {
  const { clock, job, rules, signal, firstAttempt } = parts;
  const { timeoutMs } = rules;
  let timedOut = false;
  const limit =
    timeoutMs === undefined
      ? undefined
      : clock.after(timeoutMs, () => {
          // The overdue timer of a run whose mastership was lost meanwhile: that came first.
          if (signal.signal.aborted) return;
          timedOut = true;
          signal.abort(new RunTimeoutError(job, timeoutMs));
        });
  try {
    for (let attempt = firstAttempt; ; attempt += 1) {
      const settled = attemptOnce(parts, attempt);
      const ended = settled instanceof Promise ? await settled : settled;
      const result = judge(ended, attempt, timedOut, signal);
      if (result.outcome !== 'failed' || timedOut || !(await pauseBeforeNext(parts, attempt, result.thrown))) {
        return result.outcome === 'failed' && !timedOut && signal.signal.aborted
          ? { ...result, outcome: 'interrupted' }
          : timeoutOf(result, timedOut);
      }
    }
  } finally {
    limit?.cancel();
  }
}

/** The limit may also strike during the pause before a further attempt. */
function timeoutOf(result: AttemptsResult, timedOut: boolean): AttemptsResult {
  return timedOut && result.outcome === 'failed' ? { ...result, reason: 'timeout' } : result;
}

function attemptOnce({ once }: AttemptsParts, attempt: number): Settled | Promise<Settled> {
  try {
    const result = once(attempt);
    if (!isThenable(result)) return RETURNED;
    return Promise.resolve(result).then(
      () => RETURNED,
      (thrown: unknown) => ({ kind: 'threw', thrown }),
    );
  } catch (thrown) {
    return { kind: 'threw', thrown };
  }
}

function judge(ended: Settled, attempt: number, timedOut: boolean, signal: RunSignal): AttemptsResult {
  const thrown = ended.kind === 'threw' ? ended.thrown : undefined;
  if (timedOut) return { outcome: 'failed', reason: 'timeout', attempt, thrown };
  if (ended.kind === 'returned') return { outcome: 'ran', reason: undefined, attempt, thrown };
  return { outcome: signal.signal.aborted ? 'interrupted' : 'failed', reason: undefined, attempt, thrown };
}

/** Waits before the next attempt. False: there is none, or an abort came first. */
async function pauseBeforeNext(
  { rules, clock, signal, retrying, firstAttempt }: AttemptsParts,
  attempt: number,
  thrown: unknown,
): Promise<boolean> {
  const { retry } = rules;
  const made = attempt - firstAttempt + 1;
  if (retry === undefined || made >= retry.attempts) return false;
  const maxMs = retry.maxBackoffMs ?? retry.backoffMs * MAX_BACKOFF_FACTOR;
  const delayMs = backoffMs(made - 1, retry.backoffMs, maxMs);
  retrying(thrown, attempt, delayMs);
  return sleep(clock, delayMs, signal.signal).then(
    () => !signal.signal.aborted,
    () => false,
  );
}
