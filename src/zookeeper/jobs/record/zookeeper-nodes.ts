import type { Session } from '../../session/session.js';
import { isZooKeeperError } from '../../wire/errors.js';

/** The node, or undefined when there is none. */
export async function getOrUndefined(session: Session, path: string): Promise<Awaited<ReturnType<Session['get']>> | undefined> {
  try {
    return await session.get(path);
  } catch (thrown) {
    if (isZooKeeperError(thrown, 'no-node')) return undefined;
    throw thrown;
  }
}

/** The names of what is below a node; none when there is no node. */
export async function childrenOf(session: Session, path: string): Promise<readonly string[]> {
  try {
    return (await session.children(path)).names;
  } catch (thrown) {
    if (isZooKeeperError(thrown, 'no-node')) return [];
    throw thrown;
  }
}

/** Makes a node unless it is there. True: made. */
export async function createIfMissing(session: Session, path: string, data: Buffer): Promise<boolean> {
  try {
    await session.create(path, data, 'persistent');
    return true;
  } catch (thrown) {
    if (isZooKeeperError(thrown, 'node-exists')) return false;
    throw thrown;
  }
}
