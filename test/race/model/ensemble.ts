import { Tree } from '../../../src/testing/zookeeper/state/tree.js';
import type { Outcome, Txn, WriteOp } from '../../../src/testing/zookeeper/state/znode.js';
import { Attachment, Member, type Request } from './member.js';
import type { Scheduled, World } from './world.js';

export interface EnsembleOptions {
  readonly members: number;
  readonly tickTimeMs: number;
  /** Sessions may end long before their timeout, as after a pause of the leader. */
  readonly earlyExpiry?: boolean;
  /** Plants a bug: members answer transactions of checks only by themselves, as if they were reads. */
  readonly checksAreLocal?: boolean;
}

/** A session as the leader knows it. */
export interface ServerSession {
  readonly id: bigint;
  readonly timeoutMs: number;
  /** The member that the leader takes the session's requests from. */
  owner: Member | undefined;
  attachment: Attachment | undefined;
  expiry: Scheduled | undefined;
}

/** What a backup of an ensemble holds. */
export interface Backup {
  readonly tree: Tree;
  readonly sessions: readonly { readonly id: bigint; readonly timeoutMs: number }[];
}

const FIRST_EPOCH = 1n << 32n;

/**
 * A ZooKeeper ensemble. The leader decides writes in one order; members follow at their own pace, answer reads
 * from what they have, and lose what they have not yet passed on when they are cut off. A commit is decided at
 * the moment the leader takes the request: what a real ensemble may still lose after that looks the same to
 * clients as a request lost before.
 */
export class Ensemble {
  readonly members: readonly Member[];
  private tree = Tree.empty();
  private sessions = new Map<bigint, ServerSession>();
  private nextSession = 0x1000_0000_0000_0001n;
  private zxid = FIRST_EPOCH;
  /** False while it is down. */
  serves = true;
  /** How many transactions it has taken, failed ones included. */
  transactions = 0;

  constructor(
    readonly world: World,
    readonly options: EnsembleOptions,
  ) {
    this.members = Array.from({ length: options.members }, (_, index) => new Member(`member ${index}`, this, this.tree.copy()));
  }

  /** The committed state, for checks and operators' tools. */
  get committed(): Tree {
    return this.tree;
  }

  sessionOf(id: bigint): ServerSession | undefined {
    return this.sessions.get(id);
  }

  /**
   * A client's connection asks for a new session; `answer` runs at the leader's decision, once the member has it too.
   */
  openSession(member: Member, timeoutMs: number, answer: (session: ServerSession) => void): void {
    member.forward(() => {
      const session: ServerSession = { id: (this.nextSession += 1n), timeoutMs, owner: member, attachment: undefined, expiry: undefined };
      this.sessions.set(session.id, session);
      this.commit(this.tree.decide([], this.stamp(session.id)), member, () => answer(session));
      this.review();
    });
  }

  /** A client's connection asks to go on with a session. A cut-off old leader says yes by itself. */
  reopenSession(member: Member, id: bigint, answer: (session: ServerSession | undefined) => void): void {
    if (member.isolated === 'old leader') return answer(this.sessions.get(id));
    member.forward(() => {
      const session = this.sessions.get(id);
      if (session !== undefined) session.owner = member;
      member.back(() => answer(session));
    });
  }

  attach(attachment: Attachment): void {
    const { session, member } = attachment;
    if (!attachment.link.served) return;
    const before = session.attachment;
    if (before !== undefined && before.member === member) member.detach(before);
    session.attachment = attachment;
    member.attachments.add(attachment);
    attachment.link.onServerClosed = () => {
      member.detach(attachment);
      if (session.attachment === attachment) session.attachment = undefined;
      this.review();
    };
    this.review();
  }

  /** The leader takes a forwarded request of `by`. */
  decide(request: Request, by: Attachment): void {
    const { session, member } = by;
    if (request.kind === 'sync') {
      const { zxid } = this.tree;
      return member.back(() => by.proceed(() => request.reply(zxid)));
    }
    if (request.kind === 'close') {
      this.endSession(session.id, 'closed', member, () => by.proceed(request.reply));
      return;
    }
    if (request.kind !== 'write') return;
    const alive = this.sessions.get(session.id) === session;
    // FinalRequestProcessor (3.8): a request of a session that has moved is not answered, its connection is closed.
    if (alive && session.owner !== member) return member.back(() => member.detach(by));
    const stamp = this.stamp(session.id);
    const txn = alive ? this.tree.decide(request.ops, stamp) : expired(stamp.zxid);
    this.commit(txn, member, () => by.proceed(() => request.reply(txn.outcome, txn.zxid)));
  }

  /** A write by a tool outside the simulation's processes, at once. Ephemeral nodes belong to `owner`. */
  operate(ops: readonly WriteOp[], owner = 0n): Outcome {
    const txn = this.tree.decide(ops, this.stamp(owner));
    this.commit(txn);
    return txn.outcome;
  }

  /** Ends a session: its ephemeral nodes go in one transaction, its connection after that. */
  endSession(id: bigint, why: string, answerOn?: Member, answer?: () => void): void {
    const session = this.sessions.get(id);
    if (session === undefined) {
      if (answerOn !== undefined && answer !== undefined) answerOn.back(answer);
      return;
    }
    this.world.trace(`ensemble: session ${id.toString(16)} ends: ${why}`);
    session.expiry?.cancel();
    this.sessions.delete(id);
    this.commit(this.tree.decideEnd(id, this.stamp(id)), answerOn, answer);
    for (const member of this.members) member.back(() => member.drop(session));
  }

  /** Starts, or stops, the clock of every session by whether the leader can hear of it. */
  review(): void {
    for (const session of this.sessions.values()) {
      const { attachment } = session;
      const heard = this.serves && attachment !== undefined && attachment.link.flows && !attachment.member.isolated;
      if (heard || !this.serves) {
        session.expiry?.cancel();
        session.expiry = undefined;
      } else {
        session.expiry ??= this.world.in(this.silenceMs(session), () => this.endSession(session.id, 'not heard of'));
      }
    }
  }

  /** Closes all connections; nothing is answered until `start`. */
  stop(): void {
    this.world.trace('ensemble: down');
    this.serves = false;
    for (const member of this.members) member.rejoin(this.tree);
    for (const session of this.sessions.values()) Object.assign(session, { owner: undefined, attachment: undefined });
    this.review();
  }

  start(from?: Backup): void {
    this.world.trace(`ensemble: serves${from ? `, restored to zxid ${from.tree.zxid.toString(16)}` : ''}`);
    if (from !== undefined) this.restore(from);
    this.serves = true;
    this.zxid = ((this.tree.zxid >> 32n) + 1n) << 32n;
    for (const member of this.members) member.rejoin(this.tree);
    this.review();
  }

  backup(): Backup {
    return { tree: this.tree.copy(), sessions: [...this.sessions.values()].map(({ id, timeoutMs }) => ({ id, timeoutMs })) };
  }

  private restore(from: Backup): void {
    this.tree = from.tree.copy();
    this.sessions = new Map(
      from.sessions.map((session) => [session.id, { ...session, owner: undefined, attachment: undefined, expiry: undefined }]),
    );
  }

  /**
   * How long after the last sign of life the leader ends a session: mostly about the timeout, at times much earlier.
   */
  private silenceMs(session: ServerSession): number {
    const { choices } = this.world;
    const latestMs = session.timeoutMs + 1.5 * this.options.tickTimeMs;
    return this.options.earlyExpiry && !choices.calm && choices.chance(0.3)
      ? choices.between(0, latestMs)
      : choices.between(session.timeoutMs, latestMs);
  }

  private stamp(session: bigint): { zxid: bigint; timeMs: number; session: bigint } {
    this.zxid += 1n;
    return { zxid: this.zxid, timeMs: Math.floor(1_700_000_000_000 + this.world.nowMs), session };
  }

  private commit(txn: Txn, answerOn?: Member, answer?: () => void): void {
    this.transactions += 1;
    this.tree.apply(txn);
    for (const member of this.members) {
      member.back(() => {
        member.commit(txn);
        if (member === answerOn) answer?.();
      });
    }
  }
}

function expired(zxid: bigint): Txn {
  return { zxid, puts: new Map(), events: [], outcome: { ok: false, reason: 'session-expired', opIndex: 0 } };
}

export const EMPTY_BACKUP: Backup = { tree: Tree.empty(), sessions: [] };
