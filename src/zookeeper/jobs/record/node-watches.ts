import type { Session, Sessions } from '../../session/session.js';
import type { WatchEvent } from '../../wire/operations.js';

/**
 * Tells of changes of one node until released: after each of its events, and whenever something may have been missed (a reattachment, a new session). The
 * watch is armed again before the listener is called, so what the listener reads is not older than the watch.
 */
export function watchNode(sessions: Sessions, path: string, listener: () => void): () => void {
  let armedOn: Session | undefined;
  let released = false;
  const releases: (() => void)[] = [];
  const arm = (session: Session): void => {
    armedOn = session;
    session.exists(path, { watch: onEvent }).catch(() => {
      if (armedOn === session) armedOn = undefined;
    });
  };
  const onEvent = (): void => {
    const session = armedOn;
    if (released || session === undefined) return;
    arm(session);
    listener();
  };
  let isFirst = true;
  const onSession = (session: Session): void => {
    arm(session);
    releases.push(
      session.onAttached(() => {
        if (armedOn !== session) arm(session);
        listener();
      }),
    );
    if (!isFirst) listener();
  };
  releases.push(sessions.onSession(onSession));
  isFirst = false;
  return () => {
    released = true;
    for (const release of releases.splice(0)) release();
    armedOn?.unwatch(path, onEvent);
  };
}

/** Calls `listener` once: when one of these nodes is gone, or may have gone unseen. */
export function watchForAbsence(sessions: Sessions, paths: readonly string[], listener: () => void): () => void {
  const releases: (() => void)[] = [];
  let over = false;
  const end = (): void => {
    over = true;
    for (const release of releases.splice(0)) release();
  };
  const tell = (): void => {
    if (over) return;
    end();
    listener();
  };
  const session = sessions.current();
  if (session === undefined) {
    releases.push(sessions.onSession(tell));
    return end;
  }
  const onEvent = ({ type }: WatchEvent): void => {
    if (type === 'deleted') tell();
    else look();
  };
  const look = (): void => {
    for (const path of paths) {
      if (over) return;
      session.exists(path, { watch: onEvent }).then((stat) => {
        if (stat === undefined) tell();
      }, tell);
    }
  };
  releases.push(session.onAttached(tell));
  session.ended.addEventListener('abort', tell, { once: true });
  releases.push(() => {
    session.ended.removeEventListener('abort', tell);
    for (const path of paths) session.unwatch(path, onEvent);
  });
  look();
  return end;
}
