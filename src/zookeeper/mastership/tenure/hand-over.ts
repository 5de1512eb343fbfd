import { isZooKeeperError } from '../../wire/errors.js';
import { placesIn } from '../../recipes/line/line.js';
import type { NodeView } from '../../session/node-watch.js';
import type { OperationOptions } from '../../wire/operations.js';
import type { Session } from '../../session/session.js';
import type { ElectionContext } from '../election/election-context.js';

/** What an edit of the election node by somebody else asks for. */
export type Edit =
  | { readonly kind: 'hand over'; readonly to: string }
  /** It names this replica, or nobody who could take over. */
  | { readonly kind: 'restore'; readonly why: string };

/** The addresses that stand in line now. */
export async function addressesIn(session: Session, line: string, options?: OperationOptions): Promise<string[]> {
  return [...new Set((await placesIn(session, line, options)).map((place) => place.address))];
}

/**
 * Nobody becomes master because of data: an edit only makes the present master hand over, and only to a living standby.
 */
export async function meaningOfEdit(context: ElectionContext, node: NodeView): Promise<Edit> {
  const named = node.text.trim();
  if (named === context.address) return { kind: 'restore', why: 'the edit names this replica, which is master already' };
  const known = await addressesIn(context.session, context.znodes.line);
  if (known.includes(named)) return { kind: 'hand over', to: named };
  const list = known.length === 0 ? 'no replica stands in line' : `in line: ${known.join(', ')}`;
  return { kind: 'restore', why: `the edit names "${named.slice(0, 100)}", which is no living standby (${list})` };
}

/**
 * Writes the master's own address back, conditional on the version read, and answers the node's version. An edit that
 * comes between makes the write fail; the watch is then disarmed, so that the master reads and judges again.
 */
export async function restoreNode(context: ElectionContext, node: NodeView, edit: Extract<Edit, { kind: 'restore' }>): Promise<number> {
  if (node.text === context.address) return node.stat.version;
  context.report('warn', 'edit-refused', `${edit.why}; restores ${context.address}.`, { data: node.text.slice(0, 100) });
  try {
    return (await context.session.set(context.znodes.node, Buffer.from(context.address), node.stat.version)).version;
  } catch (thrown) {
    if (!isZooKeeperError(thrown, 'bad-version', 'no-node')) throw thrown;
    context.watch.disarm();
    return node.stat.version;
  }
}
