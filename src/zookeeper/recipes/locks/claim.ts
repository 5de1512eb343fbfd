import { writeOnce } from '../../session/conditional-write.js';
import type { Lease, LeaseKeeper } from '../../session/lease.js';
import { MAX_LEASE_MS, waitMsFor } from '../../session/lease-length.js';
import { getOrUndefined } from '../../session/nodes.js';
import type { Session } from '../../session/session.js';
import { floorForWin, tokenOf } from '../../support/token.js';
import { compareAndSet, versionAfter } from '../../wire/compare-and-set.js';
import { isZooKeeperError, type ZooKeeperError } from '../../wire/errors.js';
import { ANY_VERSION, type OpResult } from '../../wire/operations.js';
import { SessionOver, type ContenderNode } from './contender-node.js';
import { leadersOf, type Contender } from './contenders.js';
import { LockCrowdedError } from './errors.js';
import type { LockPlace } from './lock.js';
import { encodeRecord, holdersIn, readRecord, type LockOwner, type LockRecord, type RecordedHolder, type RecordRead } from './record.js';
import type { Sightings } from './sightings.js';

/** What a claim needs that is not in ZooKeeper. */
export interface ClaimParts {
  readonly keeper: LeaseKeeper;
  readonly address: string;
  readonly sightings: Sightings;
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

/** So many of ours share one lock at most: the record names each of them. */
export const MAX_SHARERS = 500;

/**
 * Takes the lock: one transaction that is refused when the own node has gone, or the record is not any more what was
 * read. `'again'`: it is not. `line`: as read after the record.
 * @throws {SessionOver} {@link LockCrowdedError}
 */
export async function claim(
  node: ContenderNode,
  read: RecordRead,
  line: readonly Contender[],
  parts: ClaimParts,
): Promise<Claimed | 'again' | 'gone'> {
  const { session, place, id } = node;
  const { keeper, address, seenToken } = parts;
  const floor = floorForWin(read.record?.floor, seenToken, session.lastZxid);
  const own: RecordedHolder = { id, address, leaseMs: keeper.lengthMs };
  const owner: LockOwner =
    node.mode === 'read'
      ? { state: 'shared', sharers: sharersWith([own], read, { present: line, unknown: readersIn(line) }, place, parts) }
      : { state: 'held', holder: own };
  const record: LockRecord = { ...owner, floor };
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

/**
 * All who may share it once `own` do. `line`: who is there, as read after the record. `unknown`: who may hold it when
 * there is no record.
 * @throws {LockCrowdedError}
 */
export function sharersWith(
  own: readonly RecordedHolder[],
  { record }: RecordRead,
  line: { readonly present: readonly Pick<Contender, 'id'>[]; readonly unknown: readonly Pick<Contender, 'id'>[] },
  place: LockPlace,
  { sightings }: ClaimParts,
): readonly RecordedHolder[] {
  const { present, unknown } = line;
  const others = record === undefined ? unknownHolders(unknown) : record.state === 'shared' ? holdersIn(record) : [];
  // One that has gone stays until it cannot believe any more: it is waited for by whoever it excludes.
  const isOver = ({ id, leaseMs }: RecordedHolder): boolean =>
    !present.some((one) => one.id === id) && sightings.leftMs(place.path, `sharer ${id}`, waitMsFor(leaseMs)) === 0;
  const sharers = [...others.filter((other) => !own.some(({ id }) => id === other.id) && !isOver(other)), ...own];
  if (sharers.length > MAX_SHARERS) throw new LockCrowdedError(place.name, sharers.length - own.length, MAX_SHARERS);
  return sharers;
}

/** Each of them may be one of ours that believes, and is not to be forgotten. */
function unknownHolders(unknown: readonly Pick<Contender, 'id'>[]): readonly RecordedHolder[] {
  return unknown.flatMap(({ id }) => (id === undefined ? [] : [{ id, address: '', leaseMs: MAX_LEASE_MS }]));
}

/** Those whom nobody keeps from reading. One that waits is no holder: whoever it waits for would wait for it. */
function readersIn(line: readonly Contender[]): readonly Contender[] {
  return leadersOf(line).filter(({ shares }) => shares);
}

function isOwnNodeMissing({ reason, details }: ZooKeeperError): boolean {
  return reason === 'no-node' && details.opIndex === 0;
}

function zxidOf(results: readonly OpResult[]): bigint {
  const set = results.findLast((result) => result.kind === 'set');
  if (set === undefined) throw new Error('a claim was answered without what it has set');
  return set.stat.mzxid;
}

/**
 * The zxid of the claim whose reply was lost, if it was carried out. Not for a reader, whose claim others may have
 * followed since: it claims again, and is named once.
 */
async function claimedZxid(session: Session, place: LockPlace, id: string): Promise<bigint | undefined> {
  const found = await getOrUndefined(session, place.path);
  const read = found && readRecord(found.data, found.stat);
  return read?.record?.state === 'held' && read.record.holder.id === id ? read.stat.mzxid : undefined;
}
