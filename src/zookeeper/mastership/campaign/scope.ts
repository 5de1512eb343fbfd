import { sleep } from '../../support/abort.js';
import type { Clock } from '../../support/clock.js';
import { messageOf } from '../../support/errors.js';
import { invariant } from '../../support/invariant.js';
import type { Observer } from '../../support/observer.js';
import { Repeats } from '../../support/repeats.js';
import { Membership, type OlderMember } from '../../recipes/membership/membership.js';
import type { Member } from '../../recipes/membership/member-codec.js';
import { FailurePauses } from '../../session/failure-pauses.js';
import type { Session } from '../../session/session.js';
import { isZooKeeperError } from '../../wire/errors.js';
import { withParents, makeParents } from '../../session/parents.js';
import { LONGEST_OLD_LEASE_MS, MAX_LEASE_MS, waitMsFor } from '../../session/lease-length.js';
import { Latch } from '../../support/latch.js';

/**
 * Before a member's node that was deleted by hand is made again: so that somebody who wipes the
 * tree gets to the end of it.
 */
const REJOIN_PAUSE_MS = 200;
const MAX_PAUSE_MS = 5_000;

/** What the guard of the scope needs to know. */
export interface ScopeGuardParts {
  readonly session: Session;
  readonly clock: Clock;
  readonly observer: Observer;
  readonly rootPath: string;
  readonly service: string;
  /** Who this replica is when it joins. */
  readonly member: Member;
  readonly id: string;
}

/**
 * Keeps this replica a member of its service, and holds its campaign back while an older member campaigns in the other
 * `electionScope`: the two scopes elect at different nodes, so both could have a master. Of two that meet, the older
 * goes on; so during a deploy that changes the scope the new replicas wait until the last old one has gone, and then
 * for as long as any of them could have believed.
 *
 * A replica that starts when the last old one has just gone meets nobody. So the folder of the members keeps the scope
 * in which the service campaigns: written before anybody campaigns in it, and after the wait for the other one. Whoever
 * finds the other scope there waits as if it had met a member. An empty folder says nothing and need not: where
 * everything was deleted, the election's record is gone as well, and its winner waits for the longest lease.
 */
export class ScopeGuard {
  private readonly membership: Membership;
  private readonly wake: Latch;
  private readonly stopping = new AbortController();
  private readonly pauses: FailurePauses;
  /** Whether it has met older members of the other scope. */
  private yielded = false;
  /** Since when none of them has been there. */
  private clearSinceMs: number | undefined;
  /** The longest lease that one of them can have. Those that were not met count with the longest that there is. */
  private rivalLeaseMs = MAX_LEASE_MS;
  private reported = false;
  private readonly repeats: Repeats;
  private readonly unsubscribe: () => void;

  constructor(private readonly parts: ScopeGuardParts) {
    this.wake = new Latch(parts.clock);
    this.pauses = new FailurePauses({ session: parts.session, clock: parts.clock, latch: this.wake, maxMs: MAX_PAUSE_MS });
    this.repeats = new Repeats(parts.clock);
    const root = parts.rootPath === '/' ? '' : parts.rootPath;
    this.folder = `${root}/members/${parts.service}`;
    this.membership = new Membership(parts.session, this.folder, parts.member, parts.id, parts.clock, () => this.wake.ring());
    this.unsubscribe = parts.session.onAttached(() => {
      this.wake.ring();
      // There may be another leader, with another clock, to compare with. A node that is not
      // there is seen to by the loop.
      if (this.membership.isMember) void this.membership.write().catch(() => undefined);
    });
  }

  private readonly folder: string;

  /** Joins, and calls `mayCampaign` once nothing stands against it; then only keeps the membership. Never rejects. */
  async run(mayCampaign: () => void): Promise<void> {
    const { signal } = this.stopping;
    let cleared = false;
    while (!signal.aborted) {
      try {
        if (cleared && !this.membership.isMember) await sleep(this.parts.clock, REJOIN_PAUSE_MS, signal);
        await this.join();
        const leftMs = cleared ? undefined : await this.leftToWait();
        this.pauses.succeeded();
        this.repeats.healed();
        if (leftMs === 0) {
          cleared = true;
          mayCampaign();
        }
        await this.wake.wait(signal, leftMs === 0 ? undefined : leftMs);
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
   * The ensemble's clock, from a write made now: of this replica's own node, which nobody waits for. A node that was
   * deleted by hand is made again first.
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

  /** How the clocks of this replica and of others stand to the ensemble's. */
  clocks(): ReturnType<Membership['clocks']> {
    return this.membership.clocks();
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

  /**
   * 0: nothing stands against a campaign. Undefined: an older member does, and rings when it goes. Else for how long
   * the last of them could still believe that it is master, although its node has gone: nobody knows when its last
   * renewal was acknowledged, but it was before that.
   */
  private async leftToWait(): Promise<number | undefined> {
    const { member, clock } = this.parts;
    if (!member.candidate) return 0;
    const [rivals, inForce] = await Promise.all([this.rivals(), this.scopeInForce()]);
    if (rivals.length > 0) {
      if (!this.reported) this.report(rivals.length);
      this.clearSinceMs = undefined;
      return undefined;
    }
    this.clearSinceMs ??= clock.monotonicMs();
    const isSameScope = !this.yielded && (inForce.scope === undefined || inForce.scope === member.scope);
    const leftMs = isSameScope ? 0 : this.clearSinceMs + waitMsFor(this.rivalLeaseMs) - clock.monotonicMs();
    if (leftMs > 0) return leftMs;
    if (inForce.scope === member.scope || (await this.putInForce(member.scope, inForce.version))) return 0;
    return this.leftToWait();
  }

  /**
   * False: another replica has written the folder meanwhile. So it is where several start at once, and then each of
   * them but one looks again.
   */
  private async putInForce(scope: 'version' | 'service', version: number): Promise<boolean> {
    try {
      await this.parts.session.set(this.folder, Buffer.from(scope), version);
      return true;
    } catch (thrown) {
      if (isZooKeeperError(thrown, 'bad-version')) return false;
      throw thrown;
    }
  }

  /** The scope in which the service campaigns, as far as its members have told. */
  private async scopeInForce(): Promise<{ readonly scope: 'version' | 'service' | undefined; readonly version: number }> {
    const { data, stat } = await this.parts.session.get(this.folder);
    const text = data.toString('utf8');
    return { scope: text === 'version' || text === 'service' ? text : undefined, version: stat.version };
  }

  /** The older members that campaign in the other scope. Watched only while there are any. */
  private async rivals(): Promise<readonly OlderMember[]> {
    const other = this.otherScope;
    const others = (await this.membership.list()).filter((found) => found.kind === other);
    if (others.length === 0) return [];
    const rivals = await this.membership.older(others);
    if (rivals.length === 0) return [];
    const present = new Set((await this.membership.list(this.ring)).map(({ name }) => name));
    this.met(rivals);
    return rivals.filter(({ name }) => present.has(name));
  }

  /** A member that does not tell its lease may be of an older version of this library, whose leases were longer. */
  private met(rivals: readonly OlderMember[]): void {
    this.yielded = true;
    const leases = rivals.map(({ leaseMs = LONGEST_OLD_LEASE_MS }) => Math.min(leaseMs, LONGEST_OLD_LEASE_MS));
    this.rivalLeaseMs = Math.max(this.rivalLeaseMs, ...leases);
  }

  private get otherScope(): 'version' | 'service' {
    return this.parts.member.scope === 'version' ? 'service' : 'version';
  }

  private readonly ring = (): void => this.wake.ring();

  private report(rivals: number): void {
    this.reported = true;
    const { observer, member, service } = this.parts;
    const other = this.otherScope;
    observer.observe({
      level: 'warn',
      event: 'mastership.scope-conflict',
      message:
        `${rivals} older replica(s) of "${service}" campaign with electionScope "${other}", this one has "${member.scope}": it does not campaign ` +
        'until they have gone. Finish the deploy, or give all replicas the same electionScope.',
      fields: { service, scope: member.scope, rivals },
    });
  }

  private pause(thrown: unknown): Promise<void> {
    const why = messageOf(thrown);
    return this.pauses.after(thrown, this.stopping.signal, () =>
      this.parts.observer.observe({
        level: this.repeats.isNews(why) ? 'error' : 'debug',
        event: 'membership.failed',
        message: `This replica cannot join the members of its service, and does not campaign: ${why} It tries again for as long as it takes; told once a minute.`,
      }),
    );
  }
}
