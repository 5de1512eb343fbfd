import { reattached } from '../../session/connected.js';
import { isLapsed, type Lease, type LeaseHolder, type LeaseKeeper } from '../../session/lease.js';
import { NodeWatch } from '../../session/node-watch.js';
import { ownerOf } from '../../session/nodes.js';
import type { Clock, Timer } from '../../support/clock.js';
import { Latch } from '../../support/latch.js';
import { Listeners } from '../../support/listeners.js';
import { isConnectionLost } from '../../wire/errors.js';
import type { LockParts } from './contender-node.js';
import { LockLostError, LockRevocationError, notWriting } from './errors.js';
import type { LockPlace } from './lock.js';
import type { Hold, Released } from './lock-handle.js';
import { REVOKE } from './revocation.js';

/** For how long `release` waits for what goes on in the background. */
const RELEASE_WAIT_MS = 10_000;

/** Why a writer does not hold the lock any more that goes on as a reader. */
const DOWNGRADED = 'it was downgraded';

/** What of a lock was won. */
export interface WonLock {
  readonly place: LockPlace;
  /** The path of the own node in the line. */
  readonly path: string;
  readonly fencingToken: bigint;
  readonly lease: Lease;
  /** Deletes the node, with the proof that it was released; never rejects. */
  readonly giveUp: () => Promise<void>;
  /** Puts a reader's node in the place of the own one, which is a writer's. */
  readonly downgrade?: (() => Promise<HeldLock>) | undefined;
}

/** What this process knows of a lock that it has won, as one value. */
type State =
  /** Judged when asked: while the lease lasts. */
  | { readonly kind: 'held'; readonly lease: Lease }
  /** For good: a lease that has run out is not taken up again, because whoever was told of it has stopped. */
  | { readonly kind: 'lost'; readonly why: string }
  | { readonly kind: 'released'; readonly done: Promise<Released> };

/**
 * A lock of an ensemble, from the win to the release. Believed for as long as a lease lasts that ZooKeeper renews
 * (session/lease.ts), like a mastership; its node is watched, so that one renewal of the session speaks for all locks.
 */
export class HeldLock implements Hold, LeaseHolder {
  readonly name: string;
  readonly fencingToken: bigint;
  private state: State;
  private readonly watch: NodeWatch;
  private readonly latch: Latch;
  private readonly over = new AbortController();
  private readonly revoking = new AbortController();
  private readonly listeners = new Listeners<[why: string]>();
  private readonly stopRenewing: () => void;
  private timer: Timer | undefined;
  private readonly clock: Clock;

  constructor(
    private readonly won: WonLock,
    private readonly keeper: LeaseKeeper,
    private readonly session: Parameters<typeof reattached>[0],
    private readonly parts: LockParts,
  ) {
    this.clock = parts.clock;
    this.name = won.place.name;
    this.fencingToken = won.fencingToken;
    this.state = { kind: 'held', lease: won.lease };
    this.latch = new Latch(this.clock);
    this.watch = new NodeWatch(session, won.path, keeper, this.latch);
    this.watch.onEvent = ({ type }) => {
      if (type === 'deleted') this.lose('its node in ZooKeeper was deleted, or its session has ended');
    };
    this.stopRenewing = keeper.hold(this, won.lease);
    session.ended.addEventListener('abort', this.onSessionEnded, { once: true });
    if (session.ended.aborted) this.onSessionEnded();
    this.arm(won.lease);
    this.latch.ring();
    void this.keepWatching();
  }

  get revocationRequested(): AbortSignal {
    return this.revoking.signal;
  }

  isValid(): boolean {
    const { state } = this;
    if (state.kind !== 'held') return false;
    if (this.keeper.isBelievable(state.lease)) return true;
    // For good, also when the wall clock alone has passed the deadline, so that ZooKeeper may still know of the lock:
    // whoever hears "no" stops, and a signal that has aborted is not taken back.
    this.lapse(state.lease);
    return false;
  }

  onInvalid(listener: (why: string) => void): () => void {
    return this.listeners.add(listener);
  }

  armedSince(): number | undefined {
    return this.watch.armedSince();
  }

  renewed(lease: Lease): void {
    // One that arrives after the deadline: whoever holds the lock hears of the gap, and it is over.
    this.lapseIfDue();
    if (this.state.kind !== 'held') return;
    this.state = { kind: 'held', lease };
    this.arm(lease);
  }

  late(): void {
    // The lease has run out by then, which is told where it is found.
  }

  whyNot(): string {
    switch (this.state.kind) {
      case 'held':
        return 'its lease is over, by the clocks of this process';
      case 'lost':
        return this.state.why;
      case 'released':
        return 'it was released';
    }
  }

  release(): Promise<Released> {
    const { state } = this;
    if (state.kind === 'released') return state.done;
    const gone = deferred<Released>();
    this.state = { kind: 'released', done: gone.promise };
    this.end('it was released');
    const limit = this.clock.after(RELEASE_WAIT_MS, () => gone.resolve('pending'), { keepAlive: false });
    void this.won.giveUp().finally(() => {
      limit.cancel();
      gone.resolve('released');
    });
    return gone.promise;
  }

  /**
   * Ends this hold, and answers the reader's that comes in its place.
   * @throws {LockLostError} unless it is held; what the downgrade throws.
   */
  downgrade(): Promise<HeldLock> {
    const { downgrade } = this.won;
    if (downgrade === undefined) throw notWriting(this.name);
    if (!this.isValid()) throw new LockLostError(this.name, this.whyNot());
    const next = downgrade();
    this.state = { kind: 'released', done: next.then(isOver, isOver) };
    this.end(DOWNGRADED);
    return next;
  }

  private lose(why: string): void {
    if (this.state.kind !== 'held') return;
    this.state = { kind: 'lost', why };
    this.parts.observer.observe({
      level: 'warn',
      event: 'lock.lost',
      message: `Lock "${this.name}" is not held any more: ${why}. What it protects is told by its signal.`,
      fields: { lock: this.name, token: this.fencingToken.toString() },
    });
    this.end(why);
  }

  private end(why: string): void {
    this.timer?.cancel();
    this.stopRenewing();
    this.watch.close();
    this.session.ended.removeEventListener('abort', this.onSessionEnded);
    this.over.abort();
    this.listeners.tell(why);
  }

  private readonly onSessionEnded = (): void => this.lose('its ZooKeeper session is over');

  /** One timer: it finds the lease extended, and waits for the rest. */
  private arm(lease: Lease): void {
    this.timer?.cancel();
    this.timer = this.clock.after(
      lease.sentAtMs + lease.lengthMs - this.clock.monotonicMs(),
      () => {
        this.lapseIfDue();
        if (this.state.kind === 'held') this.arm(this.state.lease);
      },
      { keepAlive: false },
    );
  }

  private lapseIfDue(): void {
    if (this.state.kind === 'held' && isLapsed(this.state.lease, this.clock.monotonicMs())) this.lapse(this.state.lease);
  }

  private lapse(lease: Lease): void {
    const monotonicMs = this.clock.monotonicMs();
    const silentMs = Math.round(monotonicMs - lease.sentAtMs);
    this.lose(
      isLapsed(lease, monotonicMs)
        ? `ZooKeeper has not acknowledged anything that was sent in the last ${silentMs} ms, longer than the lease`
        : 'the clock of this machine went further than its lease at once: the machine was suspended, or its clock was set',
    );
  }

  /** Reads the node again after each event, so that renewals speak for it. */
  private async keepWatching(): Promise<void> {
    const { signal } = this.over;
    while (!signal.aborted) {
      await this.latch.wait(signal);
      if (signal.aborted || this.watch.armedSince() !== undefined) continue;
      try {
        const view = await this.watch.read();
        if (signal.aborted) this.watch.close();
        else if (view === undefined) this.lose('its node in ZooKeeper was deleted');
        else if (ownerOf(view.stat, this.session.id) !== 'this session') this.lose('its node in ZooKeeper belongs to somebody else');
        else if (view.text === REVOKE) this.revoking.abort(new LockRevocationError(this.name));
      } catch (thrown) {
        // Without a watch no renewal counts, so that the lease runs out: that is what a refusal to read leads to.
        if (!isConnectionLost(thrown)) continue;
        if (await reattached(this.session, signal)) this.latch.ring();
      }
    }
  }
}

function isOver(): Released {
  return 'released';
}

function deferred<T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((settle) => (resolve = settle));
  return { promise, resolve };
}
