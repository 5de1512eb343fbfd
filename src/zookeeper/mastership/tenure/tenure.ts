import type { LeaseHolder, Lease } from '../../session/lease.js';
import type { WatchEvent } from '../../wire/operations.js';
import type { ElectionContext } from '../election/election-context.js';
import type { Proof } from '../election/memory.js';
import { Departure } from './departure.js';
import { TenureFence } from './fence.js';
import { meaningOfEdit, restoreNode, type Edit } from './hand-over.js';
import { LastWill } from './last-will.js';
import { Lateness } from './lateness.js';
import { Rechecks, repair } from './repair.js';
import { resign } from './resign.js';
import { endTakeOverWait } from './take-over.js';
import type { TenureSurroundings } from './surroundings.js';
import { TenureLog } from './tenure-log.js';
import { departureOf, next, type LeavingKind, type TenureEnd, type TenureEvent, type TenureState } from './tenure.state.js';
import { clearSuccessor, isOwn, tenureOf, wonElection, type Win, type WonElection } from './won-election.js';

const HAND_OVER_FAILED: Edit = { kind: 'restore', why: 'the hand-over failed' };

type State = TenureState<Departure>;
type InState<K extends State['kind']> = Extract<State, { readonly kind: K }>;

/**
 * One tenure from the win to its end, as one loop: look, act on what is due, wait to be rung.
 *
 * 1. Not proven that the predecessor is over: wait, then end the wait in a transaction (take-over.ts).
 * 2. Believe while renewals are acknowledged (`master`, `doubtful`).
 * 3. Each event of the node: read again; deleted or replaced ends the tenure, an edit is judged (hand-over.ts).
 * 4. Asked to leave: drain, stop believing, and only then resign in one transaction (resign.ts).
 *
 * Its states, and what leads from one to the other: tenure.state.ts.
 */
export class TenureKeeper implements LeaseHolder {
  private state: State = { kind: 'waiting' };
  private readonly won: WonElection;
  private readonly log: TenureLog;
  private readonly lastWill: LastWill;
  /** Monotonic: from then on no predecessor can believe. */
  private readonly provenAtMs: number;
  private releaseLease: (() => void) | undefined;
  private readonly lateness: Lateness;
  private readonly rechecks = new Rechecks(
    () => this.isOver,
    () => this.context.latch.ring(),
  );

  constructor(
    private readonly context: ElectionContext,
    private readonly win: Win,
    private readonly proof: Proof,
    private readonly surroundings: TenureSurroundings,
  ) {
    this.won = wonElection(win);
    this.log = new TenureLog(context, this.won);
    this.lastWill = new LastWill(context, this.won);
    this.provenAtMs = context.clock.monotonicMs() + this.proof.waitMs;
    this.lateness = new Lateness(context, surroundings.lineId, (why) => {
      if (departureOf(this.state) === undefined) void this.leave('resign', why);
    });
  }

  /** Resolves when the tenure is over, and says how it ended. Never rejects. */
  async run(signal: AbortSignal, pause: (thrown: unknown) => Promise<void>): Promise<TenureEnd> {
    this.context.watch.onEvent = this.onEvent;
    try {
      this.begin();
      await this.readFirstView();
      for (;;) {
        if (this.state.kind === 'over') return this.state.how;
        if (signal.aborted) this.lost((signal.reason as Error).message);
        else await this.step(signal).catch(pause);
        this.lastWill.renew();
      }
    } finally {
      this.context.watch.onEvent = undefined;
      this.releaseLease?.();
      departureOf(this.state)?.settle('ended');
      this.rechecks.answer();
    }
  }

  /** Drains and resigns; answers how it ended. Asked again, the strongest reason counts. */
  leave(kind: LeavingKind, why: string): Promise<'resigned' | 'stuck' | 'ended'> {
    if (this.isOver) return Promise.resolve('ended');
    const { mastership, latch } = this.context;
    const before = departureOf(this.state);
    const departure = before ?? new Departure();
    // Kept before anybody hears of the drain: a listener that asks to leave as well strengthens this one.
    this.apply({ kind: 'asked to leave', reason: { kind, why }, departure });
    mastership.apply({ kind: 'drain', why: this.reasonInForce(why) });
    if (before !== undefined) return departure.done;
    departure.begin(this.surroundings.drain(), mastership.heldTenure(), this.reasonInForce(why), (outcome) => {
      this.apply({ kind: 'drain over', departure, outcome });
      latch.ring();
    });
    this.log.draining(why);
    return departure.done;
  }

  armedSince(): number | undefined {
    return this.context.watch.armedSince();
  }

  renewed(lease: Lease): void {
    const { mastership } = this.context;
    this.lateness.inTime();
    const wasDoubtful = mastership.state().kind === 'doubtful';
    mastership.apply({ kind: 'renewed', tenure: tenureOf(this.won), lease });
    if (wasDoubtful && mastership.isMaster()) this.log.confirmed();
  }

  late(tookMs: number): void {
    this.lateness.late(tookMs);
  }

  private get isOver(): boolean {
    return this.state.kind === 'over';
  }

  private apply(event: TenureEvent<Departure>): void {
    this.state = next(this.state, event);
  }

  private reasonInForce(otherwise: string): string {
    return 'reason' in this.state ? this.state.reason.why : otherwise;
  }

  private begin(): void {
    const { context, win, proof } = this;
    const lease = proof.waitMs <= 0 && win.lease !== undefined && context.keeper.isBelievable(win.lease) ? win.lease : undefined;
    this.log.nodeWon(proof, lease !== undefined);
    if (lease !== undefined) return this.believe(lease);
    context.mastership.apply({ kind: 'won', tenure: tenureOf(this.won), untilMs: this.provenAtMs, why: proof.why });
  }

  /**
   * The read sent right behind the win. The winning write is a lease of its own, whatever became of the node since: a
   * successor could only have won after it. Renewals need the watch, and count from this read on.
   */
  private async readFirstView(): Promise<void> {
    const view = await this.win.view?.catch(() => 'unread' as const);
    if (view === 'unread' || this.win.view === undefined || this.isOver) return;
    if (view === undefined || !isOwn(this.won, view, this.context.session.id))
      this.lost('the election node was replaced right after the win');
    else if (view.stat.version !== this.won.nodeVersion) this.context.watch.disarm();
  }

  private async step(signal: AbortSignal): Promise<void> {
    const { context, state } = this;
    if (state.kind === 'resigning') return this.resign(state);
    if (this.rechecks.areWanted) return this.checkAll();
    if (context.watch.armedSince() === undefined) return this.verify();
    if (state.kind === 'waiting') return this.waitOut(signal);
    if (state.kind !== 'draining' || state.runs === 'in progress') return context.latch.wait(signal);
    if (state.runs === 'ignore their abort') return this.meetStuckRun(state);
    this.stopBelieving(state);
    return this.resign(state);
  }

  /** Waits until no predecessor can believe any more; then this tenure is believed. */
  private async waitOut(signal: AbortSignal): Promise<void> {
    const { context } = this;
    const leftMs = this.provenAtMs - context.clock.monotonicMs();
    if (leftMs > 0) return context.latch.wait(signal, leftMs);
    const lease = await endTakeOverWait(context, this.won);
    // An event or an order to leave during that is met by the next step; after an answer later than
    // its lease it is done again.
    if (lease === undefined || signal.aborted || this.state.kind !== 'waiting') return;
    if (context.keeper.isBelievable(lease)) return this.believe(lease);
    const tookMs = context.clock.monotonicMs() - lease.sentAtMs;
    if (tookMs >= lease.lengthMs) this.late(tookMs);
  }

  private believe(lease: Lease): void {
    const { context, won } = this;
    const tenure = tenureOf(won);
    this.apply({ kind: 'believed' });
    context.memory.sawToken(tenure.token, context.address);
    context.mastership.renewBy(() => context.keeper.renewNow());
    context.mastership.useFence(new TenureFence(context, won, this.surroundings.member, () => this.rechecks.ask()));
    context.mastership.apply({ kind: 'believed', tenure, lease });
    this.releaseLease ??= context.keeper.hold(this, lease);
    this.lastWill.leave();
    this.log.master();
  }

  /**
   * Reads the node and arms the watch again; what it finds may end the tenure or be an edit. Whatever fails before an
   * edit is dealt with disarms the watch: no further event would tell of that edit.
   */
  private async verify(): Promise<void> {
    try {
      await this.readNode();
    } catch (thrown) {
      this.context.watch.disarm();
      throw thrown;
    }
    if (!this.isOver) this.context.keeper.renewNow();
  }

  private async readNode(): Promise<void> {
    const { context, won } = this;
    const node = await context.watch.read();
    if (this.isOver) return;
    if (node === undefined) return this.lost('the election node is gone');
    if (!isOwn(won, node, context.session.id)) return this.lost('the election node now belongs to somebody else');
    const isUnfollowed = node.stat.version === won.unfollowedVersion;
    if (node.stat.version === won.nodeVersion && !isUnfollowed) return;
    const edit = isUnfollowed ? HAND_OVER_FAILED : await meaningOfEdit(context, node);
    if (edit.kind === 'hand over') {
      won.nodeVersion = node.stat.version;
      won.record = { ...won.record, successor: { address: edit.to, after: won.tenureId } };
      this.log.reassigned(edit.to);
      void this.leave('transfer', `handing over to ${edit.to}`);
      return;
    }
    won.nodeVersion = await restoreNode(context, node, edit);
    won.unfollowedVersion = undefined;
    this.callOffTransfer();
  }

  /**
   * The last edit counts: one that names nobody else takes an earlier hand-over back, unless there
   * are other reasons to leave.
   */
  private callOffTransfer(): void {
    clearSuccessor(this.won);
    const { state } = this;
    if (state.kind !== 'draining' || state.reason.kind !== 'transfer') return;
    this.apply({ kind: 'stays' });
    // The drain is called off before anything can start anew: it must stop nothing of that.
    state.departure.settle('ended');
    this.log.resumed();
    this.context.mastership.apply({ kind: 'resumed' });
  }

  /** A run ignored its abort. At shutdown the node stays until the process, and with it the session, has ended. */
  private meetStuckRun({ reason, departure }: InState<'draining'>): void {
    const { context, won } = this;
    this.log.runIgnoresAbort(reason.why);
    departure.settle('stuck');
    if (reason.kind === 'close') return this.apply({ kind: 'left to the process' });
    this.apply({ kind: 'stays' });
    clearSuccessor(this.won);
    // The next look restores the address, should an edit have asked for this.
    won.unfollowedVersion = won.nodeVersion;
    context.watch.disarm();
    context.mastership.apply({ kind: 'resumed' });
  }

  /** Belief ends before the transaction is sent: once it commits, a successor may be master at once. */
  private stopBelieving({ reason }: InState<'draining'>): void {
    this.apply({ kind: 'resigning' });
    this.releaseLease?.();
    this.context.mastership.apply({ kind: 'ended', why: reason.why });
  }

  private async resign({ reason, departure }: InState<'draining' | 'resigning'>): Promise<void> {
    const { context, won } = this;
    const unprovenMs = Math.max(0, this.provenAtMs - context.clock.monotonicMs());
    const outcome = await resign(context, won, unprovenMs);
    if (outcome === 'again') return;
    const how = outcome === 'resigned' ? 'resigned' : 'lost';
    this.finish(how);
    this.log.resigned(how, reason.why);
    departure.settle(outcome);
  }

  /**
   * The election node, the tenure node and the record: what is missing is made again, what was
   * changed by hand is adopted.
   */
  private async checkAll(): Promise<void> {
    await this.verify();
    if (!this.isOver) await repair(this.context, this.won, () => this.isOver);
    this.rechecks.answer();
  }

  private readonly onEvent = (event: WatchEvent): void => {
    if (event.type === 'deleted' && this.state.kind !== 'resigning') this.lost('the election node was deleted');
  };

  /** The tenure is over without a resignation. */
  private lost(why: string): void {
    if (this.isOver) return;
    const wasResigning = this.state.kind === 'resigning';
    this.finish('lost');
    if (!wasResigning) this.context.mastership.apply({ kind: 'ended', why });
    this.log.lost(why);
  }

  private finish(how: TenureEnd): void {
    this.apply({ kind: 'ended', how });
    this.releaseLease?.();
    this.lastWill.takeBack();
    this.context.memory.endedHere(this.won.tenureId, this.won.recordVersion, this.provenAtMs);
  }
}
