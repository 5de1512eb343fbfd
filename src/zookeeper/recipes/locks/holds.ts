import { LeaseKeeper } from '../../session/lease.js';
import { leaseMsOf } from '../../session/lease-length.js';
import type { Session } from '../../session/session.js';
import { maxOf } from '../../support/token.js';
import type { Claimed, ClaimParts } from './claim.js';
import { ContenderNode, SessionOver, untilSessionEnds, type LockParts } from './contender-node.js';
import { downgrade } from './downgrade.js';
import { LockLostError } from './errors.js';
import { HeldLock } from './held-lock.js';
import { oneAtATime } from './one-at-a-time.js';
import { giveUp } from './release.js';

/** Makes of what was claimed what is held: renewed, watched, and given up in the end. */
export class Holds {
  /** For the session in force. */
  private renewing: { readonly session: Session; readonly keeper: LeaseKeeper } | undefined;
  /** The highest token that this process has seen, of any lock. */
  private seenToken = 0n;

  constructor(private readonly parts: LockParts & { readonly rootPath: string }) {}

  claimParts(session: Session): ClaimParts {
    const { sightings, address } = this.parts;
    return { keeper: this.keeperOf(session), address, sightings, seenToken: this.seenToken };
  }

  held(node: ContenderNode, claimed: Claimed): HeldLock {
    const { session, place, mode, path } = node;
    const { fencingToken, lease } = claimed;
    this.seenToken = maxOf(this.seenToken, fencingToken);
    const won = {
      ...{ place, path, fencingToken, lease },
      giveUp: () => this.giveUp(node, claimed),
      downgrade: mode === 'write' ? () => this.downgrade(node, claimed) : undefined,
    };
    return new HeldLock(won, this.keeperOf(session), session, this.parts);
  }

  private giveUp(node: ContenderNode, claimed: Claimed): Promise<void> {
    const { session, place } = node;
    const attempt = (): Promise<void> => giveUp(node, claimed);
    // Those who share a lock all write its record.
    const isShared = claimed.record.state === 'shared';
    return untilSessionEnds(session, this.parts, place, () => (isShared ? oneAtATime(session, place.path, attempt) : attempt()));
  }

  private async downgrade(writer: ContenderNode, written: Claimed): Promise<HeldLock> {
    const { session, place } = writer;
    const reader = new ContenderNode(session, place, 'read', this.parts, writer.path);
    let claimed: Claimed | undefined;
    try {
      claimed = await downgrade(writer, reader, written, this.claimParts(session));
    } catch (thrown) {
      if (!(thrown instanceof SessionOver)) throw thrown;
      throw new LockLostError(place.name, 'its ZooKeeper session is over');
    } finally {
      // Nobody has either of the two now.
      if (claimed === undefined) void Promise.all([this.giveUp(writer, written), reader.removeIfMade()]);
    }
    if (claimed === undefined) throw new LockLostError(place.name, 'its node in ZooKeeper was deleted');
    return this.held(reader, claimed);
  }

  private keeperOf(session: Session): LeaseKeeper {
    if (this.renewing?.session === session) return this.renewing.keeper;
    this.renewing?.keeper.close();
    const { clock, rootPath } = this.parts;
    const keeper = new LeaseKeeper(session, clock, rootPath === '' ? '/' : rootPath, leaseMsOf(session.timeoutMs));
    this.renewing = { session, keeper };
    return keeper;
  }
}
