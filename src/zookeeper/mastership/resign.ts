import { isZooKeeperError } from '../wire/errors.js';
import { ANY_VERSION, type Op } from '../wire/operations.js';
import { encodeRecord } from './record.js';
import type { Holding } from './holding.js';
import type { Scene } from './scene.js';
import { adoptRecord } from './seal.js';
import { readRecord } from './win.js';

/**
 * Gives the node up in one transaction: deletes it with the version last read, writes the end into the record, deletes the
 * tenure node. `'again'`: something moved, call again. A lost reply is resolved by the same call again: it is then refused, and
 * the record tells that the first one has happened.
 */
export async function resign(scene: Scene, holding: Holding, unprovenMs: number): Promise<'resigned' | 'ended' | 'again'> {
  const { session, znodes } = scene;
  const tenure = znodes.tenure(holding.tenureId);
  const operations: Op[] = [
    { kind: 'delete', path: znodes.node, version: holding.nodeVersion },
    {
      kind: 'set',
      path: znodes.record,
      data: encodeRecord({ ...holding.record, state: 'resigned', unprovenMs }, holding.recordVersion + 1),
      version: holding.recordVersion,
    },
    { kind: 'delete', path: tenure, version: ANY_VERSION },
  ];
  try {
    await session.multi(operations);
    return 'resigned';
  } catch (thrown) {
    if (!isZooKeeperError(thrown, 'no-node', 'bad-version')) throw thrown;
    return meet(scene, holding, thrown.details.opIndex);
  }
}

async function meet(scene: Scene, holding: Holding, refusedAt: number | undefined): Promise<'resigned' | 'ended' | 'again'> {
  const { session, znodes } = scene;
  // The record first: if the node, read after it, is still this tenure's, then no successor has written that record.
  const [read, node] = await Promise.all([readRecord(session, znodes), session.exists(znodes.node)]);
  if (read?.record?.tenure === holding.tenureId && read.record.state === 'resigned') return 'resigned';
  if (node === undefined || node.czxid !== holding.czxid) return 'ended';
  if (refusedAt === 0) holding.nodeVersion = node.version;
  else if (refusedAt === 1) await adoptRecord(scene, holding, read);
  // The tenure node was taken by an operator: put it back, so that the resignation can be proven by its going.
  else await session.create(znodes.tenure(holding.tenureId), Buffer.alloc(0), 'ephemeral');
  return 'again';
}
