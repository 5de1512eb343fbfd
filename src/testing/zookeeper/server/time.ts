import type { Clock } from '../../../zookeeper/support/clock.js';

/** The server's time: that of the process, or one that stands still; either is moved forward by a test. */
export class ServerTime {
  private movedMs = 0;
  private readonly from: { readonly monotonicMs: number; readonly wallMs: number } | undefined;

  constructor(
    readonly clock: Clock,
    /** True: it moves only when told. */
    readonly isManual: boolean,
  ) {
    this.from = isManual ? { monotonicMs: clock.monotonicMs(), wallMs: clock.wallMs() } : undefined;
  }

  monotonicMs(): number {
    return (this.from?.monotonicMs ?? this.clock.monotonicMs()) + this.movedMs;
  }

  wallMs(): number {
    return (this.from?.wallMs ?? this.clock.wallMs()) + this.movedMs;
  }

  advance(byMs: number): void {
    this.movedMs += byMs;
  }
}
