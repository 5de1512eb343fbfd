import type { Timer } from '../../support/clock.js';
import { hexId } from '../../session/errors.js';
import type { NodeView } from '../../session/node-watch.js';
import { placesIn, type Line } from '../../recipes/line/line.js';
import type { ElectionContext } from '../election/election-context.js';
import { ownerOf } from '../../session/nodes.js';

/** A predecessor of this very process that has crashed is seen until its session ends; then it is gone for sure. */
function goneAfterMs(sessionTimeoutMs: number): number {
  return 2 * sessionTimeoutMs + 2_000;
}

/**
 * Warns, once a session, of another living replica that advertises this one's address: logs and `transferTo`
 * cannot tell the two apart, and whoever is sent to the master reaches either. Reads nothing unless another one
 * was seen, and then once.
 */
export class SameAddress {
  private timer: Timer | undefined;

  constructor(
    private readonly context: ElectionContext,
    private readonly line: Line,
  ) {}

  /** To be called with the node and the line as they were just read. */
  look(node: NodeView): void {
    const { clock, session } = this.context;
    if (this.timer !== undefined) return;
    const seen = new Set([...this.holder(node), ...this.line.sameAddress]);
    if (seen.size === 0) return;
    this.timer = clock.after(goneAfterMs(session.timeoutMs), () => void this.lookAgain(seen).catch(() => undefined), { keepAlive: false });
  }

  close(): void {
    this.timer?.cancel();
  }

  private async lookAgain(seen: ReadonlySet<string>): Promise<void> {
    const { context } = this;
    const { session, znodes, address } = context;
    const [node, places] = await Promise.all([
      session.get(znodes.node).catch(() => undefined),
      placesIn(context.session, context.znodes.line),
    ]);
    const now = places.filter((place) => place.address === address && place.id !== this.line.id).map(({ id }) => id);
    if (node !== undefined) now.push(...this.holder({ text: node.data.toString('utf8'), stat: node.stat }));
    if (!now.some((each) => seen.has(each))) return;
    context.report(
      'warn',
      'same-address',
      `another living replica advertises ${address}, too. Give each replica an address of its own (the option "address"; in a pod, its own IP)` +
        ': logs, transferTo and callers that are sent to the master cannot tell them apart.',
    );
  }

  /** Identifies the holder of the node, when it is another replica with this one's address. */
  private holder(node: NodeView): string[] {
    const { session, address } = this.context;
    const isOther = node.text === address && ownerOf(node.stat, session.id) === 'another session';
    return isOther ? [String(node.stat.ephemeralOwner)] : [];
  }
}

/** Who holds the node, as a clause; never that it is this replica itself, which is not master. */
export function holderInWords(node: NodeView, ownAddress: string): string {
  if (node.text !== ownAddress) return `the master is ${node.text}`;
  return (
    `session ${hexId(node.stat.ephemeralOwner)} holds the node under the address of this replica, ${node.text}: an earlier session of its own, which ends when it times out, ` +
    'or another replica with the same address'
  );
}
