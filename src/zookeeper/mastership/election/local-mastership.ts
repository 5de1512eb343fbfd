import type { Clock, Timer } from '../../support/clock.js';
import { Listeners } from '../../support/listeners.js';
import type { Observer } from '../../support/observer.js';
import { messageOf } from '../../support/errors.js';
import { standstillInWords } from '../../support/standstill.js';
import { type Fence, TenureHandle, type HeldTenure } from './held-tenure.js';
import { judge, next, type Mastership, type MastershipEvent, type Tenure } from './mastership.state.js';
import { believable, isLapsed, type Lease } from '../../session/lease.js';
import { Span } from './span.js';

/**
 * What this replica believes of its own mastership of one election: the one place that holds the state, changes it (by
 * `next`) and judges it when asked. Nothing else caches it, so nothing can be stale: after a stalled loop or a SIGCONT
 * an overdue timer runs before any event, and still finds the deadline compared here.
 */
export class LocalMastership {
  private current: Mastership;
  private span: Span | undefined;
  private held: TenureHandle | undefined;
  private fence: Fence | undefined;
  private timer: Timer | undefined;
  private renewNow: () => void = () => undefined;
  /**
   * The lease at which the two clocks were found to disagree. Whoever asked since has heard "no", and waits to be
   * told when that has changed.
   */
  private questioned: Lease | undefined;
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
    const state = judge(this.current, this.clock.monotonicMs(), this.clock.wallMs());
    if (state !== this.current && this.current.kind === 'master') this.question(this.current.lease);
    return state;
  }

  /** Compares the deadline on each call. No I/O, no allocation. */
  isMaster(): boolean {
    const state = this.current;
    if (state.kind !== 'master' && state.kind !== 'draining') return false;
    const isBelievable = believable(state.lease, this.clock.monotonicMs(), this.clock.wallMs());
    if (!isBelievable) this.question(state.lease);
    return isBelievable;
  }

  /**
   * When the wall clock has passed the deadline and the monotonic one has not, ZooKeeper knows.
   * Asked once for each lease.
   */
  private question(lease: Lease): void {
    if (this.questioned === lease || isLapsed(lease, this.clock.monotonicMs())) return;
    this.questioned = lease;
    this.renewNow();
  }

  /** What sends a renewal at once, for when the clocks disagree. */
  renewBy(renewNow: () => void): void {
    this.renewNow = renewNow;
  }

  /** The tenure under which something new may start now. */
  tenure(): HeldTenure | undefined {
    return this.current.kind === 'master' && this.held?.isValid() === true ? this.held : undefined;
  }

  /** What ties writes to the tenure that is believed next. */
  useFence(fence: Fence): void {
    this.fence = fence;
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
    const after = next(was, event);
    if (after === was) return;
    // A hand-over that is taken back when the lease has run out meanwhile leaves doubt, and no master.
    const state = event.kind === 'resumed' ? judge(after, this.clock.monotonicMs(), this.clock.wallMs()) : after;
    this.current = state;
    this.follow(was, state);
    if (this.isNews(was, state)) this.tell(state);
  }

  private isNews(was: Mastership, state: Mastership): boolean {
    if (state.kind === 'standby' || state.kind === 'observing') return true;
    if (was.kind !== state.kind || tenureIdOf(was) !== tenureIdOf(state)) return true;
    // "No" was heard between two renewals that find the same state, by somebody who looks again only when told.
    return 'lease' in was && was.lease === this.questioned;
  }

  /** When a listener changes the state (by resigning, say), the others have heard of the newer one already. */
  private tell(state: Mastership): void {
    this.listeners.tellWhile(() => this.current === state, state);
  }

  /** Tells holders of the tenure, and arms the deadline's timer. */
  private follow(was: Mastership, state: Mastership): void {
    switch (state.kind) {
      case 'master':
        // Whoever looks whether there is something to begin with knows by the new hold that there is, also after a
        // drain that it has not seen.
        if (was.kind !== 'master') this.held = this.newHold(state.tenure);
        this.arm(state.lease);
        return;
      case 'draining':
        this.arm(state.lease);
        return;
      case 'doubtful':
        // Kept, though over: an order to leave that comes now must still drain the runs that it was handed to.
        this.disarm();
        this.span?.end('the lease ran out before ZooKeeper acknowledged a renewal');
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

  private newHold(tenure: Tenure): TenureHandle {
    if (this.span === undefined || this.span.isOver) this.span = new Span(this.listenerFailed);
    return new TenureHandle(tenure, this.span, this.fence, () => this.isMaster());
  }

  private drop(why: string): void {
    const { span } = this;
    this.span = undefined;
    this.held = undefined;
    this.disarm();
    span?.end(why);
  }

  private disarm(): void {
    this.timer?.cancel();
    this.timer = undefined;
  }

  /** One timer a tenure: it finds the lease extended and waits for the rest. */
  private arm(lease: Lease): void {
    this.timer ??= this.clock.after(lease.sentAtMs + lease.lengthMs - this.clock.monotonicMs(), () => {
      this.timer = undefined;
      this.lapseIfDue();
      const state = this.current;
      if (state.kind === 'master' || (state.kind === 'draining' && !isLapsed(state.lease, this.clock.monotonicMs()))) this.arm(state.lease);
    });
  }

  private lapseIfDue(): void {
    const state = this.current;
    if ((state.kind !== 'master' && state.kind !== 'draining') || !isLapsed(state.lease, this.clock.monotonicMs())) return;
    if (state.kind === 'master') this.apply({ kind: 'lapsed' });
    else this.span?.end('the lease ran out during the drain');
  }

  private reportDoubt(tenure: Tenure, lease: Lease): void {
    const silentMs = Math.round(this.clock.monotonicMs() - lease.sentAtMs);
    this.observer.observe({
      level: 'warn',
      event: 'mastership.doubtful',
      message:
        `Election "${this.key}": in doubt: ZooKeeper has not acknowledged anything sent in the last ${silentMs} ms, longer than the lease of ` +
        `${Math.round(lease.lengthMs)} ms. Runs in progress are told to stop; nothing new starts.${standstillInWords(this.clock, silentMs, silentMs / 5)}`,
      fields: { election: this.key, token: String(tenure.token), silentMs, standstillMs: Math.round(this.clock.standstillMs(silentMs)) },
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
