import { RunTimeoutError, UnfinishedResultError } from '../jobs/run/errors.js';
import type { JobRules } from '../jobs/run/job-rules.js';
import type { RunSignal } from '../support/run-signal.js';
import { sleep } from '../support/abort.js';
import { backoffMs } from '../support/backoff.js';
import type { Clock, Timer } from '../support/clock.js';
import { isThenable } from '../gate/outcome.js';

/** `maxBackoffMs` where it is not given: this many times `backoffMs`. */
const MAX_BACKOFF_FACTOR = 10;
/** A run that heeds its signal has settled so long after the abort. */
const SETTLE_MS = 2_000;

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
  /** Takes as long as the rest before the next attempt, or longer. Never rejects. Default: no longer. */
  readonly between?: (rest: Promise<void>) => Promise<void>;
  /** The time limit has struck, `sinceMs` ago: called at once, and again when the run has not settled by then. */
  readonly overdue: (timeoutMs: number, sinceMs: number) => void;
}

/** Of `AttemptsParts`, what a time limit needs. */
type LimitParts = Pick<AttemptsParts, 'clock' | 'job' | 'signal' | 'overdue'> & { readonly rules: Pick<JobRules, 'timeoutMs'> };

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
 * Calls a method until it returns, is aborted, or has used up its attempts. `timeoutMs` covers all of them; when it
 * strikes, the signal aborts and the run has failed, but is over only when the method has settled. An abort for another
 * reason (mastership, shutdown) ends the attempts; a method that returns nevertheless has run. A method that is not
 * async and needs no second attempt has ended when this returns, without a promise. Never throws or rejects. The caller
 * cancels `limit` when nothing of the run goes on any more.
 */
export function runAttempts(parts: AttemptsParts, limit: Limit): AttemptsResult | Promise<AttemptsResult> {
  const settled = attemptOnce(parts, parts.firstAttempt);
  if (settled instanceof Promise) return goOn(parts, limit, settled);
  const result = attemptResult(settled, parts.firstAttempt, limit, parts.signal);
  if (mayRetry(parts, result, limit)) return goOn(parts, limit, Promise.resolve(settled));
  return result;
}

async function goOn(parts: AttemptsParts, limit: Limit, first: Promise<Settled>): Promise<AttemptsResult> {
  let settled = await first;
  for (let attempt = parts.firstAttempt; ; attempt += 1) {
    const result = attemptResult(settled, attempt, limit, parts.signal);
    if (!mayRetry(parts, result, limit)) return result;
    await pause(parts, attempt, result.thrown);
    // The abort may have come during the pause.
    if (parts.signal.signal.aborted) return attemptResult(settled, attempt, limit, parts.signal);
    settled = await attemptOnce(parts, attempt + 1);
  }
}

/** The time limit of a run, with all its attempts. */
export class Limit {
  private timer: Timer | undefined;
  private struck = false;

  constructor({ clock, job, rules: { timeoutMs }, signal, overdue }: LimitParts) {
    if (timeoutMs === undefined) return;
    this.timer = clock.after(timeoutMs, () => {
      // The overdue timer of a run whose mastership was lost meanwhile: that came first.
      if (signal.signal.aborted) return;
      this.struck = true;
      this.timer = clock.after(SETTLE_MS, () => overdue(timeoutMs, SETTLE_MS), { keepAlive: false });
      overdue(timeoutMs, 0);
      signal.abort(new RunTimeoutError(job, timeoutMs));
    });
  }

  get hasStruck(): boolean {
    return this.struck;
  }

  cancel(): void {
    this.timer?.cancel();
  }
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

function attemptResult(settled: Settled, attempt: number, limit: Limit, signal: RunSignal): AttemptsResult {
  const thrown = settled.kind === 'threw' ? settled.thrown : undefined;
  if (limit.hasStruck) return { outcome: 'failed', reason: 'timeout', attempt, thrown };
  if (settled.kind === 'returned') return { outcome: 'ran', reason: undefined, attempt, thrown };
  return { outcome: signal.signal.aborted ? 'interrupted' : 'failed', reason: undefined, attempt, thrown };
}

function mayRetry({ rules: { retry }, firstAttempt }: AttemptsParts, { outcome, attempt, thrown }: AttemptsResult, limit: Limit): boolean {
  // The method has done what it does; a second time would only do it twice.
  if (thrown instanceof UnfinishedResultError) return false;
  return outcome === 'failed' && !limit.hasStruck && retry !== undefined && attempt - firstAttempt + 1 < retry.attempts;
}

/** Before the next attempt. An abort ends it. */
async function pause(
  { rules: { retry }, clock, signal, retrying, between, firstAttempt }: AttemptsParts,
  attempt: number,
  thrown: unknown,
): Promise<void> {
  if (retry === undefined) return;
  const maxMs = retry.maxBackoffMs ?? retry.backoffMs * MAX_BACKOFF_FACTOR;
  const delayMs = backoffMs(attempt - firstAttempt, retry.backoffMs, maxMs);
  retrying(thrown, attempt, delayMs);
  const rest = sleep(clock, delayMs, signal.signal).catch(() => undefined);
  await (between === undefined ? rest : between(rest));
}
