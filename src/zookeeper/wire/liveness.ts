import type { Clock, Timer } from '../support/clock.js';

/**
 * Keeps one connection's session alive, and notices when nobody answers any more.
 *
 * Pings at a fixed pace, whatever arrives meanwhile: events that stream in keep no session alive (measured: expired on
 * a healthy link). A link that has been silent for two thirds of the session timeout is declared dead, which leaves a
 * third for finding another server. When this process itself was late, the silence is its own: it pings and listens for
 * a third first.
 */
export class Liveness {
  private readonly pingEveryMs: number;
  private readonly silenceMs: number;
  private readonly thirdMs: number;
  private heardAtMs: number;
  private nextPingMs: number;
  private graceUntilMs = 0;
  private graceGiven = false;
  private dueMs = 0;
  private timer: Timer | undefined;

  constructor(
    private readonly clock: Clock,
    timeoutMs: number,
    private readonly ping: () => void,
    private readonly dead: (why: string) => void,
  ) {
    // A little under a third: three pings fit into the session timeout even when each is a bit late.
    this.pingEveryMs = timeoutMs * 0.3;
    this.silenceMs = (timeoutMs * 2) / 3;
    this.thirdMs = timeoutMs / 3;
    this.heardAtMs = clock.monotonicMs();
    this.nextPingMs = this.heardAtMs + this.pingEveryMs;
    this.arm();
  }

  /** Bytes have arrived. */
  heard(): void {
    this.heardAtMs = this.clock.monotonicMs();
    this.graceGiven = false;
  }

  stop(): void {
    this.timer?.cancel();
    this.timer = undefined;
  }

  private arm(): void {
    this.dueMs = Math.min(this.nextPingMs, this.deadlineMs());
    this.timer = this.clock.after(this.dueMs - this.clock.monotonicMs(), () => this.look());
  }

  private deadlineMs(): number {
    return Math.max(this.heardAtMs + this.silenceMs, this.graceUntilMs);
  }

  private look(): void {
    const monotonicMs = this.clock.monotonicMs();
    // Timers run before sockets are read: after a stall, the answers may lie unread in the kernel, or the pings were
    // never sent.
    const stalled = monotonicMs - this.dueMs > this.thirdMs / 4;
    if (stalled && !this.graceGiven) {
      this.graceGiven = true;
      this.graceUntilMs = monotonicMs + this.thirdMs;
      this.nextPingMs = monotonicMs;
    }
    if (monotonicMs >= this.deadlineMs()) {
      this.stop();
      return this.dead(`no answer for ${Math.round(monotonicMs - this.heardAtMs)} ms`);
    }
    if (monotonicMs >= this.nextPingMs) {
      this.nextPingMs = monotonicMs + this.pingEveryMs;
      this.ping();
    }
    // The ping may have found the link broken, and stopped this.
    if (this.timer !== undefined) this.arm();
  }
}
