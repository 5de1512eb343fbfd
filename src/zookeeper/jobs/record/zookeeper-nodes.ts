import type { Session } from '../../session/session.js';
import { isZooKeeperError } from '../../wire/errors.js';
import { ANY_VERSION, type Op } from '../../wire/operations.js';

const REMOVED_AT_ONCE = 200;

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

/** Removes a node and everything below it. Many leaves at once where they are many, as the ids of triggers are. */
export async function removeTree(session: Session, path: string): Promise<void> {
  const names = await childrenOf(session, path);
  for (let from = 0; from < names.length; from += REMOVED_AT_ONCE) {
    const children = names.slice(from, from + REMOVED_AT_ONCE).map((name) => `${path}/${name}`);
    const removals = children.map((child): Op => ({ kind: 'delete', path: child, version: ANY_VERSION }));
    const removed = await session.multi(removals).catch((thrown: unknown) => {
      if (!isZooKeeperError(thrown, 'not-empty', 'no-node')) throw thrown;
    });
    if (removed === undefined) for (const child of children) await removeTree(session, child);
  }
  await session.delete(path, ANY_VERSION).catch((thrown: unknown) => {
    if (!isZooKeeperError(thrown, 'no-node')) throw thrown;
  });
}
