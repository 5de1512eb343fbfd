import { invariant } from '../support/invariant.js';
import type { WatchEvent } from '../wire/operations.js';
import type { LeaseHolder, Lease } from '../session/lease.js';
import type { Tenure } from './mastership.state.js';
import type { NodeView } from '../session/node-watch.js';
import { TenureGround } from './ground.js';
import type { Holding } from './holding.js';
import { Lateness } from './lateness.js';
import { Leaving, type LeavingKind } from './leaving.js';
import type { Proof } from './memory.js';
import { mend } from './mend.js';
import { judgeEdit, restoreNode, type Edit } from './reassignment.js';
import { resign } from './resign.js';
import { report, type Scene } from './scene.js';
import { seal } from './seal.js';
import { tokenOf } from './token.js';
import { WON_VERSION, type Win } from './win.js';
import { ownerOf } from '../session/nodes.js';

const HAND_OVER_FAILED: Edit = { kind: 'restore', why: 'the hand-over failed' };

/**
 * One tenure from the win to its end, as one loop: look, act on what is due, wait to be rung.
 *
 * 1. Not proven that the predecessor is over: wait, then seal (`waiting`).
 * 2. Believe while renewals are acknowledged (`master`, `doubtful`).
 * 3. Each event of the node: read again; deleted or replaced ends the tenure, an edit is judged (reassignment.ts).
 * 4. Asked to leave: drain, stop believing, and only then resign in one transaction (resign.ts).
 */
export class Reign implements LeaseHolder {
  private readonly holding: Holding;
  private over = false;
  private hasResigned = false;
  /** From just before the resignation is sent, the node's events are its own echo. */
  private resigning = false;
  private leaving: Leaving | undefined;
  private untilMs = 0;
  /** The version of an edit that this master has not been able to follow. */
  private refusedVersion: number | undefined;
  private release: (() => void) | undefined;
  private readonly lateness: Lateness;
  /** Whoever waits for another look at everything. */
  private readonly rechecks: (() => void)[] = [];

  constructor(
    private readonly scene: Scene,
    private readonly win: Win,
    private readonly proof: Proof,
  ) {
    const { tenureId, czxid, record, recordVersion } = win;
    this.holding = { tenureId, czxid, record, recordVersion, nodeVersion: WON_VERSION };
    this.lateness = new Lateness(scene, (why) => void (this.leaving ?? this.leave('resign', why)));
  }

  /** Resolves when the tenure is over, and says how it ended. Never rejects. */
  async run(signal: AbortSignal, pause: (thrown: unknown) => Promise<void>): Promise<'resigned' | 'lost'> {
    this.scene.watch.onEvent = this.onEvent;
    try {
      this.begin();
      await this.firstView();
      while (!this.over) {
        if (signal.aborted) this.lost((signal.reason as Error).message);
        else await this.step(signal).catch(pause);
      }
    } finally {
      this.scene.watch.onEvent = undefined;
      this.release?.();
      this.leaving?.settle('ended');
      this.answerRechecks();
    }
    return this.hasResigned ? 'resigned' : 'lost';
  }

  /** Drains and resigns; answers how it ended. Asked again, the strongest reason counts. */
  leave(kind: LeavingKind, why: string): Promise<'resigned' | 'stuck' | 'ended'> {
    if (this.over) return Promise.resolve('ended');
    const { belief, drain, wake } = this.scene;
    const before = this.leaving;
    // Kept before anybody hears of the drain: a listener that asks to leave as well strengthens this one.
    const leaving = (this.leaving ??= new Leaving(kind, why));
    leaving.strengthen(kind, why);
    belief.apply({ kind: 'drain', why: leaving.why });
    if (before !== undefined) return leaving.done;
    leaving.begin(drain(), belief.heldTenure(), () => wake.ring());
    report(this.scene, 'info', 'draining', `draining before it gives the mastership up: ${why}.`, { tenure: this.holding.tenureId });
    return leaving.done;
  }

  armedSince(): number | undefined {
    return this.scene.watch.armedSince();
  }

  renewed(lease: Lease): void {
    this.lateness.inTime();
    const wasDoubtful = this.scene.belief.state().kind === 'doubtful';
    this.scene.belief.apply({ kind: 'renewed', tenure: this.tenure(), lease });
    if (wasDoubtful && this.scene.belief.isMaster()) {
      report(this.scene, 'info', 'confirmed', 'master again: ZooKeeper has acknowledged a renewal.', {
        token: String(this.tenure().token),
      });
    }
  }

  late(tookMs: number): void {
    this.lateness.late(tookMs);
  }

  private begin(): void {
    const { scene, win, proof } = this;
    this.untilMs = scene.clock.monotonicMs() + proof.waitMs;
    const facts = { tenure: win.tenureId, czxid: String(win.czxid), waitMs: Math.round(proof.waitMs) };
    if (proof.waitMs <= 0 && win.lease !== undefined && scene.keeper.isBelievable(win.lease)) {
      report(scene, 'info', 'won', `won the election node; ${proof.why}.`, facts);
      return this.believe(win.lease);
    }
    report(scene, 'info', 'won', `won the election node; waits ${Math.round(proof.waitMs)} ms, because ${proof.why}.`, facts);
    scene.belief.apply({ kind: 'won', tenure: this.tenure(), untilMs: this.untilMs, why: proof.why });
  }

  /**
   * The read sent right behind the win. The winning write is a lease of its own, whatever became of the node since: a successor
   * could only have won after it. Renewals need the watch, and count from this read on.
   */
  private async firstView(): Promise<void> {
    const view = await this.win.view?.catch(() => 'unread' as const);
    if (view === 'unread' || this.win.view === undefined || this.over) return;
    if (view === undefined || !this.isOwn(view)) this.lost('the election node was replaced right after the win');
    else if (view.stat.version !== this.holding.nodeVersion) this.scene.watch.disarm();
  }

  private async step(signal: AbortSignal): Promise<void> {
    const { scene, leaving } = this;
    if (this.resigning) return this.resign();
    if (this.rechecks.length > 0) return this.checkAll();
    if (scene.watch.armedSince() === undefined) return this.verify();
    const isWaiting = scene.belief.state().kind === 'waiting';
    if (leaving?.outcome === 'drained') return this.resign();
    if (leaving?.outcome === 'stuck') return this.stuck(leaving);
    if (!isWaiting || leaving !== undefined) return scene.wake.wait(signal);
    const leftMs = this.untilMs - scene.clock.monotonicMs();
    if (leftMs > 0) return scene.wake.wait(signal, leftMs);
    const lease = await seal(scene, this.holding);
    // An event or an order to leave during the seal is met by the next step; an answer later than its lease is sealed again.
    if (lease === undefined || this.over || signal.aborted || this.leaving !== undefined) return;
    if (scene.keeper.isBelievable(lease)) return this.believe(lease);
    const tookMs = scene.clock.monotonicMs() - lease.sentAtMs;
    if (tookMs >= lease.lengthMs) this.late(tookMs);
  }

  private believe(lease: Lease): void {
    const { scene } = this;
    const tenure = this.tenure();
    scene.memory.sawToken(tenure.token, scene.address);
    scene.belief.renewBy(() => scene.keeper.renewNow());
    scene.belief.standOn(new TenureGround(scene, this.holding, () => this.recheck()));
    scene.belief.apply({ kind: 'believed', tenure, lease });
    this.release ??= scene.keeper.hold(this, lease);
    const facts = { tenure: tenure.id, token: String(tenure.token) };
    report(scene, 'info', 'master', `is master now, with fencing token ${tenure.token}.`, facts);
  }

  private tenure(): Tenure {
    const { tenureId, czxid, record } = this.holding;
    return { id: tenureId, czxid, token: tokenOf(record.floor, czxid) };
  }

  private isOwn({ stat }: NodeView): boolean {
    return ownerOf(stat, this.scene.session.id) === 'this session' && stat.czxid === this.holding.czxid;
  }

  /**
   * Reads the node and arms the watch again; what it finds may end the tenure or be an edit. Whatever fails before an edit is dealt
   * with disarms the watch: no further event would tell of that edit.
   */
  private async verify(): Promise<void> {
    try {
      await this.lookAtNode();
    } catch (thrown) {
      this.scene.watch.disarm();
      throw thrown;
    }
    if (!this.over) this.scene.keeper.renewNow();
  }

  private async lookAtNode(): Promise<void> {
    const node = await this.scene.watch.read();
    if (this.over) return;
    if (node === undefined) return this.lost('the election node is gone');
    if (!this.isOwn(node)) return this.lost('the election node now belongs to somebody else');
    const isRefused = node.stat.version === this.refusedVersion;
    if (node.stat.version === this.holding.nodeVersion && !isRefused) return;
    const edit = isRefused ? HAND_OVER_FAILED : await judgeEdit(this.scene, node);
    if (edit.kind === 'hand over') {
      this.holding.nodeVersion = node.stat.version;
      this.holding.record = { ...this.holding.record, successor: { address: edit.to, after: this.holding.tenureId } };
      report(this.scene, 'info', 'reassigned', `the election node was edited to name ${edit.to}; hands over.`, { to: edit.to });
      void this.leave('transfer', `handing over to ${edit.to}`);
      return;
    }
    this.holding.nodeVersion = await restoreNode(this.scene, node, edit);
    this.refusedVersion = undefined;
    this.callOffTransfer();
  }

  /** The last edit counts: one that names nobody else takes an earlier hand-over back, unless there are other reasons to leave. */
  private callOffTransfer(): void {
    this.forgetSuccessor();
    const { leaving } = this;
    if (leaving?.kind !== 'transfer') return;
    this.leaving = undefined;
    // The drain is called off before anything can start anew: it must stop nothing of that.
    leaving.settle('ended');
    report(this.scene, 'info', 'resumed', 'the hand-over was taken back; goes on as before.');
    this.scene.belief.apply({ kind: 'resumed' });
  }

  private forgetSuccessor(): void {
    const { successor: _dropped, ...record } = this.holding.record;
    this.holding.record = record;
  }

  /** A run ignored its abort. At shutdown the node stays until the process, and with it the session, has ended. */
  private stuck(leaving: Leaving): void {
    const message = `ZK_RUN_IGNORES_ABORT: does not resign, because a run goes on after its abort (${leaving.why}).`;
    report(this.scene, 'error', 'run-ignores-abort', message, { tenure: this.holding.tenureId });
    leaving.settle('stuck');
    if (leaving.kind === 'close') {
      leaving.outcome = 'left to the process';
      return;
    }
    this.leaving = undefined;
    this.forgetSuccessor();
    // The next look restores the address, should an edit have asked for this.
    this.refusedVersion = this.holding.nodeVersion;
    this.scene.watch.disarm();
    this.scene.belief.apply({ kind: 'resumed' });
  }

  private async resign(): Promise<void> {
    const { scene, leaving } = this;
    invariant(leaving, 'resigns without having been asked to');
    if (!this.resigning) {
      this.resigning = true;
      // Belief ends before the transaction is sent: once it commits, a successor may be master at once.
      this.release?.();
      scene.belief.apply({ kind: 'ended', why: leaving.why });
    }
    const unprovenMs = Math.max(0, this.untilMs - scene.clock.monotonicMs());
    const outcome = await resign(scene, this.holding, unprovenMs);
    if (outcome === 'again') return;
    this.hasResigned = outcome === 'resigned';
    this.finish();
    const how = this.hasResigned ? 'has resigned' : 'lost the node while resigning';
    report(scene, 'info', this.hasResigned ? 'resigned' : 'lost', `${how}: ${leaving.why}.`, {
      tenure: this.holding.tenureId,
      token: String(this.tenure().token),
      successor: this.holding.record.successor?.address,
    });
    leaving.settle(outcome);
  }

  /** A check of this tenure was refused: looks at everything again. Resolves when that is done, or the tenure is over. */
  private recheck(): Promise<void> {
    if (this.over) return Promise.resolve();
    return new Promise((resolve) => {
      this.rechecks.push(resolve);
      this.scene.wake.ring();
    });
  }

  /** The election node, the tenure node and the record: what is missing is made again, what was changed by hand is adopted. */
  private async checkAll(): Promise<void> {
    await this.verify();
    if (!this.over) await mend(this.scene, this.holding, () => this.over);
    this.answerRechecks();
  }

  private answerRechecks(): void {
    for (const answer of this.rechecks.splice(0)) answer();
  }

  private readonly onEvent = (event: WatchEvent): void => {
    if (event.type === 'deleted' && !this.resigning) this.lost('the election node was deleted');
  };

  /** The tenure is over without a resignation. */
  private lost(why: string): void {
    if (this.over) return;
    this.finish();
    if (!this.resigning) this.scene.belief.apply({ kind: 'ended', why });
    report(this.scene, 'warn', 'lost', `mastership ended: ${why}.`, { tenure: this.holding.tenureId, token: String(this.tenure().token) });
  }

  private finish(): void {
    this.over = true;
    this.release?.();
    this.scene.memory.endedHere(this.holding.tenureId, this.holding.recordVersion, this.untilMs);
  }
}
