import { invariant } from '../../support/invariant.js';
import type { ZooKeeperError } from '../../wire/errors.js';
import type { Op, OpResult } from '../../wire/operations.js';
import { writeOnce, type ConditionalWrite } from '../../session/conditional-write.js';
import { ownNode } from '../../session/nodes.js';
import type { Session } from '../../session/session.js';
import type { ElectionZnodes } from '../election/election.znodes.js';
import type { LeaseKeeper, Lease } from '../../session/lease.js';
import type { NodeView, NodeWatch } from '../../session/node-watch.js';
import { encodeRecord, readRecord, type ElectionRecord } from '../election/election-record.js';
import type { Win } from '../tenure/won-election.js';

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
 * Tries to win, in one transaction: the election node (created, then set, to get version 1), the record, the
 * tenure node, the place in the line. The read of the node that arms the winner's watch is sent right behind it.
 * Waits for the connection.
 *
 * @throws {ZooKeeperError} when the session has ended, or the signal aborts, before it is known whether it has won.
 */
export async function tryToWin(
  session: Session,
  znodes: ElectionZnodes,
  keeper: LeaseKeeper,
  watch: NodeWatch,
  attempt: Attempt,
  signal: AbortSignal,
): Promise<Win | NotWon> {
  const operations = operationsOf(znodes, attempt);
  const write: ConditionalWrite<Win> = {
    path: znodes.node,
    isPatient: true,
    async send() {
      const lease = keeper.leaseFromNow();
      const transaction = session.multi(operations);
      const armed = watch.read();
      armed.catch(() => undefined);
      return winOf(attempt, await transaction, lease, armed);
    },
    meaningOf: (answer) => (reasonOfRefusal(answer) === undefined ? 'no refusal' : 'the change'),
    find: () => wonAfterAll(session, znodes, attempt),
  };
  const outcome = await writeOnce(session, write, signal);
  if (outcome.kind === 'done') return outcome.value;
  invariant(outcome.kind !== 'contended', 'nothing goes along with a win that could move');
  const refused = outcome.kind === 'refused' ? reasonOfRefusal(outcome.error) : undefined;
  if (refused !== undefined) return refused;
  signal.throwIfAborted();
  throw outcome.error;
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

/** Undefined when the answer is no refusal. */
function reasonOfRefusal(thrown: ZooKeeperError): NotWon | undefined {
  const at = thrown.details.opIndex;
  if (thrown.reason === 'node-exists' && at === 0) return 'taken';
  if (thrown.reason === 'bad-version' && at === 2) return 'record moved';
  if (thrown.reason === 'no-node') return at === 4 ? 'place missing' : 'parents missing';
  return undefined;
}

/** Whether the attempt whose reply was lost has won. Owner and record decide, never the data of the node. */
async function wonAfterAll(session: Session, znodes: ElectionZnodes, attempt: Attempt): Promise<Win | undefined> {
  const [node, read] = await Promise.all([ownNode(session, znodes.node), readRecord(session, znodes)]);
  if (node === undefined || read?.record?.tenure !== attempt.tenureId) return undefined;
  const { tenureId } = attempt;
  const { record, stat } = read;
  return { tenureId, czxid: node.czxid, record, recordVersion: stat.version, recordCzxid: stat.czxid, lease: undefined, view: undefined };
}
