import { getOrUndefined, ownerOf } from '../session/nodes.js';
import type { Session } from '../session/session.js';
import { Belief } from './belief.js';
import { Contest } from './contest.js';
import type { Drain, Election, HeldTenure } from './election.js';
import type { ElectionZnodes } from './election.znodes.js';
import { notConnected, NotMasterError, RunIgnoresAbortError, UnknownReplicaError } from './errors.js';
import { Follower } from './follower.js';
import type { LeaseKeeper } from '../session/lease.js';
import { knownMaster, type Mastership } from './mastership.state.js';
import { Memory } from './memory.js';
import { addressesInLine } from './reassignment.js';
import type { CandidateParts, OwnMember } from './scene.js';

/** This replica in one election, from session to session. */
export class Candidate implements Election {
  private readonly belief: Belief;
  private readonly parts: CandidateParts;
  private drain: Drain | undefined;
  private closed = false;
  private contest: { readonly it: Contest; readonly over: Promise<void> } | undefined;
  private follower: Follower | undefined;

  constructor(
    private readonly znodes: ElectionZnodes,
    given: Pick<CandidateParts, 'address' | 'clock' | 'observer' | 'newId' | 'heldElsewhere'>,
    private readonly session: () => Session | undefined,
    initialWhy: string,
  ) {
    this.belief = new Belief(znodes.key, given.clock, given.observer, initialWhy);
    this.parts = { ...given, znodes, belief: this.belief, memory: new Memory(given.clock), drain: () => this.drain };
  }

  get key(): string {
    return this.znodes.key;
  }

  get path(): string {
    return this.znodes.node;
  }

  /** Whether it holds the node, or is about to win it. */
  get isHolding(): boolean {
    return this.contest?.it.isHolding === true;
  }

  state(): Mastership {
    return this.belief.state();
  }

  isMaster(): boolean {
    return this.belief.isMaster();
  }

  tenure(): HeldTenure | undefined {
    return this.belief.tenure();
  }

  onChange(listener: (state: Mastership) => void): () => void {
    return this.belief.onChange(listener);
  }

  setDrain(drain: Drain): void {
    this.drain = drain;
  }

  async master(signal?: AbortSignal): Promise<{ readonly address: string; readonly isThis: boolean } | undefined> {
    const session = this.attachedSession();
    const read = await getOrUndefined(session, this.path, signal === undefined ? {} : { signal });
    return read && { address: read.data.toString('utf8'), isThis: ownerOf(read.stat, session.id) === 'this session' };
  }

  async resign(): Promise<void> {
    const leaving = this.contest?.it.leave('resign', 'asked to resign');
    if (leaving === undefined) throw new NotMasterError(this.key, knownMaster(this.state()), `it is ${this.state().kind}`);
    if ((await leaving) === 'stuck') throw new RunIgnoresAbortError(this.key);
  }

  async transferTo(address: string, signal?: AbortSignal): Promise<void> {
    const session = this.attachedSession();
    const options = signal === undefined ? {} : { signal };
    const { data, stat } = await session.get(this.path, options);
    if (data.toString('utf8') === address) return;
    const known = await addressesInLine({ session, znodes: this.znodes });
    if (!known.includes(address)) throw new UnknownReplicaError(this.key, address, known);
    await session.set(this.path, Buffer.from(address), stat.version, options);
  }

  /** Begins to campaign over this session, as soon as the contest over the one before it has wound up. */
  campaign(session: Session, keeper: LeaseKeeper, member: OwnMember): void {
    if (this.closed || session.ended.aborted) return;
    if (this.contest !== undefined) {
      if (this.contest.it.session !== session) void this.contest.over.then(() => this.campaign(session, keeper, member));
      return;
    }
    this.belief.apply({ kind: 'campaigning', why: 'looks who is master' });
    const it = new Contest(this.parts, session, keeper, member);
    const over = it.run().finally(() => {
      this.contest = undefined;
    });
    this.contest = { it, over };
  }

  /** Takes no part over this session, but knows who is master. */
  follow(session: Session): void {
    if (this.closed || this.follower !== undefined || session.ended.aborted) return;
    const { znodes, parts, belief } = this;
    this.follower = new Follower({ ...parts, znodes, session, tell: (master) => belief.apply({ kind: 'observed', master }) });
    void this.follower.run();
  }

  /** The session is over, and with it whatever was held; the next one begins anew. */
  async sessionEnded(reason: Error): Promise<void> {
    this.stopFollowing();
    if (this.contest === undefined) return;
    await this.endContest(reason);
    this.belief.apply({ kind: 'campaigning', why: reason.message });
  }

  /** Says why nothing happens while there is no session to campaign over. */
  waitFor(why: string): void {
    if (this.contest === undefined) this.belief.apply({ kind: 'campaigning', why });
  }

  /** Drains and resigns if it holds the node, and takes no further part. */
  async close(why: string, reason: Error): Promise<'resigned' | 'stuck' | 'idle'> {
    this.closed = true;
    this.stopFollowing();
    const outcome = await (this.contest?.it.leave('close', why) ?? 'idle');
    if (outcome === 'stuck') return 'stuck';
    await this.endContest(reason);
    this.belief.apply({ kind: 'withdrawn', why });
    return outcome === 'resigned' ? 'resigned' : 'idle';
  }

  private async endContest(reason: Error): Promise<void> {
    const { contest } = this;
    contest?.it.abort(reason);
    await contest?.over;
  }

  private stopFollowing(): void {
    this.follower?.close();
    this.follower = undefined;
    this.belief.apply({ kind: 'observed', master: undefined });
  }

  private attachedSession(): Session {
    const session = this.session();
    if (session === undefined) {
      throw notConnected(`The ensemble cannot be asked about the election "${this.key}"`);
    }
    return session;
  }
}
