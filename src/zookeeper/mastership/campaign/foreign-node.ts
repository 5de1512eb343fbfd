import { isZooKeeperError } from '../../wire/errors.js';
import type { NodeView } from '../../session/node-watch.js';
import { removeBelow } from '../../session/nodes.js';
import type { ElectionContext } from '../election/election-context.js';

/**
 * Removes a node at the election path that nobody reigns under (made by a tool as persistent, say), with the children
 * that only such a node can have, conditional on the version that was read. Safe to repeat on every replica at once.
 */
export async function removeForeignNode(context: ElectionContext, node: NodeView, why: string): Promise<void> {
  const { session, znodes } = context;
  context.report('warn', 'node-removed', `removes the node at ${znodes.node}: ${why}.`, { czxid: String(node.stat.czxid) });
  if (node.stat.numChildren > 0) await removeBelow(session, znodes.node);
  try {
    await session.delete(znodes.node, node.stat.version);
  } catch (thrown) {
    if (!isZooKeeperError(thrown, 'no-node', 'bad-version')) throw thrown;
  }
}
