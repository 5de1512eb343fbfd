import type { Session, Sessions } from '../../session/session.js';
import { ClusterCronError } from '../../support/errors.js';

/** There is no session with ZooKeeper at this moment. Nothing was sent. */
export class NotConnectedError extends ClusterCronError {
  constructor() {
    super(
      'ZK_NOT_CONNECTED',
      'There is no ZooKeeper session now, so the jobs of the cluster cannot be asked or told anything. Try again, or look at the session.',
    );
  }
}

/**
 * The session in force, attached. Without a signal it must be there now.
 * @throws {NotConnectedError} when it is not; with a signal, its reason once it aborts.
 */
export async function connected(sessions: Sessions, signal?: AbortSignal): Promise<Session> {
  signal?.throwIfAborted();
  const session = sessions.current();
  if (session?.attached === true) return session;
  if (signal === undefined) throw new NotConnectedError();
  return new Promise((resolve, reject) => {
    const releases: (() => void)[] = [];
    const end = (): void => {
      for (const release of releases) release();
    };
    const attached = (now: Session): void => {
      if (!now.attached) return;
      end();
      resolve(now);
    };
    const aborted = (): void => {
      end();
      reject(signal.reason as Error);
    };
    signal.addEventListener('abort', aborted, { once: true });
    releases.push(() => signal.removeEventListener('abort', aborted));
    releases.push(
      sessions.onSession((next) => {
        releases.push(next.onAttached(() => attached(next)));
        attached(next);
      }),
    );
  });
}

/** Resolves with true when the session is attached (again), with false when it has ended or the signal aborts. */
export function reattached(session: Session, signal?: AbortSignal): Promise<boolean> {
  if (session.ended.aborted || signal?.aborted === true) return Promise.resolve(false);
  if (session.attached) return Promise.resolve(true);
  return new Promise((resolve) => {
    const answer = (is: boolean): void => {
      release();
      session.ended.removeEventListener('abort', over);
      signal?.removeEventListener('abort', over);
      resolve(is);
    };
    const over = (): void => answer(false);
    const release = session.onAttached(() => answer(true));
    session.ended.addEventListener('abort', over, { once: true });
    signal?.addEventListener('abort', over, { once: true });
  });
}
