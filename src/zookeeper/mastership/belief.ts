import type { Clock, Timer } from '../support/clock.js';
import { Listeners } from '../support/listeners.js';
import type { Observer } from '../support/observer.js';
import { messageOf } from '../support/errors.js';
import type { Ground, HeldTenure } from './election.js';
import { believable, judge, next, type Lease, type Mastership, type MastershipEvent, type Tenure } from './mastership.state.js';

/** A tenure handed out to a run or a hook. Once invalid it never becomes valid again. */
class Held implements HeldTenure {
  readonly id: string;
  readonly token: bigint;
  readonly czxid: bigint;
  private over: string | undefined;
  private readonly listeners: Listeners<[why: string]>;

  constructor(
    tenure: Tenure,
    private readonly belief: Belief,
    readonly ground: Ground | undefined,
    failed: (thrown: unknown) => void,
  ) {
    this.id = tenure.id;
    this.token = tenure.token;
    this.czxid = tenure.czxid;
    this.listeners = new Listeners(failed);
  }

  get isOver(): boolean {
    return this.over !== undefined;
  }

  isValid(): boolean {
    return this.over === undefined && this.belief.isMaster();
  }

  onInvalid(listener: (why: string) => void): () => void {
    if (this.over === undefined) return this.listeners.add(listener);
    listener(this.over);
    return () => undefined;
  }

  invalidate(why: string): void {
    if (this.over !== undefined) return;
    this.over = why;
    this.listeners.tell(why);
  }
}

/**
 * What this replica believes of its own mastership of one election: the one place that holds the state, changes it (by `next`)
 * and judges it when asked. Nothing else caches it, so nothing can be stale: after a stalled loop or a SIGCONT an overdue timer
 * runs before any event, and still finds the deadline compared here.
 */
export class Belief {
  private current: Mastership;
  private held: Held | undefined;
  private ground: Ground | undefined;
  private timer: Timer | undefined;
  private readonly listeners: Listeners<[state: Mastership]>;

  constructor(
    private readonly key: string,
    private readonly clock: Clock,
    private readonly observer: Observer,
    initialWhy: string,
  ) {
    this.current = { kind: 'observing', why: initialWhy, master: undefined };
    this.listeners = new Listeners(this.listenerFailed);
  }

  /** As of now. */
  state(): Mastership {
    return judge(this.current, this.clock.nowMs(), this.clock.wallMs());
  }

  /** Compares the deadline on each call. No I/O, no allocation. */
  isMaster(): boolean {
    const state = this.current;
    if (state.kind !== 'master' && state.kind !== 'draining') return false;
    return believable(state.lease, this.clock.nowMs(), this.clock.wallMs());
  }

  /** The tenure under which something new may start now. */
  tenure(): HeldTenure | undefined {
    return this.current.kind === 'master' && this.held?.isValid() === true ? this.held : undefined;
  }

  /** What ties writes to the tenure that is believed next. */
  standOn(ground: Ground): void {
    this.ground = ground;
  }

  /** The tenure held, valid or not: what a drain is about. */
  heldTenure(): HeldTenure | undefined {
    return this.held;
  }

  onChange(listener: (state: Mastership) => void): () => void {
    return this.listeners.add(listener);
  }

  apply(event: MastershipEvent): void {
    // A renewal that arrives after its deadline: whoever held the tenure hears of the gap before it closes.
    if (event.kind === 'renewed') this.lapseIfDue();
    const was = this.current;
    const state = next(was, event);
    if (state === was) return;
    this.current = state;
    this.follow(state);
    const isNews =
      was.kind !== state.kind || tenureIdOf(was) !== tenureIdOf(state) || state.kind === 'standby' || state.kind === 'observing';
    if (isNews) this.tell(state);
  }

  /** When a listener changes the state (by resigning, say), the others have heard of the newer one already. */
  private tell(state: Mastership): void {
    this.listeners.tellWhile(() => this.current === state, state);
  }

  /** Tells holders of the tenure, and arms the deadline's timer. */
  private follow(state: Mastership): void {
    switch (state.kind) {
      case 'master':
        if (this.held === undefined || this.held.isOver) this.held = new Held(state.tenure, this, this.ground, this.listenerFailed);
        this.arm(state.lease);
        return;
      case 'draining':
        this.arm(state.lease);
        return;
      case 'doubtful':
        // Kept, though over: an order to leave that comes now must still drain the runs that it was handed to.
        this.disarm();
        this.held?.invalidate('the lease ran out before ZooKeeper acknowledged a renewal');
        this.reportDoubt(state.tenure, state.lease);
        return;
      case 'observing':
      case 'electing':
        this.drop(state.why);
        return;
      default:
        this.drop('the mastership is over');
    }
  }

  private drop(why: string): void {
    const held = this.held;
    this.held = undefined;
    this.disarm();
    held?.invalidate(why);
  }

  private disarm(): void {
    this.timer?.cancel();
    this.timer = undefined;
  }

  /** One timer a tenure: it finds the lease extended and waits for the rest. */
  private arm(lease: Lease): void {
    this.timer ??= this.clock.after(lease.sentAtMs + lease.lengthMs - this.clock.nowMs(), () => {
      this.timer = undefined;
      this.lapseIfDue();
      const state = this.current;
      if (state.kind === 'master' || (state.kind === 'draining' && this.isMaster())) this.arm(state.lease);
    });
  }

  private lapseIfDue(): void {
    const state = this.current;
    if ((state.kind !== 'master' && state.kind !== 'draining') || this.isMaster()) return;
    if (state.kind === 'master') this.apply({ kind: 'lapsed' });
    else this.held?.invalidate('the lease ran out during the drain');
  }

  private reportDoubt(tenure: Tenure, lease: Lease): void {
    const silentMs = Math.round(this.clock.nowMs() - lease.sentAtMs);
    this.observer.observe({
      level: 'warn',
      event: 'mastership.doubtful',
      message:
        `Election "${this.key}": in doubt: ZooKeeper has not acknowledged anything sent in the last ${silentMs} ms, longer than the lease of ` +
        `${Math.round(lease.lengthMs)} ms. Runs in progress are told to stop; nothing new starts.`,
      fields: { election: this.key, token: String(tenure.token), silentMs },
    });
  }

  private readonly listenerFailed = (thrown: unknown): void => {
    this.observer.observe({
      level: 'error',
      event: 'mastership.listener-failed',
      message: `A listener of the election "${this.key}" threw: ${messageOf(thrown)}. The election goes on.`,
      fields: { election: this.key },
    });
  };
}

function tenureIdOf(state: Mastership): string | undefined {
  return 'tenure' in state ? state.tenure.id : undefined;
}
