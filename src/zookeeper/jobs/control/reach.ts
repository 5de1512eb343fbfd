import { sleep } from '../../support/abort.js';
import { backoffMs } from '../../support/backoff.js';
import type { Clock } from '../../support/clock.js';
import { NotConnectedError, type Waiting } from '../../session/connected.js';
import type { JobStore } from '../persistence/job-store.js';
import { OrderNotSentError } from './errors.js';

/** What is waited for before the cluster is asked or told something. */
export interface ReachParts {
  readonly store: JobStore;
  readonly clock: Clock;
  /**
   * Resolves when the cluster knows the job, where it is in the code of this replica and about to be declared, or when
   * the wait is over: then the command itself tells what is missing. Without a name: all jobs of this replica.
   */
  readonly declared?: ((job: string | undefined, waiting: Waiting) => Promise<void>) | undefined;
}

/**
 * Does `work` as soon as ZooKeeper can be reached: a process that has just started has no session yet. Does it again
 * when it could not be sent after all, which has changed nothing.
 * @throws {NotConnectedError} when ZooKeeper could not be reached in time. The signal's reason.
 * What `work` rejects with.
 */
export async function reach<T>(
  { store, clock, declared }: ReachParts,
  job: string | undefined,
  { timeoutMs, signal }: Waiting,
  work: () => Promise<T>,
): Promise<T> {
  const deadlineMs = clock.monotonicMs() + timeoutMs;
  const left = (): Waiting => ({ timeoutMs: Math.max(0, deadlineMs - clock.monotonicMs()), signal });
  for (let tries = 0; ; tries += 1) {
    signal?.throwIfAborted();
    await store.ready(left());
    await declared?.(job, left());
    try {
      return await work();
    } catch (thrown) {
      const { timeoutMs: leftMs } = left();
      if (!(thrown instanceof NotConnectedError || thrown instanceof OrderNotSentError) || leftMs <= 0) throw thrown;
      await sleep(clock, Math.min(leftMs, backoffMs(tries, 20, 1_000)), signal);
    }
  }
}
