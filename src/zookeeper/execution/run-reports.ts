import { unclaimedRunEnded } from '../jobs/record/verdict-builders.js';
import { MAX_ERROR_LENGTH, type StoredVerdict } from '../jobs/record/verdict.js';
import { messageOf, stackOf } from '../support/errors.js';
import type { Observer } from '../support/observer.js';
import type { Execution } from './execution.js';

/** Why a run did not simply run, cut to what a verdict holds. */
export function errorOf(execution: Execution): string | undefined {
  const { outcome } = execution;
  return outcome === 'failed' || outcome === 'interrupted' ? messageOf(whyOf(execution), MAX_ERROR_LENGTH) : undefined;
}

/**
 * What ended it. A run that failed without having taken too long has thrown, also where that is `undefined` or `null`.
 * Any other that threw nothing has ended by its abort.
 */
function whyOf({ outcome, reason, thrown, run }: Pick<Execution, 'outcome' | 'reason' | 'thrown' | 'run'>): unknown {
  if (outcome === 'failed' && reason !== 'timeout') return thrown;
  return thrown ?? (run.signal.aborted ? run.signal.reason : undefined);
}

/** The verdict of a run that had no claim. */
export function unclaimedVerdictOf(execution: Execution, by: string): StoredVerdict {
  const { outcome, reason, attempt, startedMs, durationMs, run } = execution;
  const error = errorOf(execution);
  return unclaimedRunEnded({ outcome, reason, attempt, startedMs, durationMs, by, error, cause: run.cause, token: run.fencingToken });
}

/** A line for a run that failed, with its stack, or that was cut short. */
export function reportEnd(observer: Observer, election: string, execution: Execution): void {
  const { outcome, reason, thrown, run, attempt, durationMs } = execution;
  if (outcome !== 'interrupted' && outcome !== 'failed') return;
  const scheduled = run.scheduledTime?.toISOString();
  const fields = { job: run.job, election, token: run.fencingToken.toString(), scheduled, cause: run.cause, attempt, durationMs };
  if (outcome === 'interrupted') {
    const message = `The run of "${run.job}" stopped on its abort: ${messageOf(run.signal.reason)}`;
    return observer.observe({ level: 'warn', event: 'run.aborted', message, fields });
  }
  const what = reason === 'timeout' ? 'took too long' : 'failed';
  const message = `The run of "${run.job}" ${what}: ${sentence(messageOf(whyOf(execution)))} The schedule goes on.`;
  observer.observe({ level: 'error', event: 'run.failed', message, fields: { ...fields, stack: stackOf(thrown) } });
}

/** Ends with a full stop, and not with two. */
function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

/** A run that threw and is tried again. */
export interface Retry {
  readonly job: string;
  readonly election: string;
  readonly token: bigint;
  readonly thrown: unknown;
  readonly attempt: number;
  readonly delayMs: number;
}

export function reportRetry(observer: Observer, { job, election, token, thrown, attempt, delayMs }: Retry): void {
  observer.observe({
    level: 'warn',
    event: 'run.retrying',
    message: `Attempt ${attempt} of "${job}" failed: ${sentence(messageOf(thrown))} The next one follows in ${Math.round(delayMs)} ms.`,
    fields: { job, election, token: token.toString(), attempt, stack: stackOf(thrown) },
  });
}

/** A run that takes longer than its `timeoutMs`. */
export interface Overdue {
  readonly job: string;
  readonly election: string;
  readonly token: bigint;
  readonly timeoutMs: number;
  /** How long its signal has been aborted. */
  readonly sinceMs: number;
}

/** Told when its signal is aborted, and once more when it goes on nevertheless. */
export function reportOverdue(observer: Observer, { job, election, token, timeoutMs, sinceMs }: Overdue): void {
  const fields = { job, election, token: token.toString(), timeoutMs };
  if (sinceMs === 0) {
    const message = `The run of "${job}" takes longer than its timeoutMs ${timeoutMs}: its signal is aborted. Until it settles it counts as running.`;
    return observer.observe({ level: 'warn', event: 'run.overdue', message, fields });
  }
  observer.observe({
    level: 'error',
    event: 'run.ignores-abort',
    message:
      `ZK_RUN_IGNORES_ABORT: the run of "${job}" still goes on ${sinceMs} ms after it was told to stop, and keeps the job's ticks from starting. Pass run.signal to ` +
      'everything it waits for; restart this replica if it never ends.',
    fields: { ...fields, code: 'ZK_RUN_IGNORES_ABORT', sinceMs },
  });
}
