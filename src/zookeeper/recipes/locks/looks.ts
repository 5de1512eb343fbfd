import { reattached } from '../../session/connected.js';
import type { Session } from '../../session/session.js';
import { Latch } from '../../support/latch.js';
import { isConnectionLost, isSessionLost } from '../../wire/errors.js';
import type { Wait } from './waiting.js';

/** Looks again and again until the answer is known, also over lost connections of the same session. */
export async function lookUntilKnown<T>(session: Session, wait: Wait, look: () => Promise<T | 'again'>): Promise<T | 'session over'> {
  for (;;) {
    wait.signal.throwIfAborted();
    try {
      const outcome = await look();
      if (outcome !== 'again') return outcome;
    } catch (thrown) {
      if (!isConnectionLost(thrown) && !isSessionLost(thrown)) throw thrown;
      if (isSessionLost(thrown) || !(await reattached(session, wait.signal))) {
        wait.signal.throwIfAborted();
        return 'session over';
      }
    }
    if (session.ended.aborted) return 'session over';
  }
}

/** Until one of these nodes has changed or is not there, `latch` rings, or after `limitMs`. Leaves no watch. */
export async function untilChanged(
  session: Session,
  paths: readonly string[],
  latch: Latch,
  { signal, limitMs }: { readonly signal: AbortSignal; readonly limitMs?: number | undefined },
): Promise<void> {
  const ring = (): void => latch.ring();
  session.ended.addEventListener('abort', ring, { once: true });
  try {
    const found = await Promise.all(paths.map((path) => session.exists(path, { watch: ring })));
    if (!found.includes(undefined) && !session.ended.aborted) await latch.wait(signal, limitMs);
  } finally {
    session.ended.removeEventListener('abort', ring);
    for (const path of paths) session.unwatch(path, ring);
  }
}
