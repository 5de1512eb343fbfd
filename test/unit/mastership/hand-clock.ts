import type { Clock, Timer } from '../../../src/zookeeper/support/clock.js';
import { Standstills } from '../../../src/zookeeper/support/standstill.js';

/** A clock that moves only when a test says so; due timers run in the order of their deadlines. */
export class HandClock implements Clock {
  #monotonicMs = 1_000;
  #wallMs = 1_700_000_000_000;
  readonly #standstills = new Standstills();
  readonly #timers = new Set<{ readonly dueMs: number; readonly run: () => void }>();

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  wallMs(): number {
    return this.#wallMs;
  }

  after(delayMs: number, run: () => void): Timer {
    const timer = { dueMs: this.#monotonicMs + Math.max(0, delayMs), run };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  standstillMs(withinMs: number): number {
    return this.#standstills.longestMs(withinMs, this.#monotonicMs);
  }

  /** How many timers wait. */
  get waiting(): number {
    return this.#timers.size;
  }

  /** Both clocks go on, and what is due runs. */
  pass(ms: number): void {
    this.stall(ms);
    this.runDue();
  }

  /** Both clocks go on, but no timer runs: a stalled loop, or a stopped process. */
  stall(ms: number): void {
    this.#monotonicMs += ms;
    this.#wallMs += ms;
  }

  /** Somebody sets the calendar, or a machine was suspended while its monotonic clock stood still. */
  setWall(byMs: number): void {
    this.#wallMs += byMs;
  }

  runDue(): void {
    for (;;) {
      const due = [...this.#timers].filter((timer) => timer.dueMs <= this.#monotonicMs).sort((a, b) => a.dueMs - b.dueMs)[0];
      if (due === undefined) return;
      this.#timers.delete(due);
      this.#standstills.note(this.#monotonicMs - due.dueMs, this.#monotonicMs);
      due.run();
    }
  }
}
