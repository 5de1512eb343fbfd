import { isZooKeeperError } from '../../wire/errors.js';
import type { Lease } from '../../session/lease.js';
import { makeParents } from '../../session/parents.js';
import { encodeRecord, type RecordRead } from '../election/election-record.js';
import type { WonElection } from './won-election.js';
import type { ElectionContext } from '../election/election-context.js';
import { floorAbove, maxOf } from '../../support/token.js';
import { readRecord } from '../election/election-record.js';

/**
 * Ends the wait for an unproven predecessor: one transaction that checks the node and moves the record forward. It
 * fixes the token (another replica that has seen higher ones may have raised the floor meanwhile) and, being a
 * leader-checked write, gives the first lease. Undefined: something moved; look again and repeat. Safe to repeat.
 */
export async function endTakeOverWait(context: ElectionContext, won: WonElection): Promise<Lease | undefined> {
  const { session, znodes, keeper, memory } = context;
  const floor = floorAbove(won.record.floor, memory.tokenSeen, won.czxid);
  const record = { ...won.record, unprovenMs: 0, floor };
  const lease = keeper.leaseFromNow();
  try {
    await session.multi([
      { kind: 'check', path: znodes.node, version: won.nodeVersion },
      { kind: 'set', path: znodes.record, data: encodeRecord(record, won.recordVersion + 1), version: won.recordVersion },
    ]);
  } catch (thrown) {
    if (!isZooKeeperError(thrown, 'bad-version', 'no-node')) throw thrown;
    // A successor's record cannot be adopted here: its win implies the deleted event, which ends this
    // tenure before any reply.
    if (thrown.details.opIndex === 1) await adoptRecord(context, won, await readRecord(session, znodes));
    else context.watch.disarm();
    return undefined;
  }
  won.record = record;
  won.recordVersion += 1;
  return lease;
}

/**
 * Takes over the record's version as read, and a floor that another replica has raised. A missing record is made again.
 */
export async function adoptRecord(context: ElectionContext, won: WonElection, read: RecordRead | undefined): Promise<void> {
  if (read === undefined) {
    await makeParents(context.session, context.znodes.parents);
    won.recordVersion = 0;
    return;
  }
  won.recordVersion = read.stat.version;
  won.record = { ...won.record, floor: maxOf(won.record.floor, read.record?.floor ?? 0n) };
}
