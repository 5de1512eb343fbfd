import type { Clock } from '../../support/clock.js';

/** After this long the leader may be another one, with another clock. */
const MAX_AGE_MS = 10_000;

/**
 * What the leader's clock shows now at most, by what its answers have told. It spares the writes that would be refused;
 * it grants nothing.
 */
export class LeaderClock {
  private sample: { readonly leaderMs: number; readonly atMs: number } | undefined;

  constructor(private readonly clock: Clock) {}

  /** The leader's clock showed `leaderMs` after the monotonic time `atMs`. */
  note(leaderMs: number, atMs: number): void {
    if (this.sample === undefined || atMs >= this.sample.atMs) this.sample = { leaderMs, atMs };
  }

  /** Undefined: not known. */
  atMostMs(): number | undefined {
    const monotonicMs = this.clock.monotonicMs();
    if (this.sample === undefined || monotonicMs - this.sample.atMs > MAX_AGE_MS) return undefined;
    return this.sample.leaderMs + monotonicMs - this.sample.atMs;
  }
}
