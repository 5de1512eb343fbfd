import { randomUUID } from 'node:crypto';
import { MAX_LEASE_MS, waitMsFor } from '../../session/lease-length.js';
import { getOrUndefined, type NodeRead } from '../../session/nodes.js';
import { makeParents, withParents } from '../../session/parents.js';
import type { Session } from '../../session/session.js';
import { compareAndSetOrHeal } from '../../wire/compare-and-set.js';
import { isZooKeeperError } from '../../wire/errors.js';
import type { Op } from '../../wire/operations.js';
import type { LockPlace } from './lock.js';
import { oneAtATime } from './one-at-a-time.js';
import { encodeRecord, NEVER_HELD } from './record.js';
import type { Sightings } from './sightings.js';

const SETTLED = 'settled';
const SETTLING = 'settling:';

/**
 * Makes the node below which the line of a lock stands, or the nodes of a semaphore. Safe to repeat, and on every
 * replica at once.
 *
 * A lock that nobody has ever held is free at once; one whose node was deleted, by hand or with everything else, may
 * still be held by somebody who has not heard of it, and is waited for. What tells them apart is the folder of all
 * locks. Each node below it is made in a transaction that also writes the folder, with the count of changes of its
 * children that is right afterwards (`cversion`); so a count that is not right says that somebody else has deleted or
 * made something there. Whoever finds that, or finds no folder, writes `settling`; once that is older than any lease it
 * becomes `settled`, and only then new locks are free at once.
 */
export async function makeFolder(session: Session, { root, nodes }: LockPlace, sightings: Sightings): Promise<void> {
  // All of them write the root.
  if (root !== undefined) await oneAtATime(session, root, () => makeNamed(session, nodes, root, sightings));
  // Also what somebody has deleted below a node that is still there: without data nothing is known of it.
  const [first = ''] = nodes;
  if (root === undefined || nodes.length > 1) await makeParents(session, [...withParents(first), ...nodes.slice(1)]);
}

async function makeNamed(session: Session, nodes: readonly string[], root: string, sightings: Sightings): Promise<void> {
  for (;;) {
    const read = await getOrUndefined(session, root);
    if (read === undefined) {
      await makeParents(session, withParents(root));
      continue;
    }
    const next = nextState(read, root, sightings);
    // Without data nothing is known of it.
    const data = next === SETTLED ? encodeRecord(NEVER_HELD, 0) : Buffer.alloc(0);
    const makes = nodes.map((path): Op => ({ kind: 'create', path, data, mode: 'persistent', access: 'parent' }));
    try {
      await session.multi([...makes, ...written(read, root, next, 1)]);
      if (next !== SETTLED) sightings.leftMs(root, next, waitMsFor(MAX_LEASE_MS));
      return;
    } catch (thrown) {
      if (isZooKeeperError(thrown, 'node-exists')) return;
      if (!isZooKeeperError(thrown, 'bad-version', 'no-node')) throw thrown;
    }
  }
}

/** Best effort, after a wait: from now on new locks are free at once. */
export async function settle(session: Session, root: string, sightings: Sightings): Promise<void> {
  const read = await getOrUndefined(session, root);
  if (read === undefined || stateOf(read) === SETTLED) return;
  const next = nextState(read, root, sightings);
  if (next === SETTLED) await session.multi(written(read, root, next, 0));
}

/** Undefined: somebody has changed something below it. */
function stateOf({ data, stat }: NodeRead): string | undefined {
  const [state, count] = data.toString().split(' ');
  return Number(count) === stat.cversion ? state : undefined;
}

function nextState(read: NodeRead, root: string, sightings: Sightings): string {
  const state = stateOf(read);
  if (state === SETTLED) return SETTLED;
  if (state?.startsWith(SETTLING) !== true) return SETTLING + randomUUID();
  return sightings.leftMs(root, state, waitMsFor(MAX_LEASE_MS)) === 0 ? SETTLED : state;
}

/** `made`: how many children the same transaction makes. */
function written({ stat }: NodeRead, root: string, state: string, made: number): readonly Op[] {
  const data = Buffer.from(`${state} ${(stat.cversion + made) | 0}`);
  return compareAndSetOrHeal(root, data, stat.version);
}
