import type { Session } from '../../session/session.js';

/** The last one under way, for each session and key. */
const lasts = new WeakMap<Session, Map<string, Promise<unknown>>>();

/**
 * Runs `work` when what was given before for the same session and key has ended: of changes of one node, made at once
 * by one session, all but one would be refused each time. `hasWaited`: what was read before may have changed since.
 */
export function oneAtATime<T>(session: Session, key: string, work: (hasWaited: boolean) => Promise<T>): Promise<T> {
  const ofSession = lasts.get(session) ?? new Map<string, Promise<unknown>>();
  lasts.set(session, ofSession);
  const before = ofSession.get(key);
  const done = before === undefined ? work(false) : before.then(() => work(true));
  const last = done
    .catch(() => undefined)
    .then(() => {
      if (ofSession.get(key) === last) ofSession.delete(key);
    });
  ofSession.set(key, last);
  return done;
}
