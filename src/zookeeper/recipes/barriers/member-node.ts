import { randomUUID } from 'node:crypto';
import { reattached } from '../../session/connected.js';
import { makeParents, withParents } from '../../session/parents.js';
import type { Session } from '../../session/session.js';
import { sleep } from '../../support/abort.js';
import { backoffMs } from '../../support/backoff.js';
import { isConnectionLost, isSessionLost, isZooKeeperError } from '../../wire/errors.js';
import { ANY_VERSION } from '../../wire/operations.js';
import type { BarrierPlace } from './barrier.js';
import type { BarrierParts } from './patience.js';

/** The pauses between attempts to delete a node that the server refuses to delete. */
const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 5_000;

/**
 * The node of one member, by one session: ephemeral, with a random name that is never used again, so that making it
 * twice after a lost reply is making it once, and a node of a session that is ending is never taken for the own one.
 */
export class MemberNode {
  readonly name = randomUUID();
  readonly path: string;
  private making: Promise<void> | undefined;

  constructor(
    readonly session: Session,
    private readonly place: BarrierPlace,
    private readonly parts: BarrierParts,
  ) {
    this.path = `${place.path}/${this.name}`;
  }

  /** Makes it, and the nodes above it. Rejects as ZooKeeper does; then it may be there all the same. */
  make(): Promise<void> {
    this.making = this.makeOnce();
    return this.making;
  }

  /** Resolves when it is gone, or the session is over. Never rejects: what ZooKeeper refuses is tried again. */
  async remove(): Promise<void> {
    await this.making?.catch(() => undefined);
    for (let refusals = 0; !this.session.ended.aborted;) {
      try {
        await this.session.delete(this.path, ANY_VERSION);
        return;
      } catch (thrown) {
        if (isSessionLost(thrown) || isZooKeeperError(thrown, 'no-node')) return;
        if (isConnectionLost(thrown)) {
          if (!(await reattached(this.session))) return;
        } else
          await sleep(this.parts.clock, backoffMs(refusals++, FIRST_PAUSE_MS, MAX_PAUSE_MS), this.session.ended).catch(() => undefined);
      }
    }
  }

  private async makeOnce(): Promise<void> {
    for (;;) {
      try {
        await this.session.create(this.path, Buffer.from(this.parts.address), 'ephemeral');
        return;
      } catch (thrown) {
        if (isZooKeeperError(thrown, 'node-exists')) return;
        if (isZooKeeperError(thrown, 'no-node')) await makeParents(this.session, withParents(this.place.path));
        else if (!isConnectionLost(thrown) || !(await reattached(this.session))) throw thrown;
      }
    }
  }
}
