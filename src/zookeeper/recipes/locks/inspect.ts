import { hexId } from '../../session/errors.js';
import { childrenOf, getOrUndefined } from '../../session/nodes.js';
import type { Session } from '../../session/session.js';
import { tokenOf } from '../../support/token.js';
import { leadersOf, lineOf, type Contender } from './contenders.js';
import type { LockContender, LockPlace, LockView, SemaphoreView } from './lock.js';
import { holdersIn, readRecord } from './record.js';
import { REVOKE } from './revocation.js';
import type { SemaphorePlace } from './semaphore.js';

/** So many of those who hold it, and of those who wait, are read one by one. */
const MAX_SHOWN = 100;

/** Longer texts are cut. */
const MAX_ADDRESS_LENGTH = 200;

/** Who stands in the line of a lock. Some reads for each: for people. */
export async function inspectLock(session: Session, place: LockPlace): Promise<LockView> {
  const [found, names] = await Promise.all([getOrUndefined(session, place.path), childrenOf(session, place.path)]);
  const line = lineOf(names);
  const leaders = leadersOf(line);
  const read = found && readRecord(found.data, found.stat);
  const { record } = read ?? {};
  const [present, waiting] = await Promise.all([
    seen(session, place, leaders.slice(0, MAX_SHOWN)),
    seen(session, place, line.slice(leaders.length, leaders.length + MAX_SHOWN)),
  ]);
  const holders = present.map(({ id, contender }) => {
    const isHolder = read !== undefined && record?.state === 'held' && record.holder.id === id;
    // Whoever asks for the lock writes over what the node has said.
    const address = contender.address || (holdersIn(record).find((holder) => holder.id === id)?.address ?? '');
    return { ...contender, address, token: isHolder ? tokenOf(record.floor, read.stat.mzxid) : undefined };
  });
  return {
    holder: holders[0],
    holders,
    waiting: waiting.map(({ contender }) => contender),
    waitingCount: line.length - leaders.length,
  };
}

/** Who holds permits of a semaphore, and who waits. Some reads for each: for people. */
export async function inspectSemaphore(session: Session, { line, leases }: SemaphorePlace): Promise<SemaphoreView> {
  const [held, names] = await Promise.all([childrenOf(session, leases.path), childrenOf(session, line.path)]);
  const waits = lineOf(names);
  const permits = held.map((name) => ({ name, id: undefined, shares: true }));
  const [holders, waiting] = await Promise.all([
    seen(session, leases, permits.slice(0, MAX_SHOWN)),
    seen(session, line, waits.slice(0, MAX_SHOWN)),
  ]);
  return {
    holders: holders.map(({ contender }) => contender),
    heldCount: held.length,
    waiting: waiting.map(({ contender }) => contender),
    waitingCount: waits.length,
  };
}

interface SeenContender {
  readonly id: string | undefined;
  readonly contender: LockContender;
}

/** Those of them who are still there. */
async function seen(
  session: Session,
  place: LockPlace,
  some: readonly Pick<Contender, 'name' | 'id' | 'shares'>[],
): Promise<readonly SeenContender[]> {
  const read = await Promise.all(
    some.map(async ({ name, id, shares }) => ({ id, contender: await contenderAt(session, `${place.path}/${name}`, shares) })),
  );
  return read.flatMap(({ id, contender }) => (contender === undefined ? [] : [{ id, contender }]));
}

async function contenderAt(session: Session, path: string, shares: boolean): Promise<LockContender | undefined> {
  const read = await getOrUndefined(session, path);
  if (read === undefined) return undefined;
  const { data, stat } = read;
  const text = data.toString('utf8');
  return {
    node: path,
    shares,
    address: text === REVOKE ? '' : text.slice(0, MAX_ADDRESS_LENGTH),
    session: hexId(stat.ephemeralOwner),
    since: new Date(stat.ctimeMs),
  };
}
