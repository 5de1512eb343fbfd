import { writeOnce } from '../../session/conditional-write.js';
import type { Lease, LeaseKeeper } from '../../session/lease.js';
import { getOrUndefined } from '../../session/nodes.js';
import type { Session } from '../../session/session.js';
import { floorForWin, tokenOf } from '../../support/token.js';
import { compareAndSet, versionAfter } from '../../wire/compare-and-set.js';
import { isZooKeeperError, type ZooKeeperError } from '../../wire/errors.js';
import { ANY_VERSION, type OpResult } from '../../wire/operations.js';
import { SessionOver, type ContenderNode } from './contender-node.js';
import type { LockPlace } from './lock.js';
import { encodeRecord, readRecord, type LockRecord, type RecordRead } from './record.js';

/** What a claim needs that is not in ZooKeeper. */
export interface ClaimParts {
  readonly keeper: LeaseKeeper;
  readonly address: string;
  /** The highest token that this process has seen. */
  readonly seenToken: bigint;
}

/** A lock that was taken. */
export interface Claimed {
  readonly fencingToken: bigint;
  readonly record: LockRecord;
  /** The record's version. */
  readonly version: number;
  readonly lease: Lease;
}

/**
 * Takes the lock: one transaction that is refused when the own node has gone, or the record is not any more what was
 * read. `'again'`: it is not.
 * @throws {SessionOver}
 */
export async function claim(node: ContenderNode, read: RecordRead, parts: ClaimParts): Promise<Claimed | 'again' | 'gone'> {
  const { session, place, id } = node;
  const { keeper, address, seenToken } = parts;
  const floor = floorForWin(read.record?.floor, seenToken, session.lastZxid);
  const record: LockRecord = { state: 'held', holder: id, address, leaseMs: keeper.lengthMs, floor };
  const version = versionAfter(read.stat.version);
  const data = encodeRecord(record, version);
  let lease = keeper.leaseFromNow();
  let isNodeGone = false;
  const outcome = await writeOnce<bigint>(session, {
    path: place.path,
    isPatient: true,
    send: async () => {
      lease = keeper.leaseFromNow();
      const check = { kind: 'check', path: node.path, version: ANY_VERSION } as const;
      return zxidOf(await session.multi([check, ...compareAndSet(place.path, data, read.stat.version)]));
    },
    meaningOf: (answer) => {
      isNodeGone = isOwnNodeMissing(answer);
      return isZooKeeperError(answer, 'no-node', 'bad-version') ? 'the change' : 'no refusal';
    },
    find: () => claimedZxid(session, place, id),
  });
  // Also when a claim whose reply was lost had been carried out: the lease is that of an attempt at which the node was
  // not there any more.
  if (isNodeGone) return 'gone';
  if (outcome.kind === 'refused') return 'again';
  if (outcome.kind !== 'done') throw new SessionOver();
  return { fencingToken: tokenOf(floor, outcome.value), record, version, lease };
}

function isOwnNodeMissing({ reason, details }: ZooKeeperError): boolean {
  return reason === 'no-node' && details.opIndex === 0;
}

function zxidOf(results: readonly OpResult[]): bigint {
  const set = results.findLast((result) => result.kind === 'set');
  if (set === undefined) throw new Error('a claim was answered without what it has set');
  return set.stat.mzxid;
}

/** The zxid of the claim whose reply was lost, if it was carried out. */
async function claimedZxid(session: Session, place: LockPlace, id: string): Promise<bigint | undefined> {
  const found = await getOrUndefined(session, place.path);
  const read = found && readRecord(found.data, found.stat);
  return read?.record?.state === 'held' && read.record.holder === id ? read.stat.mzxid : undefined;
}
