import { isZooKeeperError } from '../wire/errors.js';
import type { Holding } from './holding.js';
import type { Scene } from './scene.js';
import { adoptRecord } from './seal.js';
import { readRecord } from './win.js';

/**
 * Puts back what an operator has taken from a tenure whose election node is still there: adopts the record's version (another replica has raised the
 * floor, somebody has edited or deleted the record), and makes the tenure node again. Safe to repeat.
 *
 * A successor's record is never adopted: its win implies that the election node was deleted, and that event has arrived, and ended the tenure, before
 * the record read here.
 */
export async function mend(scene: Scene, holding: Holding, isOver: () => boolean): Promise<void> {
  const { session, znodes } = scene;
  const tenureNode = znodes.tenure(holding.tenureId);
  const [tenure, read] = await Promise.all([session.exists(tenureNode), readRecord(session, znodes)]);
  if (isOver()) return;
  if (read?.stat.version !== holding.recordVersion) await adoptRecord(scene, holding, read);
  if (tenure !== undefined || isOver()) return;
  await session.create(tenureNode, Buffer.from(scene.address), 'ephemeral').catch((thrown: unknown) => {
    if (!isZooKeeperError(thrown, 'node-exists')) throw thrown;
  });
}
