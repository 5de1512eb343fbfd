import { reattached } from '../../session/connected.js';
import type { Session } from '../../session/session.js';
import { Latch } from '../../support/latch.js';
import { isConnectionLost, isSessionLost } from '../../wire/errors.js';
import { SessionOver, type ContenderNode } from './contender-node.js';
import type { Wait } from './waiting.js';

/** Looks again and again until the answer is known, also over lost connections of the same session. */
async function lookUntilKnown<T>(session: Session, wait: Wait, look: () => Promise<T | 'again'>): Promise<T | 'session over'> {
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

/**
 * Stands in line with a node of `nodeOf` until `look` knows the answer, and anew when that node has gone. Whatever
 * happens: unless the answer is what is held now, there is no node of it left, or there will not be.
 */
export async function standInLine<Held extends object>(
  session: Session,
  wait: Wait,
  nodeOf: () => ContenderNode,
  look: (node: ContenderNode) => Promise<Held | 'busy' | 'gone' | 'again'>,
): Promise<Held | 'busy' | 'session over'> {
  for (;;) {
    const node = nodeOf();
    let outcome: Held | 'busy' | 'gone' | 'session over' | undefined;
    try {
      await node.make();
      outcome = await lookUntilKnown(session, wait, () => look(node));
      if (outcome !== 'gone') return outcome;
    } catch (thrown) {
      if (thrown instanceof SessionOver) return 'session over';
      throw thrown;
    } finally {
      if (typeof outcome !== 'object') await node.remove();
    }
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
