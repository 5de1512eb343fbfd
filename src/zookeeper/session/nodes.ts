import { isZooKeeperError, orUndefined } from '../wire/errors.js';
import { ANY_VERSION, CONTAINER_OWNER, type Op, type ReadOptions, type Stat } from '../wire/operations.js';
import type { Session } from './session.js';

/** So many nodes go in one transaction at most. */
const REMOVED_AT_ONCE = 200;

/** A node as read. */
export interface NodeRead {
  readonly data: Buffer;
  readonly stat: Stat;
}

/** The node as read, or undefined when there is none. The request is sent in the call. */
export function getOrUndefined(session: Session, path: string, options?: ReadOptions): Promise<NodeRead | undefined> {
  return orUndefined(session.get(path, options));
}

/** The names of what is below a node; none when there is no node. */
export async function childrenOf(session: Session, path: string, options?: ReadOptions): Promise<readonly string[]> {
  return (await orUndefined(session.children(path, options)))?.names ?? [];
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

/** Removes a node and everything below it. Safe to repeat, and to run on several replicas at once. */
export async function removeTree(session: Session, path: string): Promise<void> {
  await removeBelow(session, path);
  await session.delete(path, ANY_VERSION).catch((thrown: unknown) => {
    if (!isZooKeeperError(thrown, 'no-node')) throw thrown;
  });
}

/**
 * Removes everything below a node, which itself stays. Many leaves at once where there are many, as
 * the ids of triggers are.
 */
export async function removeBelow(session: Session, path: string): Promise<void> {
  const names = await childrenOf(session, path);
  for (let from = 0; from < names.length; from += REMOVED_AT_ONCE) {
    const children = names.slice(from, from + REMOVED_AT_ONCE).map((name) => `${path}/${name}`);
    const removals = children.map((child): Op => ({ kind: 'delete', path: child, version: ANY_VERSION }));
    const removed = await session.multi(removals).catch((thrown: unknown) => {
      if (!isZooKeeperError(thrown, 'not-empty', 'no-node')) throw thrown;
    });
    if (removed === undefined) for (const child of children) await removeTree(session, child);
  }
}

/**
 * Whose node this is, by its owner; never by its data, which anybody may have written and two replicas may share. A TTL
 * node (only with `extendedTypesEnabled`) looks like another session's until its time is over.
 */
export function ownerOf({ ephemeralOwner }: Stat, sessionId: bigint): 'this session' | 'another session' | 'nobody' {
  if (ephemeralOwner === sessionId) return 'this session';
  return ephemeralOwner === 0n || ephemeralOwner === CONTAINER_OWNER ? 'nobody' : 'another session';
}

/** The node's stat, if there is one and it belongs to this session: what its own data says counts for nothing. */
export async function ownNode(session: Session, path: string): Promise<Stat | undefined> {
  const stat = await session.exists(path);
  return stat !== undefined && ownerOf(stat, session.id) === 'this session' ? stat : undefined;
}
