import { sleep } from '../support/abort.js';
import { backoffMs } from '../support/backoff.js';
import type { Clock } from '../support/clock.js';
import type { Latch } from '../support/latch.js';
import { isConnectionLost } from '../wire/errors.js';
import type { Session } from './session.js';

const FIRST_MS = 100;

/** What is tried again over one session. */
export interface Retried {
  readonly session: Session;
  readonly clock: Clock;
  /** Is rung with each attachment of the session. */
  readonly latch: Latch;
  /** The longest pause. */
  readonly maxMs: number;
}

/**
 * The pauses of a loop over one session, between a step that has failed and the next one. A lost connection
 * heals with the next attachment, which is waited for; anything else is tried again after a pause that doubles
 * with each failure in a row.
 */
export class FailurePauses {
  private failures = 0;

  constructor(private readonly retried: Retried) {}

  /** A step has gone well: the next failure is the first. */
  succeeded(): void {
    this.failures = 0;
  }

  /**
   * Resolves when the next step may be tried, or `signal` aborts; never rejects. `report` is called, with the pause and
   * how many failures in a row came before, unless the connection was lost, of which the session tells.
   */
  async after(thrown: unknown, signal: AbortSignal, report: (delayMs: number, failures: number) => void): Promise<void> {
    const { session, clock, latch, maxMs } = this.retried;
    if (signal.aborted) return;
    if (isConnectionLost(thrown)) {
      while (!session.attached && !signal.aborted) await latch.wait(signal);
      return;
    }
    const delayMs = backoffMs(this.failures, FIRST_MS, maxMs);
    report(Math.round(delayMs), this.failures);
    this.failures += 1;
    await sleep(clock, delayMs, signal).catch(() => undefined);
  }
}
