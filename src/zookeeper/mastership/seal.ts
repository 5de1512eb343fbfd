import { isZooKeeperError } from '../wire/errors.js';
import type { Lease } from '../session/lease.js';
import { makeParents } from '../session/parents.js';
import { encodeRecord, type RecordRead } from './record.js';
import type { Holding } from './holding.js';
import type { Scene } from './scene.js';
import { floorAbove, maxOf } from './token.js';
import { readRecord } from './win.js';

/**
 * Ends the wait for an unproven predecessor: one transaction that checks the node and moves the record forward. It fixes the
 * token (another replica that has seen higher ones may have raised the floor meanwhile) and, being a leader-checked write, gives the
 * first lease. Undefined: something moved; look again and repeat. Safe to repeat.
 */
export async function seal(scene: Scene, holding: Holding): Promise<Lease | undefined> {
  const { session, znodes, keeper, memory } = scene;
  const floor = floorAbove(holding.record.floor, memory.tokenSeen, holding.czxid);
  const record = { ...holding.record, unprovenMs: 0, floor };
  const lease = keeper.leaseFromNow();
  try {
    await session.multi([
      { kind: 'check', path: znodes.node, version: holding.nodeVersion },
      { kind: 'set', path: znodes.record, data: encodeRecord(record, holding.recordVersion + 1), version: holding.recordVersion },
    ]);
  } catch (thrown) {
    if (!isZooKeeperError(thrown, 'bad-version', 'no-node')) throw thrown;
    // A successor's record cannot be adopted here: its win implies the deleted event, which ends this tenure before any reply.
    if (thrown.details.opIndex === 1) await adoptRecord(scene, holding, await readRecord(session, znodes));
    else scene.watch.disarm();
    return undefined;
  }
  holding.record = record;
  holding.recordVersion += 1;
  return lease;
}

/** Takes over the record's version as read, and a floor that another replica has raised. A missing record is made again. */
export async function adoptRecord(scene: Scene, holding: Holding, read: RecordRead | undefined): Promise<void> {
  if (read === undefined) {
    await makeParents(scene.session, scene.znodes.parents);
    holding.recordVersion = 0;
    return;
  }
  holding.recordVersion = read.stat.version;
  holding.record = { ...holding.record, floor: maxOf(holding.record.floor, read.record?.floor ?? 0n) };
}
