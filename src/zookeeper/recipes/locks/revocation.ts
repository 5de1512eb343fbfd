import type { Session } from '../../session/session.js';
import { isZooKeeperError } from '../../wire/errors.js';
import { ANY_VERSION } from '../../wire/operations.js';
import { childrenOf } from '../../session/nodes.js';
import { leadersOf, lineOf } from './contenders.js';
import type { LockPlace } from './lock.js';

/** What Curator's Revoker writes into the node of whoever is asked (LockInternals.REVOKE_MESSAGE, 5.4). */
export const REVOKE = '__REVOKE__';

/** Asks all who hold it, or are the next to. How many were asked. */
export async function requestRevocation(session: Session, { path }: LockPlace): Promise<number> {
  const holders = leadersOf(lineOf(await childrenOf(session, path)));
  const asked = await Promise.all(holders.map(({ name }) => ask(session, `${path}/${name}`)));
  return asked.filter(Boolean).length;
}

async function ask(session: Session, node: string): Promise<boolean> {
  try {
    await session.set(node, Buffer.from(REVOKE), ANY_VERSION);
    return true;
  } catch (thrown) {
    if (isZooKeeperError(thrown, 'no-node')) return false;
    throw thrown;
  }
}
