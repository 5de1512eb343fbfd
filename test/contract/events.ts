import type { Session } from '../../src/zookeeper/session/session.js';
import type { WatchEvent } from '../../src/zookeeper/wire/operations.js';

/** Watches `path`; once the watch is set, answers with a way to wait for its event. */
export async function watched(session: Session, path: string): Promise<() => Promise<WatchEvent>> {
  let tell: (event: WatchEvent) => void;
  const event = new Promise<WatchEvent>((resolve) => (tell = resolve));
  await session.exists(path, { watch: (seen) => tell(seen) });
  return () => event;
}

/** Resolves when the session is over. */
export function ended(session: Session): Promise<void> {
  return new Promise((resolve) => {
    if (session.ended.aborted) return resolve();
    session.ended.addEventListener('abort', () => resolve(), { once: true });
  });
}
