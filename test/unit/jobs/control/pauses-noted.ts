import { expect } from 'vitest';
import { systemClock, type Clock, type Timer } from '../../../../src/zookeeper/support/clock.js';

/** A clock whose timers run at once, and which notes for how long they were set. */
export class PausesNoted implements Clock {
  readonly pauses: number[] = [];
  readonly monotonicMs = systemClock.monotonicMs;
  readonly wallMs = systemClock.wallMs;
  readonly standstillMs = systemClock.standstillMs;

  after(delayMs: number, run: () => void): Timer {
    this.pauses.push(delayMs);
    return systemClock.after(0, run);
  }

  /**
   * One pause before each of fifty attempts but the first: they double from 5 to 200 ms, and keep half of that at
   * least.
   */
  mustHaveGrown(): void {
    expect(this.pauses).toHaveLength(49);
    for (const [n, ms] of this.pauses.entries()) expect(ms).toBeGreaterThanOrEqual(Math.min(200, 5 * 2 ** n) / 2);
  }
}
