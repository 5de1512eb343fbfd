import { floorForWin, tokenOf } from '../../support/token.js';
import type { Claimed, ClaimParts } from './claim.js';
import type { ContenderNode } from './contender-node.js';
import { exchange } from './exchange.js';
import type { LockRecord } from './record.js';

/**
 * Puts a reader's node in the place of a writer's that holds the lock, in one transaction: whoever waits to write waits
 * for it as for the writer, and who came in between does not get before it. `undefined`: the writer's node has gone.
 * @throws {SessionOver}
 */
export async function downgrade(
  writer: ContenderNode,
  reader: ContenderNode,
  written: Claimed,
  { keeper, address, seenToken }: ClaimParts,
): Promise<Claimed | undefined> {
  const floor = floorForWin(written.record.floor, seenToken, writer.session.lastZxid);
  const record: LockRecord = { state: 'shared', sharers: [{ id: reader.id, address, leaseMs: keeper.lengthMs }], floor };
  const { version } = written;
  // Nobody of us writes the record while the writer's node is there.
  const done = await exchange({ from: writer, to: [reader], record, version, whenMoved: 'write over', address }, keeper);
  if (typeof done === 'string') return undefined;
  return { fencingToken: tokenOf(floor, done.zxid), record, version: done.version, lease: done.lease };
}
