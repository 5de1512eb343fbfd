import { invariant } from '../support/invariant.js';
import { isZooKeeperError } from '../wire/errors.js';
import { type Op, type OpResult, type Watcher } from '../wire/operations.js';
import { getOrUndefined } from '../session/nodes.js';
import type { Session } from '../session/session.js';
import type { ElectionZnodes } from './election.znodes.js';
import type { LeaseKeeper, Lease } from '../session/lease.js';
import type { NodeView, NodeWatch } from '../session/node-watch.js';
import { encodeRecord, readRecordFrom, type ElectionRecord, type RecordRead } from './record.js';

/** A won node. */
export interface Win {
  readonly tenureId: string;
  readonly czxid: bigint;
  readonly record: ElectionRecord;
  /** The record's version after the win; every later write of the record is conditional on it. */
  readonly recordVersion: number;
  /** The record node's creating transaction: tells a record that was wiped and made again from the one that was read. */
  readonly recordCzxid: bigint;
  /** From the winning write itself; undefined when its reply was lost: then the seal gives the first one. */
  readonly lease: Lease | undefined;
  /** The read that arms the watch, sent right behind the winning write; undefined when the win's reply was lost. */
  readonly view: Promise<NodeView | undefined> | undefined;
}

/** Why an attempt did not win, and what the caller does next. */
export type NotWon =
  /** Somebody else has the node. */
  | 'taken'
  /** The record moved between the reading and the transaction: read it again. */
  | 'record moved'
  /** A parent is missing: make it. */
  | 'parents missing'
  /** This candidate's place in the line is gone. */
  | 'place missing';

/** What the candidate brings to an attempt. */
export interface Attempt {
  readonly tenureId: string;
  readonly address: string;
  /** The record's version that the win replaces. */
  readonly recordVersion: number;
  /** The record as it is to be after the win. */
  readonly record: ElectionRecord;
  /** The place to give up in the same transaction. */
  readonly place: string | undefined;
}

/** The won node's version: created with 0, then set once in the same transaction, so that a foreign or re-created node (0) differs. */
export const WON_VERSION = 1;

function operationsOf(znodes: ElectionZnodes, attempt: Attempt): Op[] {
  const data = Buffer.from(attempt.address);
  const operations: Op[] = [
    { kind: 'create', path: znodes.node, data, mode: 'ephemeral' },
    { kind: 'set', path: znodes.node, data, version: 0 },
    { kind: 'set', path: znodes.record, data: encodeRecord(attempt.record, attempt.recordVersion + 1), version: attempt.recordVersion },
    { kind: 'create', path: znodes.tenure(attempt.tenureId), data, mode: 'ephemeral' },
  ];
  if (attempt.place !== undefined) operations.push({ kind: 'delete', path: attempt.place, version: -1 });
  return operations;
}

/**
 * Tries to win, in one transaction: the election node (created, then set, to get version 1), the record, the tenure node, the
 * place in the line. The read of the node that arms the winner's watch is sent right behind it.
 *
 * A lost reply is resolved by the same conditional transaction again, and only then by reading: a first attempt still in flight
 * could commit after a read that did not see it, but not after a repeat that the leader has processed.
 */
export async function tryToWin(
  session: Session,
  znodes: ElectionZnodes,
  keeper: LeaseKeeper,
  watch: NodeWatch,
  attempt: Attempt,
  reattached: () => Promise<void>,
): Promise<Win | NotWon> {
  const operations = operationsOf(znodes, attempt);
  let replyLost = false;
  for (;;) {
    const lease = keeper.leaseFromNow();
    const transaction = session.multi(operations);
    const armed = watch.read();
    armed.catch(() => undefined);
    try {
      return winOf(attempt, await transaction, lease, armed);
    } catch (thrown) {
      if (isZooKeeperError(thrown) && thrown.outcomeUnknown) {
        replyLost = true;
        await reattached();
        continue;
      }
      if (isZooKeeperError(thrown, 'connection-loss')) {
        await reattached();
        continue;
      }
      const refused = reasonOfRefusal(thrown);
      if (!replyLost) return refused;
      return (await wonAfterAll(session, znodes, attempt)) ?? refused;
    }
  }
}

function winOf(attempt: Attempt, results: readonly OpResult[], lease: Lease, view: Promise<NodeView | undefined>): Win {
  const [, node, written] = results;
  invariant(node?.kind === 'set' && written?.kind === 'set', 'the winning transaction answered without the stats of what it set');
  const { tenureId, record } = attempt;
  return {
    tenureId,
    record,
    czxid: node.stat.czxid,
    recordVersion: attempt.recordVersion + 1,
    recordCzxid: written.stat.czxid,
    lease,
    view,
  };
}

function reasonOfRefusal(thrown: unknown): NotWon {
  if (!isZooKeeperError(thrown)) throw thrown;
  const at = thrown.details.opIndex;
  if (thrown.reason === 'node-exists' && at === 0) return 'taken';
  if (thrown.reason === 'bad-version' && at === 2) return 'record moved';
  if (thrown.reason === 'no-node') return at === 4 ? 'place missing' : 'parents missing';
  throw thrown;
}

/** Whether the attempt whose reply was lost has won. Owner and record decide, never the data of the node. */
async function wonAfterAll(session: Session, znodes: ElectionZnodes, attempt: Attempt): Promise<Win | undefined> {
  await session.sync(znodes.node);
  const [node, read] = await Promise.all([session.exists(znodes.node), readRecord(session, znodes)]);
  if (node === undefined || node.ephemeralOwner !== session.id || read?.record?.tenure !== attempt.tenureId) return undefined;
  const { tenureId } = attempt;
  const { record, stat } = read;
  return { tenureId, czxid: node.czxid, record, recordVersion: stat.version, recordCzxid: stat.czxid, lease: undefined, view: undefined };
}

/** The record; undefined when there is no such node. With a watcher, that is told when a record that was read changes. */
export async function readRecord(session: Session, znodes: ElectionZnodes, watch?: Watcher): Promise<RecordRead | undefined> {
  const read = await getOrUndefined(session, znodes.record, watch === undefined ? {} : { watch });
  return read && readRecordFrom(read.data, read.stat);
}
