import type { Clock, Timer } from '../support/clock.js';
import { isZooKeeperError } from '../wire/errors.js';
import { ANY_VERSION } from '../wire/operations.js';
import type { Session } from './session.js';
import { RENEWALS_PER_LEASE } from './lease-length.js';

/**
 * Until when mastership may be believed, by both clocks: the monotonic one decides; the wall clock catches a machine
 * that was suspended while its monotonic clock stood still. A wall clock set back never shortens or extends anything.
 */
export interface Lease {
  /** Monotonic time just before sending the write that ZooKeeper has acknowledged. */
  readonly sentAtMs: number;
  /** Wall time of the same moment. */
  readonly sentWallMs: number;
  /** For how long from then, milliseconds; at most 5 000. */
  readonly lengthMs: number;
}

/** Whether mastership may be believed under this lease at this moment of both clocks. */
export function believable(lease: Lease, monotonicMs: number, wallMs: number): boolean {
  return monotonicMs - lease.sentAtMs < lease.lengthMs && wallMs - lease.sentWallMs < lease.lengthMs;
}

/**
 * Whether the lease is over for certain, by the monotonic clock. While only the wall clock says so, the machine may
 * have been suspended or its calendar may have been set, and nothing here can tell: a virtual machine that its host has
 * paused looks like the latter. Whoever asks hears "no" then, and ZooKeeper is asked: a renewal sent since, and
 * acknowledged, shows that the node was there all the time.
 */
export function isLapsed(lease: Lease, monotonicMs: number): boolean {
  return monotonicMs - lease.sentAtMs >= lease.lengthMs;
}

/** A tenure that wants its lease renewed. */
export interface LeaseHolder {
  /**
   * Since when, in `LeaseKeeper.next()` order, the tenure's node has been watched without a break; undefined while it
   * is not. Only a renewal sent later speaks for it.
   */
  armedSince(): number | undefined;
  renewed(lease: Lease): void;
  /** A renewal was acknowledged when its own lease was over: `tookMs` after it was sent. */
  late(tookMs: number): void;
}

/**
 * Renews the leases of all tenures of one session by one write per period, however many there are, and
 * nothing when there are none.
 *
 * Why a write: a follower cut off from its peers keeps its connections and answers pings and reads by itself, for
 * seconds after the leader has expired their sessions. A transaction is forwarded to the leader, checked there against
 * the session, and logged by a quorum. One that contains only a `check` does all this and changes nothing (ZooKeeper
 * 3.8 source: PrepRequestProcessor, `OpCode.multi`, calls `checkSession` for each operation, before it looks for the
 * path, and proposes the transaction even when one of them fails). Where local sessions are enabled the leader lets
 * sessions pass that it does not know; then the proof is that the reply has made the round through the quorum, behind
 * the deletion of the node by the session's end.
 *
 * Why one acknowledgement speaks for every tenure: a connection delivers the watch events of earlier transactions
 * before a later reply. So when the reply arrives and no event has, each node watched since before the request was
 * still there when the request was processed. After a reconnect the watches are set again before anything else is sent
 * (wire/), so the same holds.
 */
export class LeaseKeeper {
  private readonly holders = new Set<LeaseHolder>();
  private order = 0;
  private timer: Timer | undefined;
  private inFlight = false;
  /** One more is wanted as soon as the one in flight is answered. */
  private again = false;
  private readonly unsubscribe: () => void;
  /** How long an acknowledged write lets a tenure of this session believe, milliseconds. */
  readonly lengthMs: number;
  private readonly periodMs: number;

  constructor(
    private readonly session: Session,
    private readonly clock: Clock,
    private readonly checkedPath: string,
    lengthMs: number,
  ) {
    this.lengthMs = lengthMs;
    this.periodMs = lengthMs / RENEWALS_PER_LEASE;
    this.unsubscribe = session.onAttached(() => this.renewNow());
  }

  /** A number larger than every one before; requests sent in this order are processed in this order. */
  next(): number {
    return ++this.order;
  }

  /**
   * A lease that starts now: for a leader-checked write that is about to be sent and proves nothing
   * until it is acknowledged.
   */
  leaseFromNow(): Lease {
    return { sentAtMs: this.clock.monotonicMs(), sentWallMs: this.clock.wallMs(), lengthMs: this.lengthMs };
  }

  /** Whether mastership may be believed under this lease now. */
  isBelievable(lease: Lease): boolean {
    return believable(lease, this.clock.monotonicMs(), this.clock.wallMs());
  }

  /** Starts to renew for this holder, whose first lease is given; the function returned stops it. */
  hold(holder: LeaseHolder, lease: Lease): () => void {
    this.holders.add(holder);
    if (this.clock.monotonicMs() - lease.sentAtMs > this.periodMs) this.renewNow();
    else this.schedule();
    return () => {
      this.holders.delete(holder);
      if (this.holders.size === 0) this.cancelTimer();
    };
  }

  /**
   * Sends a renewal at once, or as soon as the one in flight is answered: that one may have been
   * sent too early to count.
   */
  renewNow(): void {
    this.cancelTimer();
    this.again = this.inFlight;
    void this.renew();
  }

  close(): void {
    this.holders.clear();
    this.cancelTimer();
    this.unsubscribe();
  }

  /** The period counts from the last sending, so that a slow answer does not eat into the next lease. */
  private schedule(delayMs = this.periodMs): void {
    if (this.timer !== undefined || this.inFlight || this.holders.size === 0) return;
    this.timer = this.clock.after(delayMs, () => {
      this.timer = undefined;
      void this.renew();
    });
  }

  private cancelTimer(): void {
    this.timer?.cancel();
    this.timer = undefined;
  }

  /** One in flight. Detached: none is sent, and `onAttached` starts again. */
  private async renew(): Promise<void> {
    if (this.inFlight || this.holders.size === 0 || !this.session.attached) return;
    this.inFlight = true;
    const sent = this.next();
    const lease = this.leaseFromNow();
    const acknowledged = await this.write();
    this.inFlight = false;
    // An answer later than its lease says nothing about now.
    if (acknowledged && this.isBelievable(lease)) this.spread(sent, lease);
    else if (acknowledged) this.spreadDelay(this.clock.monotonicMs() - lease.sentAtMs);
    if (!this.again) return this.schedule(this.periodMs - (this.clock.monotonicMs() - lease.sentAtMs));
    this.again = false;
    return this.renew();
  }

  /** True when the leader has processed the transaction for this session, whatever it thought of the `check` itself. */
  private async write(): Promise<boolean> {
    try {
      await this.session.multi([{ kind: 'check', path: this.checkedPath, version: ANY_VERSION }]);
      return true;
    } catch (thrown) {
      return isZooKeeperError(thrown, 'no-node', 'no-auth', 'bad-version') && thrown.details.opIndex !== undefined;
    }
  }

  private spreadDelay(tookMs: number): void {
    // By the wall clock alone it is no delay.
    if (tookMs >= this.lengthMs) for (const holder of this.holders) holder.late(tookMs);
  }

  private spread(sent: number, lease: Lease): void {
    for (const holder of this.holders) {
      const armed = holder.armedSince();
      if (armed !== undefined && armed < sent) holder.renewed(lease);
    }
  }
}
