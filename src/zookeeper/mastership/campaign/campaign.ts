import { messageOf } from '../../support/errors.js';
import { unreachable } from '../../support/invariant.js';
import { isZooKeeperError } from '../../wire/errors.js';
import { ANY_VERSION } from '../../wire/operations.js';
import { FailurePauses } from '../../session/failure-pauses.js';
import type { Session } from '../../session/session.js';
import type { Proof } from '../election/memory.js';
import type { LeavingKind, TenureEnd } from '../tenure/tenure.state.js';
import { placesIn, type Line } from '../../recipes/line/line.js';
import type { NodeView } from '../../session/node-watch.js';
import { makeParents } from '../../session/parents.js';
import { readRecord, type ElectionRecord, type RecordRead } from '../election/election-record.js';
import type { TenureKeeper } from '../tenure/tenure.js';
import { withFloor, type Win } from '../tenure/won-election.js';
import { RecordInForce, type KnownRecord } from './record-in-force.js';
import { removeForeignNode } from './foreign-node.js';
import type { ElectionContext } from '../election/election-context.js';
import { holderInWords, SameAddress } from './same-address.js';
import { STAND_BACK_MS } from '../election/timing.js';
import { floorForWin } from '../../support/token.js';
import { awaitTurn } from './turn.js';
import { tryToWin, type Attempt, type NotWon } from './win.js';
import { ownerOf } from '../../session/nodes.js';

const MAX_PAUSE_MS = 5_000;

/** What the campaign needs beside the election. */
export interface CampaignSurroundings {
  readonly newId: () => string;
  /** How many other elections of the service this replica holds, or is about to win. */
  readonly heldElsewhere: () => number;
  /** The tenure that a win begins. */
  readonly tenureOf: (won: Win, proof: Proof) => TenureKeeper;
}

/** Where a campaign stands. `isTaken`: the last attempt found the node taken. */
type Phase =
  /** Looks who is master, or stands by. */
  | { readonly kind: 'looking'; readonly isTaken: boolean }
  /** The node has gone, and this candidate goes for it. `known`, for the first in line: the last master's record. */
  | { readonly kind: 'going'; readonly isTaken: boolean; readonly known: KnownRecord | undefined }
  | { readonly kind: 'won'; readonly tenure: TenureKeeper };

const LOOKING: Phase = { kind: 'looking', isTaken: false };

/**
 * One candidate's campaign in one election over one session: look at the node, then stand by, or try to win and see the
 * tenure through, until the session ends or the candidate withdraws. Every wake-up is a hint; each round looks again.
 */
export class Campaign {
  private readonly stopping = new AbortController();
  private phase: Phase = LOOKING;
  private readonly pauses: FailurePauses;
  private readonly sameAddress: SameAddress;
  private readonly unsubscribe: () => void;

  constructor(
    private readonly context: ElectionContext,
    private readonly line: Line,
    private readonly surroundings: CampaignSurroundings,
  ) {
    this.sameAddress = new SameAddress(context, line);
    const { session, clock, latch } = context;
    this.pauses = new FailurePauses({ session, clock, latch, maxMs: MAX_PAUSE_MS });
    // An ensemble restored to an older state fires nothing for a node that last changed below what was seen here.
    this.unsubscribe = context.session.onAttached(() => context.watch.disarm());
  }

  get session(): Session {
    return this.context.session;
  }

  /** Resolves when it is over; never rejects. */
  async run(): Promise<void> {
    const { signal } = this.stopping;
    try {
      while (!signal.aborted) {
        try {
          await this.round();
          this.pauses.succeeded();
        } catch (thrown) {
          await this.pause(thrown);
        }
      }
    } finally {
      this.unsubscribe();
      this.sameAddress.close();
      this.context.watch.close();
      if (!this.context.session.ended.aborted) await this.line.leave();
      else this.line.placeLost();
    }
  }

  /** The session has ended, or the candidate withdraws: nothing is held after this, and nothing new is begun. */
  abort(reason: Error): void {
    this.stopping.abort(reason);
  }

  /** Whether it holds the node, or is about to. */
  get isHolding(): boolean {
    return this.phase.kind !== 'looking';
  }

  /** Undefined when this replica holds nothing. */
  leave(kind: LeavingKind, why: string): Promise<'resigned' | 'stuck' | 'ended'> | undefined {
    return this.phase.kind === 'won' ? this.phase.tenure.leave(kind, why) : undefined;
  }

  private async round(): Promise<void> {
    const { context, phase } = this;
    if (phase.kind === 'going' && phase.known !== undefined) {
      this.phase = { ...phase, known: undefined };
      return this.attemptAhead(phase.known);
    }
    const read = await readRecord(context.session, context.znodes);
    if (read === undefined) return makeParents(context.session, context.znodes.parents);
    // After a proven end the node is most likely gone; unless the last attempt has shown that somebody has it.
    const isLikelyVacant = read.record !== undefined && read.record.state !== 'held' && !(phase.kind !== 'won' && phase.isTaken);
    this.found(false);
    const node = isLikelyVacant ? undefined : await context.watch.read();
    if (node === undefined) return this.attempt(read);
    const owner = ownerOf(node.stat, context.session.id);
    switch (owner) {
      case 'another session':
        return this.standBy(node);
      case 'this session':
        // Of an attempt that failed in a way it was not told of: nobody holds a tenure by it.
        return removeForeignNode(context, node, 'a leftover of this session');
      case 'nobody':
        return removeForeignNode(context, node, 'persistent, so nobody holds it');
      default:
        return unreachable(owner);
    }
  }

  private async standBy(node: NodeView): Promise<void> {
    const { context } = this;
    const { signal } = this.stopping;
    this.phase = LOOKING;
    let deleted = false;
    const record = new RecordInForce(context, this.line, node);
    context.watch.onEvent = (event) => (deleted = event.type === 'deleted');
    context.memory.sawNode(node.stat);
    try {
      await this.standInLine();
      this.announce(node);
      this.sameAddress.look(node);
      await record.look();
      while (!signal.aborted && context.watch.armedSince() !== undefined) {
        await context.latch.wait(signal);
        if (!context.session.attached || context.watch.armedSince() === undefined) continue;
        await this.standInLine();
        await record.look();
      }
    } finally {
      context.watch.onEvent = undefined;
      record.close();
    }
    if (deleted && !signal.aborted) await this.afterDeletion(node.text, record.known);
  }

  /** Those who had to wait look again before they tell anybody, so that a thousand of them do not hold up the first. */
  private async afterDeletion(master: string, known: KnownRecord | undefined): Promise<void> {
    const { context } = this;
    const went = await awaitTurn(context, this.line, this.surroundings.heldElsewhere, this.stopping.signal, () => this.go(undefined));
    if (went === 'later') return;
    if (!context.memory.expectsSuccessor()) this.go(known);
    context.mastership.apply({ kind: 'campaigning', why: `the node of ${master} is gone` });
    context.report('info', 'vacant', `the node of ${master} is gone; tries to win.`, { rank: this.line.rank });
  }

  /** Says who is master, and at which place in line this replica stands, when either is news. */
  private announce(node: NodeView): void {
    const { context, line } = this;
    const was = context.mastership.state();
    const isSameMaster = was.kind === 'standby' && was.master === node.text;
    if (isSameMaster && was.rank === line.rank) return;
    if (!isSameMaster) {
      const facts = { master: node.text, rank: line.rank, czxid: String(node.stat.czxid) };
      context.report('info', 'standby', `standby; ${holderInWords(node, context.address)}.`, facts);
    }
    context.mastership.apply({ kind: 'stood by', master: node.text, rank: line.rank });
  }

  private async standInLine(): Promise<void> {
    try {
      await this.line.stand();
    } catch (thrown) {
      if (!isZooKeeperError(thrown, 'no-node')) throw thrown;
      await makeParents(this.context.session, this.context.znodes.parents);
      await this.line.stand();
    }
  }

  private async attempt(read: RecordRead): Promise<void> {
    const { context } = this;
    context.memory.sawRecord(read);
    if (context.memory.standsBack(read, context.address)) {
      const named = context.memory.preferred(read)?.address;
      context.report('info', 'stands-back', `stands back up to ${STAND_BACK_MS} ms for ${named}, named as successor.`);
      return this.standBack();
    }
    // Under which leader it was written is judged after the win, which alone knows the present one.
    const proof = context.memory.proofOf(read, read.stat.mzxid);
    await this.contend(this.plan(read.stat.version, read.record?.floor, proof.waitMs), Promise.resolve(read));
  }

  /**
   * Saves the first in line a round trip: a resignation moves the record exactly one version on, so the win can be sent
   * right behind the reading of the record, conditional on that version, and proof comes from the reading, as always.
   * If the master has died instead, the version does not match, nothing happens, and the next round reads first.
   */
  private async attemptAhead({ record, version }: KnownRecord): Promise<void> {
    const { context } = this;
    const reading = readRecord(context.session, context.znodes).catch(() => undefined);
    // The win may replace another's win, made meanwhile: until the reading is here, the predecessor may be anybody.
    await this.contend(this.plan(version + 1, record.floor, context.memory.unknown(record, '').waitMs), reading);
  }

  private plan(recordVersion: number, recordFloor: bigint | undefined, unprovenMs: number): Attempt {
    const { context } = this;
    const tenureId = this.surroundings.newId();
    const record: ElectionRecord = {
      tenure: tenureId,
      address: context.address,
      state: 'held',
      leaseMs: context.keeper.lengthMs,
      unprovenMs,
      floor: floorForWin(recordFloor, context.memory.tokenSeen, context.session.lastZxid),
    };
    return { tenureId, address: context.address, recordVersion, record, place: this.line.path };
  }

  private async contend(attempt: Attempt, reading: Promise<RecordRead | undefined>): Promise<void> {
    const { context } = this;
    const won = await tryToWin(context.session, context.znodes, context.keeper, context.watch, attempt, this.stopping.signal);
    if (typeof won === 'string') return this.afterRefusal(won);
    this.line.placeLost();
    // Withdrawn meanwhile: nobody is master by it, and the node goes with the session, which is being closed.
    if (this.stopping.signal.aborted) return;
    const read = await reading;
    // What the win replaced: the same node at the same version. Anything else proves nothing.
    const replaced = read?.stat.version === attempt.recordVersion && read.stat.czxid === won.recordCzxid ? read : undefined;
    const proof =
      replaced === undefined
        ? context.memory.unknown(undefined, 'the record moved before the win')
        : context.memory.proofOf(replaced, won.czxid);
    const tenure = this.surroundings.tenureOf(withFloor(won, replaced?.record?.floor ?? 0n), proof);
    this.phase = { kind: 'won', tenure };
    const ended = await tenure.run(this.stopping.signal, (thrown) => this.pause(thrown)).finally(() => (this.phase = LOOKING));
    if (!this.stopping.signal.aborted) await this.afterTenure(attempt.tenureId, ended);
  }

  private async afterRefusal(refused: NotWon): Promise<void> {
    this.found(refused === 'taken');
    if (refused === 'parents missing') await makeParents(this.context.session, this.context.znodes.parents);
    if (refused === 'place missing') this.line.placeLost();
  }

  private go(known: KnownRecord | undefined): void {
    this.phase = { kind: 'going', isTaken: false, known };
  }

  /** Whether the node is taken, as far as an attempt has shown. */
  private found(isTaken: boolean): void {
    if (this.phase.kind !== 'won') this.phase = { ...this.phase, isTaken };
  }

  /** The others go first, where there are others: a resignation that wins again at once is none. */
  private async afterTenure(tenureId: string, ended: TenureEnd): Promise<void> {
    const { context } = this;
    // After a deletion of the election node by hand the tenure node must not stay until the session ends.
    if (ended === 'lost') await context.session.delete(context.znodes.tenure(tenureId), ANY_VERSION).catch(() => undefined);
    if ((await placesIn(context.session, context.znodes.line)).some((place) => place.id !== this.line.id)) await this.standBack();
  }

  /** Leaves the node to others for a moment, or until one of them has it. */
  private async standBack(): Promise<void> {
    const { watch, latch, clock } = this.context;
    const { signal } = this.stopping;
    const untilMs = clock.monotonicMs() + STAND_BACK_MS;
    let made = false;
    watch.onEvent = () => (made = true);
    try {
      made = (await watch.expect()) || made;
      for (let leftMs = STAND_BACK_MS; !made && !signal.aborted && leftMs > 0; leftMs = untilMs - clock.monotonicMs())
        await latch.wait(signal, leftMs);
    } finally {
      watch.onEvent = undefined;
    }
  }

  /** After a failure: waits for what can heal it, and looks again. */
  private pause(thrown: unknown): Promise<void> {
    const isRace = isZooKeeperError(thrown, 'no-node', 'bad-version', 'node-exists', 'not-empty');
    return this.pauses.after(thrown, this.stopping.signal, (delayMs) =>
      this.context.report(isRace ? 'debug' : 'error', 'failed', `a step failed (${messageOf(thrown)}); looks again in ${delayMs} ms.`),
    );
  }
}
