import { NotConnectedError } from '../session/connected.js';
import { getOrUndefined, ownerOf } from '../session/nodes.js';
import type { LastWills } from '../session/crash-guard/charge.js';
import type { Session } from '../session/session.js';
import { LocalMastership } from './election/local-mastership.js';
import { Campaign } from './campaign/campaign.js';
import type { Drain, Election } from './election/election.js';
import type { HeldTenure } from './election/held-tenure.js';
import type { ElectionZnodes } from './election/election.znodes.js';
import { NotMasterError, RunIgnoresAbortError, UnknownReplicaError } from './election/errors.js';
import { Follower } from './follower.js';
import type { LeaseKeeper } from '../session/lease.js';
import { knownMaster, type Mastership } from './election/mastership.state.js';
import { Memory, type Proof } from './election/memory.js';
import { addressesIn } from './tenure/hand-over.js';
import { ElectionContext, type OwnPart } from './election/election-context.js';
import { TenureKeeper } from './tenure/tenure.js';
import type { OwnMember, TenureSurroundings } from './tenure/surroundings.js';
import type { Win } from './tenure/won-election.js';
import { Line } from '../recipes/line/line.js';
import { unlessAborted } from '../support/abort.js';
import type { Clock } from '../support/clock.js';
import type { Observer } from '../support/observer.js';

/** Who takes part, and what it needs to. */
export interface CandidateOptions {
  /** `host:port`. */
  readonly address: string;
  readonly clock: Clock;
  readonly observer: Observer;
  readonly newId: () => string;
  readonly lastWills: LastWills;
  /** How many other elections of the service this replica holds, or is about to win. */
  readonly heldElsewhere: () => number;
}

/** This replica in one election, from session to session. */
export class Candidate implements Election {
  private readonly mastership: LocalMastership;
  private readonly own: OwnPart;
  private drain: Drain | undefined;
  private closed = false;
  private current: { readonly it: Campaign; readonly over: Promise<void> } | undefined;
  private follower: Follower | undefined;

  constructor(
    private readonly znodes: ElectionZnodes,
    private readonly given: CandidateOptions,
    private readonly session: () => Session | undefined,
    initialWhy: string,
  ) {
    this.mastership = new LocalMastership(znodes.key, given.clock, given.observer, initialWhy);
    this.own = { ...given, znodes, mastership: this.mastership, memory: new Memory(given.clock) };
  }

  get key(): string {
    return this.znodes.key;
  }

  get path(): string {
    return this.znodes.node;
  }

  /** Whether it holds the node, or is about to win it. */
  get isHolding(): boolean {
    return this.current?.it.isHolding === true;
  }

  state(): Mastership {
    return this.mastership.state();
  }

  isMaster(): boolean {
    return this.mastership.isMaster();
  }

  tenure(): HeldTenure | undefined {
    return this.mastership.tenure();
  }

  onChange(listener: (state: Mastership) => void): () => void {
    return this.mastership.onChange(listener);
  }

  setDrain(drain: Drain): void {
    this.drain = drain;
  }

  async master(signal?: AbortSignal): Promise<{ readonly address: string; readonly isThis: boolean } | undefined> {
    const session = this.attachedSession();
    const read = await getOrUndefined(session, this.path, signal === undefined ? {} : { signal });
    return read && { address: read.data.toString('utf8'), isThis: ownerOf(read.stat, session.id) === 'this session' };
  }

  async resign(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const leaving = this.current?.it.leave('resign', 'asked to resign');
    if (leaving === undefined) throw new NotMasterError(this.key, knownMaster(this.state()), `it is ${this.state().kind}`);
    if ((await unlessAborted(leaving, signal)) === 'stuck') throw new RunIgnoresAbortError(this.key);
  }

  async transferTo(address: string, signal?: AbortSignal): Promise<void> {
    const session = this.attachedSession();
    const options = signal === undefined ? {} : { signal };
    const { data, stat } = await session.get(this.path, options);
    if (data.toString('utf8') === address) return;
    const known = await addressesIn(session, this.znodes.line, options);
    if (!known.includes(address)) throw new UnknownReplicaError(this.key, address, known);
    await session.set(this.path, Buffer.from(address), stat.version, options);
  }

  /** Begins to campaign over this session, as soon as the campaign over the one before it has wound up. */
  campaign(session: Session, keeper: LeaseKeeper, member: OwnMember): void {
    if (this.closed || session.ended.aborted) return;
    if (this.current !== undefined) {
      if (this.current.it.session !== session) void this.current.over.then(() => this.campaign(session, keeper, member));
      return;
    }
    this.mastership.apply({ kind: 'campaigning', why: 'looks who is master' });
    const it = this.campaignOver(session, keeper, member);
    const over = it.run().finally(() => {
      this.current = undefined;
    });
    this.current = { it, over };
  }

  private campaignOver(session: Session, keeper: LeaseKeeper, member: OwnMember): Campaign {
    const { newId, heldElsewhere, address } = this.given;
    const context = new ElectionContext(this.own, session, keeper);
    const line = new Line(session, this.znodes.line, address, newId(), context.latch);
    const surroundings: TenureSurroundings = { drain: () => this.drain, member, lineId: line.id };
    const tenureOf = (won: Win, proof: Proof): TenureKeeper => new TenureKeeper(context, won, proof, surroundings);
    return new Campaign(context, line, { newId, heldElsewhere, tenureOf });
  }

  /** Takes no part over this session, but knows who is master. */
  follow(session: Session): void {
    if (this.closed || this.follower !== undefined || session.ended.aborted) return;
    const { znodes, given, mastership } = this;
    this.follower = new Follower({ ...given, znodes, session, tell: (master) => mastership.apply({ kind: 'observed', master }) });
    void this.follower.run();
  }

  /** The session is over, and with it whatever was held; the next one begins anew. */
  async sessionEnded(reason: Error): Promise<void> {
    this.stopFollowing();
    if (this.current === undefined) return;
    await this.endCampaign(reason);
    this.mastership.apply({ kind: 'campaigning', why: reason.message });
  }

  /** Says why nothing happens while there is no session to campaign over. */
  waitFor(why: string): void {
    if (this.current === undefined) this.mastership.apply({ kind: 'campaigning', why });
  }

  /** Drains and resigns if it holds the node, and takes no further part. */
  async close(why: string, reason: Error): Promise<'resigned' | 'stuck' | 'idle'> {
    this.closed = true;
    this.stopFollowing();
    const outcome = await (this.current?.it.leave('close', why) ?? 'idle');
    if (outcome === 'stuck') return 'stuck';
    await this.endCampaign(reason);
    this.mastership.apply({ kind: 'withdrawn', why });
    return outcome === 'resigned' ? 'resigned' : 'idle';
  }

  private async endCampaign(reason: Error): Promise<void> {
    const { current } = this;
    current?.it.abort(reason);
    await current?.over;
  }

  private stopFollowing(): void {
    this.follower?.close();
    this.follower = undefined;
    this.mastership.apply({ kind: 'observed', master: undefined });
  }

  private attachedSession(): Session {
    const session = this.session();
    if (session === undefined) {
      throw new NotConnectedError(undefined, `the ensemble cannot be asked about the election "${this.key}"`);
    }
    return session;
  }
}
