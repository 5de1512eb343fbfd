import type { Clock, Timer } from '../../../src/zookeeper/support/clock.js';

/**
 * A clock that stands still until it is told to go on; timers run in order, each at its time
 * (or late, after a `stall`).
 */
export class ManualClock implements Clock {
  private now = 1000;
  private readonly timers = new Set<{ readonly atMs: number; readonly run: () => void }>();

  monotonicMs(): number {
    return this.now;
  }

  wallMs(): number {
    return this.now;
  }

  standstillMs(): number {
    return 0;
  }

  get pending(): number {
    return this.timers.size;
  }

  after(delayMs: number, run: () => void): Timer {
    const timer = { atMs: this.now + Math.max(0, delayMs), run };
    this.timers.add(timer);
    return { cancel: () => void this.timers.delete(timer) };
  }

  /** Lets `forMs` pass, with every timer at its time. */
  pass(forMs: number): void {
    const untilMs = this.now + forMs;
    for (let next = this.next(untilMs); next !== undefined; next = this.next(untilMs)) {
      this.now = Math.max(this.now, next.atMs);
      this.timers.delete(next);
      next.run();
    }
    this.now = untilMs;
  }

  /** The process stands still for `forMs`; then the timers that were due run late. */
  stall(forMs: number): void {
    this.now += forMs;
    const due = [...this.timers].filter(({ atMs }) => atMs <= this.now);
    for (const timer of due) {
      if (this.timers.delete(timer)) timer.run();
    }
  }

  private next(untilMs: number): { readonly atMs: number; readonly run: () => void } | undefined {
    const due = [...this.timers].filter(({ atMs }) => atMs <= untilMs);
    return due.sort((one, other) => one.atMs - other.atMs)[0];
  }
}
