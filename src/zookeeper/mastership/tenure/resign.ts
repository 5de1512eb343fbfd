import { isZooKeeperError } from '../../wire/errors.js';
import { ANY_VERSION, type Op } from '../../wire/operations.js';
import { encodeRecord } from '../election/election-record.js';
import type { WonElection } from './won-election.js';
import type { ElectionZnodes } from '../election/election.znodes.js';
import type { ElectionContext } from '../election/election-context.js';
import { adoptRecord } from './take-over.js';
import { readRecord } from '../election/election-record.js';

/**
 * The transaction that ends a tenure and proves it: deletes the node in the version that the tenure has accepted,
 * writes the end into the record, deletes the tenure node. ZooKeeper refuses it once any of them is not this tenure's
 * any more: the record moves with every win.
 */
export function endOf(
  znodes: ElectionZnodes,
  won: Readonly<WonElection>,
  end: { readonly state: 'resigned' | 'died'; readonly unprovenMs: number },
): Op[] {
  const record = encodeRecord({ ...won.record, ...end }, won.recordVersion + 1);
  return [
    { kind: 'delete', path: znodes.node, version: won.nodeVersion },
    { kind: 'set', path: znodes.record, data: record, version: won.recordVersion },
    { kind: 'delete', path: znodes.tenure(won.tenureId), version: ANY_VERSION },
  ];
}

/**
 * Gives the node up in one transaction: deletes it with the version last read, writes the end into the record, deletes
 * the tenure node. `'again'`: something moved, call again. A lost reply is resolved by the same call again: it is then
 * refused, and the record tells that the first one has happened.
 */
export async function resign(context: ElectionContext, won: WonElection, unprovenMs: number): Promise<'resigned' | 'ended' | 'again'> {
  const { session, znodes } = context;
  try {
    await session.multi(endOf(znodes, won, { state: 'resigned', unprovenMs }));
    return 'resigned';
  } catch (thrown) {
    if (!isZooKeeperError(thrown, 'no-node', 'bad-version')) throw thrown;
    return meet(context, won, thrown.details.opIndex);
  }
}

async function meet(context: ElectionContext, won: WonElection, refusedAt: number | undefined): Promise<'resigned' | 'ended' | 'again'> {
  const { session, znodes } = context;
  // The record first: if the node, read after it, is still this tenure's, then no successor has written that record.
  const [read, node] = await Promise.all([readRecord(session, znodes), session.exists(znodes.node)]);
  if (read?.record?.tenure === won.tenureId && read.record.state === 'resigned') return 'resigned';
  if (node === undefined || node.czxid !== won.czxid) return 'ended';
  if (refusedAt === 0) won.nodeVersion = node.version;
  else if (refusedAt === 1) await adoptRecord(context, won, read);
  // The tenure node was taken by an operator: put it back, so that the resignation can be proven by its going.
  else await session.create(znodes.tenure(won.tenureId), Buffer.alloc(0), 'ephemeral');
  return 'again';
}
