import { sleep } from '../support/abort.js';
import { backoffMs } from '../support/backoff.js';
import type { Clock } from '../support/clock.js';
import { messageOf } from '../support/errors.js';
import { invariant } from '../support/invariant.js';
import type { Observer } from '../support/observer.js';
import { Membership, type Member } from '../recipes/membership/membership.js';
import type { Session } from '../session/session.js';
import { isZooKeeperError } from '../wire/errors.js';
import { withParents } from './election.znodes.js';
import { makeParents } from './parents.js';
import { waitMsFor } from './timing.js';
import { Wake } from './wake.js';

/** Before a member's node that was deleted by hand is made again: so that somebody who wipes the tree gets to the end of it. */
const REJOIN_PAUSE_MS = 200;

/** What the turnstile needs to know. */
export interface ScopeParts {
  readonly session: Session;
  readonly clock: Clock;
  readonly observer: Observer;
  readonly rootPath: string;
  readonly service: string;
  /** Who this replica is when it joins. */
  readonly member: Member;
  readonly id: string;
  readonly leaseMs: number;
}

/**
 * Keeps this replica a member of its service, and holds its campaign back while an older member campaigns in the other
 * `electionScope`: the two scopes elect at different nodes, so both could have a master. Of two that meet, the older goes on; so
 * during a deploy that changes the scope the new replicas wait until the last old one has gone, and then for as long as that
 * one could have believed.
 */
export class ScopeTurnstile {
  private readonly membership: Membership;
  private readonly wake: Wake;
  private readonly stopping = new AbortController();
  private failures = 0;
  private readonly unsubscribe: () => void;

  constructor(private readonly parts: ScopeParts) {
    this.wake = new Wake(parts.clock);
    const root = parts.rootPath === '/' ? '' : parts.rootPath;
    this.folder = `${root}/members/${parts.service}`;
    this.membership = new Membership(parts.session, this.folder, parts.member, parts.id, () => this.wake.ring());
    this.unsubscribe = parts.session.onAttached(() => this.wake.ring());
  }

  private readonly folder: string;

  /** Joins, and calls `mayCampaign` once nothing stands against it; then only keeps the membership. Never rejects. */
  async run(mayCampaign: () => void): Promise<void> {
    const { signal } = this.stopping;
    let cleared = false;
    let yielded = false;
    while (!signal.aborted) {
      try {
        if (cleared && !this.membership.isMember) await sleep(this.parts.clock, REJOIN_PAUSE_MS, signal);
        await this.join();
        const rivals = cleared ? 0 : await this.rivals();
        this.failures = 0;
        if (rivals > 0) {
          if (!yielded) this.report(rivals);
          yielded = true;
        } else if (!cleared) {
          if (yielded) await sleep(this.parts.clock, waitMsFor(this.parts.leaseMs), signal);
          cleared = true;
          mayCampaign();
        }
        await this.wake.wait(signal);
      } catch (thrown) {
        await this.pause(thrown);
      }
    }
  }

  /** The name of this replica's node among the members. */
  get memberName(): string {
    return this.membership.name;
  }

  /** Tells the other members anew who this one is; what cannot be told now is told when it joins again. */
  async update(member: Member): Promise<void> {
    await this.membership.update(member);
  }

  /**
   * The ensemble's clock, from a write made now: of this replica's own node, which nobody waits for. A node that was deleted by hand is made
   * again first.
   */
  async readEnsembleTime(): Promise<number> {
    const { session } = this.parts;
    try {
      await this.membership.write();
    } catch (thrown) {
      if (!isZooKeeperError(thrown, 'no-node')) throw thrown;
      await makeParents(session, withParents(this.folder));
      await session.create(`${this.folder}/${this.membership.name}`, Buffer.alloc(0), 'ephemeral').catch(() => undefined);
      await this.membership.write();
    }
    const ensembleMs = session.ensembleTimeMs();
    invariant(ensembleMs !== undefined, 'a write was acknowledged without a time');
    return ensembleMs;
  }

  close(reason: Error): void {
    this.stopping.abort(reason);
    this.unsubscribe();
    this.membership.close();
    this.parts.session.unwatch(this.folder, this.ring);
  }

  private async join(): Promise<void> {
    try {
      await this.membership.join();
    } catch (thrown) {
      if (!isZooKeeperError(thrown, 'no-node')) throw thrown;
      await makeParents(this.parts.session, withParents(this.folder));
      await this.membership.join();
    }
  }

  /** How many older members campaign in the other scope. Watched only while there are any. */
  private async rivals(): Promise<number> {
    const { member } = this.parts;
    if (!member.candidate) return 0;
    const other = member.scope === 'version' ? 'service' : 'version';
    const others = (await this.membership.list()).filter((found) => found.kind === other);
    if (others.length === 0) return 0;
    const rivals = await this.membership.older(others);
    if (rivals.length === 0) return 0;
    const seen = (await this.membership.list(this.ring)).filter((found) => rivals.some((rival) => rival.name === found.name));
    return seen.length;
  }

  private readonly ring = (): void => this.wake.ring();

  private report(rivals: number): void {
    const { observer, member, service } = this.parts;
    const other = member.scope === 'version' ? 'service' : 'version';
    observer.observe({
      level: 'warn',
      event: 'mastership.scope-conflict',
      message:
        `${rivals} older replica(s) of "${service}" campaign with electionScope "${other}", this one has "${member.scope}": it does not campaign ` +
        'until they have gone. Finish the deploy, or give all replicas the same electionScope.',
      fields: { service, scope: member.scope, rivals },
    });
  }

  private async pause(thrown: unknown): Promise<void> {
    const { session, clock, observer } = this.parts;
    const { signal } = this.stopping;
    if (signal.aborted) return;
    if (isZooKeeperError(thrown, 'connection-loss')) {
      while (!session.attached && !signal.aborted) await this.wake.wait(signal);
      return;
    }
    const delayMs = backoffMs(this.failures++, 100, 5_000);
    observer.observe({
      level: 'error',
      event: 'membership.failed',
      message: `Joining the members failed (${messageOf(thrown)}); tries again in ${Math.round(delayMs)} ms.`,
    });
    await sleep(clock, delayMs, signal).catch(() => undefined);
  }
}
