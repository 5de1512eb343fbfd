import { writeOnce } from '../../session/conditional-write.js';
import { getOrUndefined } from '../../session/nodes.js';
import type { Session } from '../../session/session.js';
import { compareAndSetOrHeal, versionAfter } from '../../wire/compare-and-set.js';
import { isZooKeeperError, type ZooKeeperError } from '../../wire/errors.js';
import { ANY_VERSION, type Op } from '../../wire/operations.js';
import type { LockPlace } from './lock.js';
import { encodeRecord, type LockRecord } from './record.js';

/**
 * Deletes the holder's node and writes into the lock's record that it was released, in one transaction: the proof that
 * lets the next one begin at once. A record that was edited by hand is written over. Without a node there is nothing to
 * give up, and nothing is proven. `version`: of the record, when it was claimed. Rejects as ZooKeeper does.
 */
export async function giveUp(session: Session, { path }: LockPlace, own: string, record: LockRecord, version: number): Promise<void> {
  let present: number | undefined = version;
  const outcome = await writeOnce<true>(session, {
    path,
    isPatient: true,
    send: async () => {
      present ??= (await getOrUndefined(session, path))?.stat.version;
      const remove: Op = { kind: 'delete', path: own, version: ANY_VERSION };
      await session.multi(present === undefined ? [remove] : [remove, ...released(path, record, present)]);
      return true;
    },
    meaningOf: (answer) => {
      if (isZooKeeperError(answer, 'no-node')) return 'the change';
      if (!isRecordMoved(answer)) return 'no refusal';
      present = undefined;
      return 'something beside it';
    },
    // Whatever has deleted it.
    find: async () => ((await session.exists(own)) === undefined ? true : undefined),
  });
  // Not known, and the session is over: so is the node.
  if (outcome.kind === 'unknown' || outcome.kind === 'unsent') throw outcome.error;
}

/** Written over is sound: nobody of us writes the record while the node is there. */
function released(path: string, record: LockRecord, version: number): readonly Op[] {
  return compareAndSetOrHeal(path, encodeRecord({ ...record, state: 'released' }, versionAfter(version)), version);
}

function isRecordMoved({ reason, details }: ZooKeeperError): boolean {
  return reason === 'bad-version' && details.opIndex !== 0;
}
