import { sleep } from '../support/abort.js';
import { backoffMs } from '../support/backoff.js';
import { messageOf } from '../support/errors.js';
import { unreachable } from '../support/invariant.js';
import { isZooKeeperError } from '../wire/errors.js';
import { ANY_VERSION } from '../wire/operations.js';
import type { Session } from '../session/session.js';
import type { LeavingKind } from './leaving.js';
import type { LeaseKeeper } from '../session/lease.js';
import { Line, placesIn } from '../recipes/line/line.js';
import { NodeWatch, type NodeView } from '../session/node-watch.js';
import { makeParents } from '../session/parents.js';
import type { ElectionRecord, RecordRead } from './record.js';
import { Reign } from './reign.js';
import { RecordInForce, type KnownRecord } from './remember.js';
import { removeForeignNode } from './remove-node.js';
import { report, type CandidateParts, type OwnMember, type Scene } from './scene.js';
import { holderInWords, SameAddress } from './same-address.js';
import { STAND_BACK_MS } from './timing.js';
import { floorForWin } from './token.js';
import { awaitTurn } from './turn.js';
import { Latch } from '../support/latch.js';
import { readRecord, tryToWin, type Attempt, type NotWon, type Win } from './win.js';
import { ownerOf } from '../session/nodes.js';

const RETRY_FIRST_MS = 100;
const RETRY_MAX_MS = 5_000;

/** A win that has put back a floor raised meanwhile: the seal writes the right one before anything is believed. */
function withFloor(won: Win, floor: bigint): Win {
  return floor <= won.record.floor ? won : { ...won, record: { ...won.record, floor }, lease: undefined };
}

/**
 * One candidate's part in one election over one session: look at the node, then stand by, or try to win and reign, until the session ends or
 * the candidate withdraws. Every wake-up is a hint; each round looks again.
 */
export class Contest {
  private readonly scene: Scene;
  private readonly stopping = new AbortController();
  private reign: Reign | undefined;
  /** The record of the master whose node has just gone, when this candidate is the first in line. */
  private vacant: KnownRecord | undefined;
  /** The last attempt found the node taken. */
  private taken = false;
  /** The node has gone, and this candidate goes for it. */
  private isGoing = false;
  private failures = 0;
  private readonly sameAddress: SameAddress;
  private readonly unsubscribe: () => void;

  constructor(
    parts: CandidateParts,
    readonly session: Session,
    keeper: LeaseKeeper,
    member: OwnMember,
  ) {
    const wake = new Latch(parts.clock);
    const watch = new NodeWatch(session, parts.znodes.node, keeper, wake);
    const line = new Line(session, parts.znodes.line, parts.address, parts.newId(), wake);
    this.scene = { ...parts, session, keeper, watch, line, wake, member };
    this.sameAddress = new SameAddress(this.scene);
    // An ensemble restored to an older state fires nothing for a node whose last change lies below what this session has seen.
    this.unsubscribe = session.onAttached(() => watch.disarm());
  }

  /** Resolves when it is over; never rejects. */
  async run(): Promise<void> {
    const { signal } = this.stopping;
    try {
      while (!signal.aborted) {
        try {
          await this.round();
          this.failures = 0;
        } catch (thrown) {
          await this.pause(thrown);
        }
      }
    } finally {
      this.unsubscribe();
      this.sameAddress.close();
      this.scene.watch.close();
      if (!this.scene.session.ended.aborted) await this.scene.line.leave();
      else this.scene.line.forget();
    }
  }

  /** The session has ended, or the candidate withdraws: nothing is held after this, and nothing new is begun. */
  abort(reason: Error): void {
    this.stopping.abort(reason);
  }

  /** Whether it holds the node, or is about to. */
  get isHolding(): boolean {
    return this.isGoing || this.reign !== undefined;
  }

  /** Undefined when this replica holds nothing. */
  leave(kind: LeavingKind, why: string): Promise<'resigned' | 'stuck' | 'ended'> | undefined {
    return this.reign?.leave(kind, why);
  }

  private async round(): Promise<void> {
    const { scene, vacant } = this;
    this.vacant = undefined;
    if (vacant !== undefined) return this.attemptAhead(vacant);
    const read = await readRecord(scene.session, scene.znodes);
    if (read === undefined) return makeParents(scene.session, scene.znodes.parents);
    // After a resignation the node is most likely gone; unless the last attempt has shown that somebody has it.
    const isLikelyVacant = read.record?.state === 'resigned' && !this.taken;
    this.taken = false;
    const node = isLikelyVacant ? undefined : await scene.watch.read();
    if (node === undefined) return this.attempt(read);
    const owner = ownerOf(node.stat, scene.session.id);
    switch (owner) {
      case 'another session':
        return this.standBy(node);
      case 'this session':
        // Of an attempt that failed in a way it was not told of: nobody reigns under it.
        return removeForeignNode(scene, node, 'a leftover of this session');
      case 'nobody':
        return removeForeignNode(scene, node, 'persistent, so nobody holds it');
      default:
        return unreachable(owner);
    }
  }

  private async standBy(node: NodeView): Promise<void> {
    const { scene } = this;
    const { signal } = this.stopping;
    this.isGoing = false;
    let deleted = false;
    const record = new RecordInForce(scene, node);
    scene.watch.onEvent = (event) => (deleted = event.type === 'deleted');
    scene.memory.sawNode(node.stat);
    try {
      await this.standInLine();
      this.tell(node);
      this.sameAddress.look(node);
      await record.look();
      while (!signal.aborted && scene.watch.armedSince() !== undefined) {
        await scene.wake.wait(signal);
        if (!scene.session.attached || scene.watch.armedSince() === undefined) continue;
        await this.standInLine();
        await record.look();
      }
    } finally {
      scene.watch.onEvent = undefined;
      record.close();
    }
    if (deleted && !signal.aborted) await this.afterDeletion(node.text, record.known);
  }

  /** Those who had to wait tell nobody before they have looked again, so that a thousand of them do not keep the first one waiting. */
  private async afterDeletion(master: string, known: KnownRecord | undefined): Promise<void> {
    const { scene } = this;
    const went = await awaitTurn(scene, this.stopping.signal, () => (this.isGoing = true));
    if (went === 'later') return;
    if (!scene.memory.expectsSuccessor()) this.vacant = known;
    scene.belief.apply({ kind: 'campaigning', why: `the node of ${master} is gone` });
    report(scene, 'info', 'vacant', `the node of ${master} is gone; tries to win.`, { rank: scene.line.rank });
  }

  private tell(node: NodeView): void {
    const { belief, line } = this.scene;
    const was = belief.state();
    if (was.kind === 'standby' && was.master === node.text && was.rank === line.rank) return;
    if (was.kind !== 'standby' || was.master !== node.text) {
      report(this.scene, 'info', 'standby', `standby; ${holderInWords(node, this.scene.address)}.`, {
        master: node.text,
        rank: line.rank,
        czxid: String(node.stat.czxid),
      });
    }
    belief.apply({ kind: 'stood by', master: node.text, rank: line.rank });
  }

  private async standInLine(): Promise<void> {
    try {
      await this.scene.line.stand();
    } catch (thrown) {
      if (!isZooKeeperError(thrown, 'no-node')) throw thrown;
      await makeParents(this.scene.session, this.scene.znodes.parents);
      await this.scene.line.stand();
    }
  }

  private async attempt(read: RecordRead): Promise<void> {
    const { scene } = this;
    scene.memory.sawRecord(read);
    if (scene.memory.standsBack(read, scene.address)) {
      const named = scene.memory.preferred(read)?.address;
      report(scene, 'info', 'stands-back', `stands back up to ${STAND_BACK_MS} ms for ${named}, named as successor.`);
      return this.standBack();
    }
    // The epoch is judged after the win, which alone knows the present one.
    const proof = scene.memory.proofOf(read, read.stat.mzxid);
    await this.contend(this.plan(read.stat.version, read.record?.floor, proof.waitMs), Promise.resolve(read));
  }

  /**
   * Saves the first in line a round trip: a resignation moves the record exactly one version on, so the win can be sent right behind
   * the reading of the record, conditional on that version, and proof comes from the reading, as always. If the master has died
   * instead, the version does not match, nothing happens, and the next round reads first.
   */
  private async attemptAhead({ record, version }: KnownRecord): Promise<void> {
    const { scene } = this;
    const reading = readRecord(scene.session, scene.znodes).catch(() => undefined);
    // What the win replaces may be another's win, made meanwhile: until the reading is here, the predecessor may be anybody.
    await this.contend(this.plan(version + 1, record.floor, scene.memory.unknown(record, '').waitMs), reading);
  }

  private plan(recordVersion: number, recordFloor: bigint | undefined, unprovenMs: number): Attempt {
    const { scene } = this;
    const tenureId = scene.newId();
    const record: ElectionRecord = {
      tenure: tenureId,
      address: scene.address,
      state: 'held',
      leaseMs: scene.keeper.lengthMs,
      unprovenMs,
      floor: floorForWin(recordFloor, scene.memory.tokenSeen, scene.session.lastZxid),
    };
    return { tenureId, address: scene.address, recordVersion, record, place: scene.line.path };
  }

  private async contend(attempt: Attempt, reading: Promise<RecordRead | undefined>): Promise<void> {
    const { scene } = this;
    const won = await tryToWin(scene.session, scene.znodes, scene.keeper, scene.watch, attempt, () => this.reattached());
    if (typeof won === 'string') return this.afterRefusal(won);
    scene.line.forget();
    // Withdrawn meanwhile: nobody reigns, and the node goes with the session, which is being closed.
    if (this.stopping.signal.aborted) return;
    const read = await reading;
    // What the win replaced: the same node at the same version. Anything else proves nothing.
    const replaced = read?.stat.version === attempt.recordVersion && read.stat.czxid === won.recordCzxid ? read : undefined;
    const proof =
      replaced === undefined
        ? scene.memory.unknown(undefined, 'the record moved before the win')
        : scene.memory.proofOf(replaced, won.czxid);
    const reign = new Reign(scene, withFloor(won, replaced?.record?.floor ?? 0n), proof);
    this.reign = reign;
    this.isGoing = false;
    const ended = await reign.run(this.stopping.signal, (thrown) => this.pause(thrown)).finally(() => (this.reign = undefined));
    if (!this.stopping.signal.aborted) await this.afterReign(attempt.tenureId, ended);
  }

  private async afterRefusal(refused: NotWon): Promise<void> {
    this.taken = refused === 'taken';
    if (refused === 'parents missing') await makeParents(this.scene.session, this.scene.znodes.parents);
    if (refused === 'place missing') this.scene.line.forget();
  }

  /** The others go first, where there are others: a resignation that wins again at once is none. */
  private async afterReign(tenureId: string, ended: 'resigned' | 'lost'): Promise<void> {
    const { scene } = this;
    // After a deletion of the election node by hand the tenure node must not stay until the session ends.
    if (ended === 'lost') await scene.session.delete(scene.znodes.tenure(tenureId), ANY_VERSION).catch(() => undefined);
    if ((await placesIn(scene.session, scene.znodes.line)).some((place) => place.id !== scene.line.id)) await this.standBack();
  }

  /** Leaves the node to others for a moment, or until one of them has it. */
  private async standBack(): Promise<void> {
    const { watch, wake, clock } = this.scene;
    const { signal } = this.stopping;
    const untilMs = clock.monotonicMs() + STAND_BACK_MS;
    let made = false;
    watch.onEvent = () => (made = true);
    try {
      made = (await watch.expect()) || made;
      for (let leftMs = STAND_BACK_MS; !made && !signal.aborted && leftMs > 0; leftMs = untilMs - clock.monotonicMs())
        await wake.wait(signal, leftMs);
    } finally {
      watch.onEvent = undefined;
    }
  }

  /** After a failure: waits for what can mend it, and looks again. */
  private async pause(thrown: unknown): Promise<void> {
    const { scene } = this;
    const { signal } = this.stopping;
    if (signal.aborted || thrown === signal.reason) return;
    if (isZooKeeperError(thrown, 'connection-loss')) return this.reattached().catch(() => undefined);
    const delayMs = backoffMs(this.failures++, RETRY_FIRST_MS, RETRY_MAX_MS);
    const isRace = isZooKeeperError(thrown, 'no-node', 'bad-version', 'node-exists', 'not-empty');
    report(scene, isRace ? 'debug' : 'error', 'failed', `a step failed (${messageOf(thrown)}); looks again in ${Math.round(delayMs)} ms.`);
    await sleep(scene.clock, delayMs, signal).catch(() => undefined);
  }

  /** Resolves when the session is attached, or this contest is over. */
  private async reattached(): Promise<void> {
    const { session, wake } = this.scene;
    const { signal } = this.stopping;
    while (!session.attached && !signal.aborted) await wake.wait(signal);
    signal.throwIfAborted();
  }
}
