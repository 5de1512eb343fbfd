import { writeOnce } from '../../session/conditional-write.js';
import { getOrUndefined } from '../../session/nodes.js';
import { compareAndSet, compareAndSetOrHeal, versionAfter } from '../../wire/compare-and-set.js';
import { isZooKeeperError, type ZooKeeperError } from '../../wire/errors.js';
import { ANY_VERSION, type Op } from '../../wire/operations.js';
import type { ContenderNode } from './contender-node.js';
import { encodeRecord, readRecord, type LockRecord } from './record.js';

/** What the record is known to be. */
interface Known {
  readonly record: LockRecord | undefined;
  readonly version: number;
}

/**
 * Deletes the holder's node and writes into the lock's record that it was released, in one transaction: the proof that
 * lets the next one begin at once. Without a node there is nothing to give up, and nothing is proven. `claimed`: the
 * record as it was when the lock was taken. Rejects as ZooKeeper does.
 */
export async function giveUp(node: ContenderNode, claimed: { readonly record: LockRecord; readonly version: number }): Promise<void> {
  const { session, place } = node;
  let known: Known | undefined = claimed;
  // Others who share it have most likely changed it since.
  let isKnown = claimed.record.state !== 'shared' || claimed.record.sharers.length === 1;
  const outcome = await writeOnce<true>(session, {
    path: place.path,
    isPatient: true,
    send: async () => {
      if (!isKnown) known = await present(node);
      const remove: Op = { kind: 'delete', path: node.path, version: ANY_VERSION };
      const proof =
        known === undefined ? [] : claimed.record.state === 'shared' ? withoutSharer(node, known) : released(node, claimed.record, known);
      await session.multi([remove, ...proof]);
      return true;
    },
    meaningOf: (answer) => {
      if (isZooKeeperError(answer, 'no-node')) return 'the change';
      if (!isRecordMoved(answer)) return 'no refusal';
      isKnown = false;
      return 'something beside it';
    },
    // Whatever has deleted it.
    find: async () => ((await session.exists(node.path)) === undefined ? true : undefined),
  });
  // Not known, and the session is over: so is the node.
  if (outcome.kind === 'unknown' || outcome.kind === 'unsent') throw outcome.error;
}

async function present({ session, place }: ContenderNode): Promise<Known | undefined> {
  const found = await getOrUndefined(session, place.path);
  return found && { record: readRecord(found.data, found.stat).record, version: found.stat.version };
}

/** Of one who was alone. Written over is sound: nobody of us writes the record while the node is there. */
function released({ place: { path } }: ContenderNode, record: LockRecord, { version }: Known): readonly Op[] {
  if (record.state === 'shared') return [];
  return compareAndSetOrHeal(path, encodeRecord({ ...record, state: 'released' }, versionAfter(version)), version);
}

/**
 * One who shares takes its own name out. A record that does not have it, because somebody has edited it, proves
 * nothing, and stays.
 */
function withoutSharer({ place: { path }, id }: ContenderNode, { record, version }: Known): readonly Op[] {
  if (record?.state !== 'shared') return [];
  const own = record.sharers.find((sharer) => sharer.id === id);
  if (own === undefined) return [];
  const sharers = record.sharers.filter((sharer) => sharer !== own);
  const { floor } = record;
  const next: LockRecord = sharers.length > 0 ? { state: 'shared', sharers, floor } : { state: 'released', holder: own, floor };
  return compareAndSet(path, encodeRecord(next, versionAfter(version)), version);
}

function isRecordMoved({ reason, details }: ZooKeeperError): boolean {
  return reason === 'bad-version' && details.opIndex !== 0;
}
