import { childrenOf } from '../../session/nodes.js';
import type { Session } from '../../session/session.js';
import { isZooKeeperError } from '../../wire/errors.js';
import { ANY_VERSION, type Op } from '../../wire/operations.js';
import { READY } from './arrival.js';
import type { BarrierPlace } from './barrier.js';
import type { Entered } from './entering.js';
import { lookUntil, type BarrierParts } from './patience.js';
import { sweep } from './withdrawal.js';

/**
 * One member's way out. The one whose name comes first stays to the last and waits for the highest of the others; they
 * wait for it: so that each that leaves wakes one (ZooKeeper's recipe for double barriers; Curator and kazoo alike).
 * Only those of the own round count, since others may be coming in for the next one.
 */
export class Leaving {
  constructor(
    private readonly entered: Entered,
    private readonly place: BarrierPlace,
    private readonly parts: BarrierParts,
    private readonly signal: AbortSignal,
  ) {}

  /** Resolves when all of the round have left. */
  async over(session: Session): Promise<void> {
    const { node, round, ready } = this.entered;
    const own = node?.session === session ? node.name : undefined;
    await lookUntil(session, this.parts.clock, this.signal, async ({ watch, watches }) => {
      const names = await childrenOf(session, this.place.path);
      const inside = names.filter((name) => round.includes(name)).toSorted();
      const [lowest] = inside;
      if (lowest === undefined) {
        await sweep(session, this.place, { names: round, ready });
        return true;
      }
      if (own !== undefined && inside.length === 1 && lowest === own) {
        await this.close(session, own);
        return true;
      }
      const other = lowest === own ? (inside.at(-1) ?? lowest) : lowest;
      const path = `${this.place.path}/${other}`;
      watches(path);
      const found = await session.exists(path, { watch });
      if (lowest !== own && own !== undefined && inside.includes(own)) await node?.remove();
      if (found === undefined) watch({ type: 'deleted', path });
      return undefined;
    });
  }

  /** The last one. As long as its node is there, `ready` is that of its own round. */
  private async close(session: Session, own: string): Promise<void> {
    const remove = (name: string): Op => ({ kind: 'delete', path: `${this.place.path}/${name}`, version: ANY_VERSION });
    try {
      await session.multi([remove(own), remove(READY)]);
    } catch (thrown) {
      // Of kazoo's, the first one who leaves has deleted `ready`.
      if (!isZooKeeperError(thrown, 'no-node')) throw thrown;
      await this.entered.node?.remove();
    }
  }
}
