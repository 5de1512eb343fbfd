import { connectedWithin, NotConnectedError, reattached } from '../../session/connected.js';
import { LeaseKeeper } from '../../session/lease.js';
import { leaseMsOf } from '../../session/lease-length.js';
import { getOrUndefined, childrenOf } from '../../session/nodes.js';
import type { Session, Sessions } from '../../session/session.js';
import { unlessAborted } from '../../support/abort.js';
import { MAX_DELAY_MS } from '../../support/clock.js';
import { Latch } from '../../support/latch.js';
import { maxOf } from '../../support/token.js';
import { isConnectionLost, isSessionLost } from '../../wire/errors.js';
import { claim } from './claim.js';
import { ContenderNode, SessionOver, untilSessionEnds, type LockParts } from './contender-node.js';
import { lineOf } from './contenders.js';
import { decide, unprovenIn } from './decide.js';
import { LockBusyError, LockCrowdedError } from './errors.js';
import { settle } from './folder.js';
import { HeldLock } from './held-lock.js';
import { inspectLock } from './inspect.js';
import { checkWait, placeOf, type LockName, type LockPlace, type LockView, type LockWait } from './lock.js';
import { LockHandle } from './lock-handle.js';
import type { LockSource } from './lock-source.js';
import { readRecord, type LockRecord, type RecordRead } from './record.js';
import { giveUp } from './release.js';
import type { OwnSighting } from './sightings.js';

/** So many stand in one line at most: each who joins reads all of their names. */
export const MAX_IN_LINE = 5_000;

/** For how long somebody who does not wait any more is kept until its node is gone. */
const CLEANUP_WAIT_MS = 1_000;

/** For how long the start of the application is waited for. */
const START_WAIT_MS = 10_000;

/** For how long whoever does not wait for the lock waits for ZooKeeper's answers. */
const ANSWER_WAIT_MS = 10_000;

/** What cannot be done without a session. */
const CONSEQUENCE = 'nobody can say who holds the lock';

export interface EnsembleLocksOptions extends LockParts {
  readonly sessions: Sessions;
  readonly rootPath: string;
}

/** One caller's wait for one lock. */
interface Wait {
  readonly place: LockPlace;
  /** False: who is not first at once gives up. */
  readonly isPatient: boolean;
  /** Aborts with what the caller is to hear. */
  readonly signal: AbortSignal;
  readonly leftMs: () => number;
  readonly waitedMs: () => number;
  /** There is no session to wait on. */
  isConnecting: boolean;
  /** Who holds it, as last read, for the message. */
  holder: string | undefined;
  readonly seen: OwnSighting;
}

/**
 * Locks of an ensemble. A line of ephemeral sequential nodes, each watching the one before it, as in ZooKeeper's recipe
 * for locks (Apache ZooKeeper, "Recipes and Solutions"), in the layout of Curator. What is ours: who is first takes the
 * lock by a transaction that moves the lock's record, and waits before if the holder that the record names has not
 * released.
 */
export class EnsembleLocks implements LockSource {
  /** For the session in force. */
  private renewing: { readonly session: Session; readonly keeper: LeaseKeeper } | undefined;
  /** The highest token that this process has seen, of any lock. */
  private seenToken = 0n;

  constructor(private readonly options: EnsembleLocksOptions) {}

  placeOf(name: LockName): LockPlace {
    return placeOf(name, this.options.rootPath);
  }

  async acquire(name: LockName, options: LockWait): Promise<LockHandle> {
    checkWait(options);
    const place = this.placeOf(name);
    const { lock, holder } = await this.within(place, options);
    if (lock === undefined) throw new LockBusyError(place.name, 0, holder);
    return lock;
  }

  async tryAcquire(name: LockName): Promise<LockHandle | undefined> {
    return (await this.within(this.placeOf(name), { waitMs: 0 })).lock;
  }

  async inspect(name: LockName): Promise<LockView> {
    const session = await connectedWithin(this.options.sessions, this.options.clock, { timeoutMs: 0, consequence: CONSEQUENCE });
    return inspectLock(session, this.placeOf(name));
  }

  private async within(
    place: LockPlace,
    { waitMs, signal }: LockWait,
  ): Promise<{ readonly lock: LockHandle | undefined; readonly holder: string | undefined }> {
    signal?.throwIfAborted();
    const { clock } = this.options;
    const ending = new AbortController();
    const startedMs = clock.monotonicMs();
    const limitMs = waitMs ?? MAX_DELAY_MS;
    const wait: Wait = {
      place,
      isPatient: waitMs !== 0,
      signal: ending.signal,
      leftMs: () => Math.max(0, startedMs + limitMs - clock.monotonicMs()),
      waitedMs: () => Math.round(clock.monotonicMs() - startedMs),
      isConnecting: true,
      holder: undefined,
      seen: {},
    };
    const onTime = (): void => {
      // Without a session that is what is told, by who waits for one.
      if (!wait.isConnecting) ending.abort(new LockBusyError(place.name, wait.waitedMs(), wait.holder));
    };
    const onAbort = (): void => ending.abort(signal?.reason);
    const onSilence = (): void =>
      ending.abort(new NotConnectedError({ ms: wait.waitedMs(), state: this.options.sessions.state() }, CONSEQUENCE));
    const timer = wait.isPatient ? waitMs !== undefined && clock.after(waitMs, onTime) : clock.after(ANSWER_WAIT_MS, onSilence);
    signal?.addEventListener('abort', onAbort, { once: true });
    const work = this.campaigns(wait);
    try {
      const hold = await unlessAborted(work, ending.signal);
      return { lock: hold && new LockHandle(hold), holder: wait.holder };
    } catch (thrown) {
      if (ending.signal.aborted) await this.cleanedUp(work.then((hold) => hold?.release()));
      throw thrown;
    } finally {
      if (timer !== false) timer.cancel();
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /** Whoever has given up hears so when its node is gone, as long as that does not take long. */
  private cleanedUp(work: Promise<unknown>): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.options.clock.after(CLEANUP_WAIT_MS, resolve);
      const end = (): void => {
        timer.cancel();
        resolve();
      };
      work.then(end, end);
    });
  }

  /** One session after the other. */
  private async campaigns(wait: Wait): Promise<HeldLock | undefined> {
    const { sessions, clock } = this.options;
    for (;;) {
      // Somebody who waits for a lock in a lifecycle hook would keep the application from starting, and so from
      // connecting.
      const timeoutMs = sessions.state().kind === 'idle' ? Math.min(wait.leftMs(), START_WAIT_MS) : wait.leftMs();
      wait.isConnecting = true;
      const session = await connectedWithin(sessions, clock, { timeoutMs, signal: wait.signal, consequence: CONSEQUENCE });
      wait.isConnecting = false;
      // Its time may have passed between the two timers.
      if (wait.isPatient && wait.leftMs() === 0) throw new LockBusyError(wait.place.name, wait.waitedMs(), wait.holder);
      const outcome = await this.campaign(session, wait);
      if (outcome === 'busy') return undefined;
      if (outcome !== 'session over') return outcome;
    }
  }

  /** Whatever happens: unless it has the lock at the end, there is no node of it left, or there will not be. */
  private async campaign(session: Session, wait: Wait): Promise<HeldLock | 'busy' | 'session over'> {
    for (;;) {
      const node = new ContenderNode(session, wait.place, this.options);
      let outcome: HeldLock | 'busy' | 'gone' | 'session over' | undefined;
      try {
        outcome = await this.standInLine(node, wait);
        if (outcome !== 'gone') return outcome;
      } catch (thrown) {
        if (thrown instanceof SessionOver) return 'session over';
        throw thrown;
      } finally {
        if (!(outcome instanceof HeldLock)) await node.remove();
      }
    }
  }

  private async standInLine(node: ContenderNode, wait: Wait): Promise<HeldLock | 'busy' | 'gone' | 'session over'> {
    const { session } = node;
    await node.make();
    for (;;) {
      wait.signal.throwIfAborted();
      try {
        const outcome = await this.look(node, wait);
        if (outcome !== 'again') return outcome;
      } catch (thrown) {
        if (!isConnectionLost(thrown) && !isSessionLost(thrown)) throw thrown;
        if (isSessionLost(thrown) || !(await reattached(session, wait.signal))) {
          wait.signal.throwIfAborted();
          return 'session over';
        }
      }
      if (session.ended.aborted) return 'session over';
    }
  }

  private async look(node: ContenderNode, wait: Wait): Promise<HeldLock | 'busy' | 'gone' | 'again'> {
    const { session, place, id } = node;
    const name = await node.make();
    // In this order: see `unprovenIn`.
    const [found, names] = await Promise.all([getOrUndefined(session, place.path), childrenOf(session, place.path)]);
    if (found === undefined) return 'gone';
    const read = readRecord(found.data, found.stat);
    const line = lineOf(names);
    // Whoever stands within the limit stays, however many come behind.
    const rank = line.findIndex((contender) => contender.name === name);
    if (rank >= MAX_IN_LINE) throw new LockCrowdedError(place.name, rank, MAX_IN_LINE);
    wait.holder = read.record?.state === 'held' ? read.record.address : undefined;
    const step = decide(line, { name, id }, read);
    // Also while it stands behind others, the wait for somebody who has gone goes on.
    const unproven = unprovenIn(line, id, read);
    const leftMs = unproven === undefined ? 0 : this.options.sightings.leftMs(place.path, unproven.what, unproven.waitMs, wait.seen);
    if (step.kind === 'gone') return 'gone';
    if (step.kind === 'first' && leftMs === 0) return this.take(node, read, unproven !== undefined);
    if (!wait.isPatient) return 'busy';
    const others = step.kind === 'behind' ? [step.before.name] : [];
    await this.watched(node, others, wait.signal, step.kind === 'first' ? leftMs : undefined);
    return 'again';
  }

  /** Until one of these nodes, or the own one, has changed; or after `limitMs`. Leaves no watch. */
  private async watched(node: ContenderNode, others: readonly string[], signal: AbortSignal, limitMs?: number): Promise<void> {
    const { session, place } = node;
    const latch = new Latch(this.options.clock);
    const ring = (): void => latch.ring();
    const paths = [node.path, ...others.map((name) => `${place.path}/${name}`)];
    session.ended.addEventListener('abort', ring, { once: true });
    try {
      const found = await Promise.all(paths.map((path) => session.exists(path, { watch: ring })));
      if (!found.includes(undefined) && !session.ended.aborted) await latch.wait(signal, limitMs);
    } finally {
      session.ended.removeEventListener('abort', ring);
      for (const path of paths) session.unwatch(path, ring);
    }
  }

  private async take(node: ContenderNode, read: RecordRead, hasWaited: boolean): Promise<HeldLock | 'again' | 'gone'> {
    const { session, place } = node;
    const { sightings, address } = this.options;
    const keeper = this.keeperOf(session);
    const claimed = await claim(node, read, { keeper, address, seenToken: this.seenToken });
    if (typeof claimed === 'string') return claimed;
    const { fencingToken, record, version, lease } = claimed;
    this.seenToken = maxOf(this.seenToken, fencingToken);
    if (hasWaited && place.root !== undefined) void settle(session, place.root, sightings).catch(() => undefined);
    const won = { place, path: node.path, fencingToken, lease, giveUp: () => this.giveUp(node, record, version) };
    return new HeldLock(won, keeper, session, this.options);
  }

  private giveUp(node: ContenderNode, record: LockRecord, version: number): Promise<void> {
    return untilSessionEnds(node.session, this.options, node.place, () => giveUp(node.session, node.place, node.path, record, version));
  }

  private keeperOf(session: Session): LeaseKeeper {
    if (this.renewing?.session === session) return this.renewing.keeper;
    this.renewing?.keeper.close();
    const { clock, rootPath } = this.options;
    const keeper = new LeaseKeeper(session, clock, rootPath === '' ? '/' : rootPath, leaseMsOf(session.timeoutMs));
    this.renewing = { session, keeper };
    return keeper;
  }
}
