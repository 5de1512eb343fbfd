import { unlessAborted } from '../../support/abort.js';
import type { Clock } from '../../support/clock.js';

/** Until when something is waited for, and by whom. */
export interface Limit {
  readonly limitMs: number;
  /** Of the caller. */
  readonly signal: AbortSignal | undefined;
  /** What the caller hears when the time is over. */
  readonly tooLate: (waitedMs: number) => Error;
}

/**
 * What `work` answers, within the limit. The signal that `work` is given aborts when nobody waits for it any more; what
 * it does afterwards is nobody's.
 * @throws What `work` throws; the caller's reason; what `tooLate` makes.
 */
export async function limited<T>(clock: Clock, limit: Limit, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { limitMs, signal, tooLate } = limit;
  signal?.throwIfAborted();
  const ending = new AbortController();
  const startedMs = clock.monotonicMs();
  const timer = clock.after(limitMs, () => ending.abort(tooLate(Math.round(clock.monotonicMs() - startedMs))));
  const onAbort = (): void => ending.abort(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    return await unlessAborted(work(ending.signal), ending.signal);
  } finally {
    timer.cancel();
    signal?.removeEventListener('abort', onAbort);
  }
}
