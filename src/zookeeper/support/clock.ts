import { performance } from 'node:perf_hooks';
import { Standstills } from './standstill.js';

/** A timer that can be cancelled; cancelling twice, or after it ran, does nothing. */
export interface Timer {
  cancel(): void;
}

/**
 * Time as the library sees it. Passed in everywhere, so that a test can own it.
 *
 * `monotonicMs` decides; `wallMs` is the calendar and is only compared for jumps (a suspended
 * machine whose monotonic clock stood still), used for schedules and shown to people.
 */
export interface Clock {
  /** Milliseconds of the monotonic clock; fractions allowed; the origin means nothing. */
  monotonicMs(): number;
  /** Milliseconds since 1970 by the wall clock; may jump either way. */
  wallMs(): number;
  /**
   * Runs `run` once, not before `delayMs` (rounded up to whole milliseconds) have passed.
   * `keepAlive: false` lets the process exit while the timer waits. Default true.
   */
  after(delayMs: number, run: () => void, options?: { readonly keepAlive?: boolean }): Timer;
  /**
   * The longest time, milliseconds, for which this process is known to have stood still in the last `withinMs`; 0: not
   * known to.
   */
  standstillMs(withinMs: number): number;
}

/**
 * The largest delay that Node's timers take, about 24 days: longer ones, and what is no number, fire after 1 ms
 * (Node.js, `setTimeout`).
 */
export const MAX_DELAY_MS = 2 ** 31 - 1;

const standstills = new Standstills();

/** The process's own clocks. */
export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  after(delayMs, run, options) {
    const waitMs = Math.min(Math.max(0, Math.ceil(delayMs)), MAX_DELAY_MS);
    const dueMs = performance.now() + waitMs;
    const handle = setTimeout(() => {
      const monotonicMs = performance.now();
      standstills.note(monotonicMs - dueMs, monotonicMs);
      run();
    }, waitMs);
    if (options?.keepAlive === false) handle.unref();
    return { cancel: () => clearTimeout(handle) };
  },
  standstillMs: (withinMs) => standstills.longestMs(withinMs, performance.now()),
};
