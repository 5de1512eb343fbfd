import { performance } from 'node:perf_hooks';

/** A timer that can be cancelled; cancelling twice, or after it ran, does nothing. */
export interface Timer {
  cancel(): void;
}

/**
 * Time as the library sees it. Passed in everywhere, so that a test can own it.
 *
 * `nowMs` is monotonic and decides; `wallMs` is the calendar and is only compared for jumps (a suspended
 * machine whose monotonic clock stood still), used for schedules and shown to people.
 */
export interface Clock {
  /** Milliseconds of the monotonic clock; fractions allowed; the origin means nothing. */
  nowMs(): number;
  /** Milliseconds since 1970 by the wall clock; may jump either way. */
  wallMs(): number;
  /**
   * Runs `run` once, not before `delayMs` (rounded up to whole milliseconds) have passed.
   * `keepAlive: false` lets the process exit while the timer waits. Default true.
   */
  after(delayMs: number, run: () => void, options?: { readonly keepAlive?: boolean }): Timer;
}

/** The largest delay that Node's timers take; a longer one would fire at once. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** The process's own clocks. */
export const systemClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  after(delayMs, run, options) {
    const handle = setTimeout(run, Math.min(Math.max(0, Math.ceil(delayMs)), MAX_DELAY_MS));
    if (options?.keepAlive === false) handle.unref();
    return { cancel: () => clearTimeout(handle) };
  },
};
