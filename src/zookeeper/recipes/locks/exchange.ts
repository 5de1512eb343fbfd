import { writeOnce } from '../../session/conditional-write.js';
import type { Lease, LeaseKeeper } from '../../session/lease.js';
import { childrenOf, getOrUndefined } from '../../session/nodes.js';
import { compareAndSet, compareAndSetOrHeal, versionAfter } from '../../wire/compare-and-set.js';
import { isZooKeeperError, type ZooKeeperError } from '../../wire/errors.js';
import { ANY_VERSION, type Op, type OpResult } from '../../wire/operations.js';
import { SessionOver, type ContenderNode } from './contender-node.js';
import { encodeRecord, type LockRecord } from './record.js';

/** One node for others, in one transaction that also moves a record. */
export interface Exchange {
  /** Is deleted: that it is there is the condition. */
  readonly from: ContenderNode;
  /** Are made, all below one node, whose data the record is. */
  readonly to: readonly ContenderNode[];
  readonly record: LockRecord;
  /** The record's version as read. */
  readonly version: number;
  /** A record that has moved since: `'write over'` is sound when nobody of us may write it now. */
  readonly whenMoved: 'write over' | 'refuse';
  /** What is written into the nodes. */
  readonly address: string;
}

export interface Exchanged {
  readonly zxid: bigint;
  /** The record's version. */
  readonly version: number;
  readonly lease: Lease;
}

/** What the transaction has made. */
interface Made {
  readonly names: readonly string[];
  readonly zxid: bigint;
}

/**
 * `'gone'`: what was to be deleted is not there. `'moved'`: the record is not what was read.
 * @throws {SessionOver}
 */
export async function exchange(
  { from, to, record, version, whenMoved, address }: Exchange,
  keeper: LeaseKeeper,
): Promise<Exchanged | 'gone' | 'moved'> {
  const { session } = from;
  const path = to[0]?.place.path ?? from.place.path;
  const creates = to.map((node): Op => {
    const data = Buffer.from(address);
    return { kind: 'create', path: `${path}/${node.prefix}`, data, mode: 'ephemeral-sequential' };
  });
  let present: number | undefined = version;
  let next = version;
  let lease = keeper.leaseFromNow();
  let isGone = false;
  const outcome = await writeOnce<Made>(session, {
    path,
    isPatient: true,
    send: async () => {
      present ??= (await getOrUndefined(session, path))?.stat.version ?? 0;
      next = versionAfter(present);
      const data = encodeRecord(record, next);
      const set = whenMoved === 'refuse' ? compareAndSet(path, data, present) : compareAndSetOrHeal(path, data, present);
      lease = keeper.leaseFromNow();
      return madeBy(await session.multi([{ kind: 'delete', path: from.path, version: ANY_VERSION }, ...creates, ...set]));
    },
    meaningOf: (answer) => {
      isGone = isFirstMissing(answer);
      if (isZooKeeperError(answer, 'no-node')) return 'the change';
      if (!isZooKeeperError(answer, 'bad-version')) return 'no refusal';
      if (whenMoved === 'refuse') return 'the change';
      present = undefined;
      return 'something beside it';
    },
    find: () => found(to, path),
  });
  if (outcome.kind === 'refused') return isGone ? 'gone' : 'moved';
  if (outcome.kind !== 'done') throw new SessionOver();
  for (const [index, node] of to.entries()) node.name = outcome.value.names[index];
  return { zxid: outcome.value.zxid, version: next, lease };
}

function isFirstMissing({ reason, details }: ZooKeeperError): boolean {
  return reason === 'no-node' && details.opIndex === 0;
}

function madeBy(results: readonly OpResult[]): Made {
  const names = results.flatMap((result) => (result.kind === 'create' ? [result.path.slice(result.path.lastIndexOf('/') + 1)] : []));
  const set = results.findLast((result) => result.kind === 'set');
  if (set === undefined) throw new Error('an exchange of nodes was answered without what it has set');
  return { names, zxid: set.stat.mzxid };
}

/** What an exchange whose reply was lost has made, if it was carried out: all of it. */
async function found(to: readonly ContenderNode[], path: string): Promise<Made | undefined> {
  const [first] = to;
  if (first === undefined) return undefined;
  const children = await childrenOf(first.session, path);
  const names = to.flatMap(({ id }) => children.find((child) => child.includes(id)) ?? []);
  const stat = names.length === to.length ? await first.session.exists(`${path}/${names[0]}`) : undefined;
  return stat && { names, zxid: stat.czxid };
}
