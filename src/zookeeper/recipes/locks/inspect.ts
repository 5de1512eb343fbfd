import { hexId } from '../../session/errors.js';
import { childrenOf, getOrUndefined } from '../../session/nodes.js';
import type { Session } from '../../session/session.js';
import { tokenOf } from '../../support/token.js';
import { lineOf } from './contenders.js';
import type { LockContender, LockPlace, LockView } from './lock.js';
import { readRecord } from './record.js';

/** So many of those who wait are read one by one. */
const MAX_SHOWN = 100;

/** Longer texts are cut. */
const MAX_ADDRESS_LENGTH = 200;

/** Who stands in the line of a lock. Some reads for each: for people. */
export async function inspectLock(session: Session, place: LockPlace): Promise<LockView> {
  const [found, names] = await Promise.all([getOrUndefined(session, place.path), childrenOf(session, place.path)]);
  const line = lineOf(names);
  const shown = await Promise.all(
    line.slice(0, MAX_SHOWN + 1).map(async ({ name, id }) => ({ id, contender: await contenderAt(session, `${place.path}/${name}`) })),
  );
  const present = shown.flatMap(({ id, contender }) => (contender === undefined ? [] : [{ id, contender }]));
  const [first, ...waiting] = present;
  const read = found && readRecord(found.data, found.stat);
  const { record } = read ?? {};
  const isHolder = record?.state === 'held' && record.holder === first?.id;
  return {
    holder: first && { ...first.contender, token: isHolder && read ? tokenOf(record.floor, read.stat.mzxid) : undefined },
    waiting: waiting.map(({ contender }) => contender),
    waitingCount: Math.max(waiting.length, line.length - 1 - (shown.length - present.length)),
  };
}

async function contenderAt(session: Session, path: string): Promise<LockContender | undefined> {
  const read = await getOrUndefined(session, path);
  if (read === undefined) return undefined;
  const { data, stat } = read;
  return {
    address: data.toString('utf8').slice(0, MAX_ADDRESS_LENGTH),
    session: hexId(stat.ephemeralOwner),
    since: new Date(stat.ctimeMs),
  };
}
