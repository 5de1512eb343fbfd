import type { Clock } from './clock.js';

/**
 * A latch for a loop that looks again whenever it is rung. A ring while nobody waits is kept, so nothing is missed
 * between a look and the wait; several rings are one.
 */
export class Latch {
  private rung = false;
  private release: (() => void) | undefined;

  constructor(private readonly clock: Clock) {}

  ring(): void {
    this.rung = true;
    this.release?.();
  }

  /**
   * Resolves at the next ring (or at once after one), after `limitMs`, or when the signal aborts. The caller
   * looks again in any case.
   */
  wait(signal: AbortSignal, limitMs?: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = limitMs === undefined ? undefined : this.clock.after(limitMs, () => this.release?.());
      const release = (): void => {
        timer?.cancel();
        signal.removeEventListener('abort', release);
        this.release = undefined;
        this.rung = false;
        resolve();
      };
      this.release = release;
      signal.addEventListener('abort', release, { once: true });
      if (this.rung || signal.aborted) release();
    });
  }
}
