import { randomUUID } from 'node:crypto';
import { connectedWithin, NotConnectedError } from '../../session/connected.js';
import { getOrUndefined, type NodeRead } from '../../session/nodes.js';
import { makeParents, withParents } from '../../session/parents.js';
import type { Session, Sessions } from '../../session/session.js';
import { unlessAborted } from '../../support/abort.js';
import type { Clock } from '../../support/clock.js';
import { floorForWin, maxOf } from '../../support/token.js';
import { compareAndSet, versionAfter } from '../../wire/compare-and-set.js';
import { isConnectionLost, isReplyLost, isSessionLost, isZooKeeperError } from '../../wire/errors.js';
import type { Op, OpResult, Stat } from '../../wire/operations.js';
import { decodeEntry, decodeFloor, encodeEntry, encodeFloor, holdIn, isHeld, type Entry, type Hold } from './entry.js';
import { LockStoreFullError, LockStoreNodeError } from './errors.js';
import { checkKey, type KeyLocks, type LockAcquisition } from './key-locks.js';
import { nodeNameOf } from './key-name.js';
import { LeaderClock } from './leader-clock.js';
import { Pruning } from './pruning.js';

/** For how long a call waits for ZooKeeper's answers, unless told otherwise. */
const ANSWER_WAIT_MS = 10_000;

/** So many keys there are at most. */
const MAX_KEYS = 10_000;

/** For how long the end of the session is waited for. */
const CLOSE_WAIT_MS = 2_000;

const CONSEQUENCE = 'nobody can say who holds the lock';

export interface EnsembleKeyLocksOptions {
  /** Of its own: the locks are given back after the elections have ended. Started by the first call. */
  readonly sessions: Sessions;
  readonly rootPath: string;
  readonly clock: Clock;
  /** For how long a call waits for ZooKeeper's answers. Default 10 000; a seam for tests on slow machines. */
  readonly answerWaitMs?: number;
}

/** What was read for a call, all of it no older than the call. */
interface View {
  readonly session: Session;
  readonly path: string;
  /** Undefined: the key has no node. */
  readonly stat: Stat | undefined;
  readonly hold: Hold | undefined;
  readonly folder: NodeRead;
  /** A write of this call had no answer, and may have been carried out, or be on its way. */
  readonly isReplyLost: boolean;
}

/** What a call does about what it has read: it knows its answer, or asks for a change whose time gives it. */
type Step<T> =
  | { readonly kind: 'answer'; readonly answer: T }
  | { readonly kind: 'write'; readonly operations: readonly Op[]; readonly answerOf: (written: Stat) => T };

/**
 * Locks with a time to live, of an ensemble: one persistent node for each key that is held. Each operation is one
 * transaction under the condition that the node is as it was read, and the time that the leader gives to it decides
 * what it has done (entry.ts).
 */
export class EnsembleKeyLocks implements KeyLocks {
  private readonly folder: string;
  private readonly leader: LeaderClock;
  private readonly pruning: Pruning;
  /** The highest token that this process has seen, of any key. */
  private seenToken = 0n;

  constructor(private readonly options: EnsembleKeyLocksOptions) {
    const { rootPath, clock } = options;
    this.folder = `${rootPath === '/' ? '' : rootPath}/lock-store`;
    this.leader = new LeaderClock(clock);
    this.pruning = new Pruning(clock, this.folder);
  }

  async acquire(key: string, owner: string, ttl: number): Promise<LockAcquisition> {
    checkKey(key, owner, { ms: ttl });
    const id = randomUUID();
    const settled = (view: View): Promise<Step<LockAcquisition>> => this.take(view, key, { owner, id, ttlMs: ttl });
    const abandoned = (answer: LockAcquisition): unknown => answer.acquired && this.release(key, owner);
    return this.within((signal) => this.settle(key, settled, signal), abandoned);
  }

  async renew(key: string, owner: string, ttl: number): Promise<boolean> {
    checkKey(key, owner, { ms: ttl });
    return this.within((signal) => this.settle(key, async (view) => renewal(view, key, owner, ttl), signal));
  }

  async release(key: string, owner: string): Promise<boolean> {
    checkKey(key, owner);
    let own: Hold | undefined;
    const settled = async (view: View): Promise<Step<boolean>> => {
      const step = giveBack(view, key, owner);
      if (step.kind === 'write') own = view.hold;
      // Gone since a write whose reply was lost: this call's work, unless the lock may have expired meanwhile.
      else if (view.isReplyLost && own !== undefined) return { kind: 'answer', answer: this.isSurelyHeld(own) };
      return step;
    };
    return this.within((signal) => this.settle(key, settled, signal));
  }

  async close(): Promise<void> {
    await this.options.sessions.stop(CLOSE_WAIT_MS);
  }

  private async take(view: View, key: string, asked: { owner: string; id: string; ttlMs: number }): Promise<Step<LockAcquisition>> {
    const { session, path, stat, hold, folder } = view;
    // After a lost reply the write is repeated in any case: that settles what has become of the first, and tells it.
    if (hold !== undefined && !view.isReplyLost && this.isSurelyHeld(hold)) return { kind: 'answer', answer: { acquired: false } };
    if (stat === undefined && folder.stat.numChildren >= MAX_KEYS && (await this.pruning.now(session)) === 0)
      throw new LockStoreFullError(folder.stat.numChildren, MAX_KEYS);
    const kept = decodeFloor(folder.data);
    const floor = floorForWin(kept, this.seenToken, session.lastZxid);
    const entry: Entry = { last: hold, change: { kind: 'take', ...asked, floor } };
    const operations = [
      ...(floor > kept ? compareAndSet(this.folder, encodeFloor(floor), folder.stat.version) : []),
      // The answer to a create does not tell its time.
      ...(stat === undefined ? [{ kind: 'create', path, data: Buffer.alloc(0), mode: 'persistent', access: 'parent' } as const] : []),
      ...compareAndSet(path, encodeEntry(key, entry), stat?.version ?? 0),
    ];
    const answerOf = (written: Stat): LockAcquisition => {
      const now = holdIn(entry, written);
      if (stat === undefined) this.pruning.soon(session, folder.stat.numChildren);
      return now?.id === asked.id ? this.acquired(now) : { acquired: false };
    };
    return { kind: 'write', operations, answerOf };
  }

  /** Zxids are exact as numbers until an ensemble has had two million leaders. */
  private acquired({ token }: Hold): LockAcquisition {
    this.seenToken = maxOf(this.seenToken, token);
    return { acquired: true, fencingToken: Number(token) };
  }

  private isSurelyHeld(hold: Hold): boolean {
    const leaderMs = this.leader.atMostMs();
    return leaderMs !== undefined && isHeld(hold, leaderMs);
  }

  /** Reads, decides, writes, until it is done. A write that was refused has changed nothing: it begins anew. */
  private async settle<T>(key: string, decide: (view: View) => Promise<Step<T>>, signal: AbortSignal): Promise<T> {
    const { sessions, clock, answerWaitMs: timeoutMs = ANSWER_WAIT_MS } = this.options;
    sessions.start();
    let wasReplyLost = false;
    let before: { readonly mzxid: bigint | undefined; readonly atMs: number } | undefined;
    for (;;) {
      const session = await connectedWithin(sessions, clock, { timeoutMs, signal, consequence: CONSEQUENCE });
      try {
        const atMs = clock.monotonicMs();
        const view = await this.read(session, key, wasReplyLost);
        // Somebody has written it since it was read before, so at that time it was not later than this.
        if (before !== undefined && view.stat !== undefined && view.stat.mzxid !== before.mzxid)
          this.leader.note(view.stat.mtimeMs, before.atMs);
        before = { mzxid: view.stat?.mzxid, atMs };
        const step = await decide(view);
        signal.throwIfAborted();
        if (step.kind === 'answer') return step.answer;
        return step.answerOf(await this.write(session, step.operations));
      } catch (thrown) {
        wasReplyLost ||= isReplyLost(thrown);
        if (isZooKeeperError(thrown, 'no-node')) await this.makeFolder(session);
        else if (!isConnectionLost(thrown) && !isSessionLost(thrown) && !isZooKeeperError(thrown, 'bad-version', 'node-exists'))
          throw thrown;
      }
    }
  }

  private async read(session: Session, key: string, isReplyLost: boolean): Promise<View> {
    const path = `${this.folder}/${nodeNameOf(key)}`;
    // In one go: the server answers in this order.
    const [, read, folder] = await Promise.all([session.sync(this.folder), getOrUndefined(session, path), session.get(this.folder)]);
    const entry = read && decodeEntry(read.data);
    if (read !== undefined && entry === undefined) throw new LockStoreNodeError(key, path);
    return { session, path, stat: read?.stat, hold: entry && read && holdIn(entry, read.stat), folder, isReplyLost };
  }

  private async write(session: Session, operations: readonly Op[]): Promise<Stat> {
    const sentAtMs = this.options.clock.monotonicMs();
    const results: readonly OpResult[] = await session.multi(operations);
    const set = results.findLast((result) => result.kind === 'set');
    if (set === undefined) throw new Error('a write was answered without what it has set');
    this.leader.note(set.stat.mtimeMs, sentAtMs);
    return set.stat;
  }

  /** What hinders it is found, and told, by the next attempt. */
  private async makeFolder(session: Session): Promise<void> {
    await makeParents(session, withParents(this.folder)).catch((thrown: unknown) => {
      if (!isConnectionLost(thrown) && !isSessionLost(thrown)) throw thrown;
    });
  }

  /** `abandoned`: called with an answer that nobody waits for any more. */
  private async within<T>(work: (signal: AbortSignal) => Promise<T>, abandoned: (answer: T) => unknown = () => undefined): Promise<T> {
    const { clock, sessions, answerWaitMs = ANSWER_WAIT_MS } = this.options;
    const startedMs = clock.monotonicMs();
    const ending = new AbortController();
    const giveUp = (): void => {
      const ms = Math.round(clock.monotonicMs() - startedMs);
      ending.abort(new NotConnectedError({ ms, state: sessions.state() }, CONSEQUENCE));
    };
    const timer = clock.after(answerWaitMs, giveUp);
    const working = work(ending.signal);
    try {
      return await unlessAborted(working, ending.signal);
    } catch (thrown) {
      if (ending.signal.aborted) void working.then(abandoned).catch(() => undefined);
      throw thrown;
    } finally {
      timer.cancel();
    }
  }
}

function renewal({ path, stat, hold }: View, key: string, owner: string, ttlMs: number): Step<boolean> {
  if (stat === undefined || hold?.owner !== owner) return { kind: 'answer', answer: false };
  const entry: Entry = { last: hold, change: { kind: 'renew', ttlMs } };
  const operations = compareAndSet(path, encodeEntry(key, entry), stat.version);
  return { kind: 'write', operations, answerOf: ({ mtimeMs }) => isHeld(hold, mtimeMs) };
}

/** The node goes: a key that nobody holds needs none. What is written before tells the time. */
function giveBack(view: View, key: string, owner: string): Step<boolean> {
  const step = renewal(view, key, owner, 0);
  if (step.kind === 'answer' || view.stat === undefined) return step;
  const remove: Op = { kind: 'delete', path: view.path, version: versionAfter(view.stat.version) };
  return { ...step, operations: [...step.operations, remove] };
}
