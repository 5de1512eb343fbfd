import { isZooKeeperError } from '../wire/errors.js';
import { ANY_VERSION } from '../wire/operations.js';
import type { NodeView } from './node-watch.js';
import { report, type Scene } from './scene.js';

/**
 * Removes a node at the election path that nobody reigns under (made by a tool as persistent, say), with the children that only such
 * a node can have, conditional on the version that was read. Safe to repeat on every replica at once.
 */
export async function removeForeignNode(scene: Scene, node: NodeView, why: string): Promise<void> {
  const { session, znodes } = scene;
  report(scene, 'warn', 'node-removed', `removes the node at ${znodes.node}: ${why}.`, { czxid: String(node.stat.czxid) });
  if (node.stat.numChildren > 0) await removeChildren(scene, znodes.node);
  try {
    await session.delete(znodes.node, node.stat.version);
  } catch (thrown) {
    if (!isZooKeeperError(thrown, 'no-node', 'bad-version')) throw thrown;
  }
}

async function removeChildren(scene: Scene, path: string): Promise<void> {
  const { names } = await scene.session.children(path);
  for (const name of names) {
    const child = `${path}/${name}`;
    await removeChildren(scene, child);
    try {
      await scene.session.delete(child, ANY_VERSION);
    } catch (thrown) {
      if (!isZooKeeperError(thrown, 'no-node')) throw thrown;
    }
  }
}
