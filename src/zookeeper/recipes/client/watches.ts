import { connectedWithin, reattached } from '../../session/connected.js';
import type { Session, Sessions } from '../../session/session.js';
import { MAX_DELAY_MS, type Clock } from '../../support/clock.js';
import { Latch } from '../../support/latch.js';
import { isConnectionLost, isSessionLost, isZooKeeperError } from '../../wire/errors.js';
import type { Stat, Watcher } from '../../wire/operations.js';

/** What a watch needs. */
export interface WatchParts {
  readonly sessions: Sessions;
  readonly clock: Clock;
  /** What cannot be done without a session, as a clause for the error. */
  readonly consequence: string;
}

/** One read, which leaves the watch. */
export type Look<T> = (session: Session, watch: Watcher) => Promise<T>;

/**
 * What `look` sees now, and again after each change of it: always the newest state, so changes in quick succession may
 * be one. Over reconnects and sessions; a state that has not changed meanwhile is not told again, and none is older
 * than the one before it. `versionOf`: what differs when the state does.
 */
export async function* watched<T>(
  { sessions, clock, consequence }: WatchParts,
  path: string,
  look: Look<T>,
  versionOf: (seen: T) => string,
  signal: AbortSignal = new AbortController().signal,
): AsyncGenerator<T, never, undefined> {
  let told: string | undefined;
  let before: Session | undefined;
  for (;;) {
    const session = await connectedWithin(sessions, clock, { timeoutMs: MAX_DELAY_MS, signal, consequence });
    const latch = new Latch(clock);
    const ring = (): void => latch.ring();
    session.ended.addEventListener('abort', ring, { once: true });
    try {
      // The server of a new session may be behind the one before.
      if (before !== undefined && before !== session) await session.sync(path);
      before = session;
      while (!session.ended.aborted) {
        const seen = await look(session, ring);
        const version = versionOf(seen);
        if (version !== told) {
          told = version;
          yield seen;
        }
        await latch.wait(signal);
        signal.throwIfAborted();
      }
    } catch (thrown) {
      if (!isConnectionLost(thrown) && !isSessionLost(thrown)) throw thrown;
      await reattached(session, signal);
    } finally {
      session.ended.removeEventListener('abort', ring);
      session.unwatch(path, ring);
    }
  }
}

/** The node with its data, or undefined when there is none; then its making is watched. */
export async function lookAtNode(
  session: Session,
  path: string,
  watch: Watcher,
): Promise<{ readonly data: Buffer; readonly stat: Stat } | undefined> {
  return orMissing(session, path, watch, () => session.get(path, { watch }));
}

/** The names of the children, sorted, or undefined when there is no node; then its making is watched. */
export async function lookAtChildren(
  session: Session,
  path: string,
  watch: Watcher,
): Promise<{ readonly names: readonly string[]; readonly stat: Stat } | undefined> {
  return orMissing(session, path, watch, () => session.children(path, { watch }));
}

async function orMissing<T>(session: Session, path: string, watch: Watcher, read: () => Promise<T>): Promise<T | undefined> {
  for (;;) {
    try {
      return await read();
    } catch (thrown) {
      if (!isZooKeeperError(thrown, 'no-node')) throw thrown;
    }
    if ((await session.exists(path, { watch })) === undefined) return undefined;
  }
}
