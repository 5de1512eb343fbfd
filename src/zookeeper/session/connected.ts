import type { Session, Sessions, SessionState } from './session.js';
import type { Clock } from '../support/clock.js';
import { ClusterCronError } from '../support/errors.js';
import { isConnectionLost, isSessionLost } from '../wire/errors.js';

/** There is no session with ZooKeeper at this moment, or none has come while it was waited for. Nothing was sent. */
export class NotConnectedError extends ClusterCronError {
  /** `consequence`: what cannot be done now, as a clause. */
  constructor(
    waited?: { readonly ms: number; readonly state: SessionState },
    consequence = 'the jobs of the cluster cannot be asked or told anything',
  ) {
    const since = waited === undefined ? ' now' : `, after a wait of ${waited.ms} ms (${stateInWords(waited.state)})`;
    super('ZK_NOT_CONNECTED', `There is no ZooKeeper session${since}, so ${consequence}. Try again, or look at the session.`);
  }
}

function stateInWords(state: SessionState): string {
  switch (state.kind) {
    case 'idle':
      return 'the application has not started yet: do not wait for this in a lifecycle hook';
    case 'stopped':
      return 'the application has stopped';
    case 'connecting':
    case 'detached':
      return state.lastError === undefined ? state.kind : `${state.kind}: ${state.lastError}`;
    case 'attached':
      return state.kind;
  }
}

/** For how long something is waited for. */
export interface Waiting {
  /** 0: not at all. */
  readonly timeoutMs: number;
  /** Ends the wait with its reason. */
  readonly signal?: AbortSignal | undefined;
  /**
   * What cannot be done without a session, as a clause for the error. Default: as for commands to the cluster's jobs.
   */
  readonly consequence?: string | undefined;
}

/**
 * The session in force, attached; waits until there is one.
 * @throws {NotConnectedError} when there is none in time, and at once when none will come, because the application has
 * stopped. The signal's reason.
 */
export async function connectedWithin(sessions: Sessions, clock: Clock, { timeoutMs, signal, consequence }: Waiting): Promise<Session> {
  signal?.throwIfAborted();
  const startedMs = clock.monotonicMs();
  const waiting = new AbortController();
  const giveUp = (): void =>
    waiting.abort(new NotConnectedError({ ms: Math.round(clock.monotonicMs() - startedMs), state: sessions.state() }, consequence));
  const abort = (): void => waiting.abort(signal?.reason);
  const isAttached = sessions.current()?.attached === true;
  if (!isAttached && (timeoutMs <= 0 || sessions.state().kind === 'stopped')) giveUp();
  const timer = isAttached || waiting.signal.aborted ? undefined : clock.after(timeoutMs, giveUp);
  const release = sessions.onState(({ kind }) => {
    if (kind === 'stopped') giveUp();
  });
  signal?.addEventListener('abort', abort, { once: true });
  try {
    return await connected(sessions, waiting.signal);
  } finally {
    timer?.cancel();
    release();
    signal?.removeEventListener('abort', abort);
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

/**
 * ZooKeeper could not be asked: there is no session, or the connection or the session was lost on the way. The session
 * tells of it, so nobody else need.
 */
export function isUnreachable(thrown: unknown): boolean {
  return thrown instanceof NotConnectedError || isConnectionLost(thrown) || isSessionLost(thrown);
}
