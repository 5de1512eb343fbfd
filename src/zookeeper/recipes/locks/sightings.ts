import type { Clock } from '../../support/clock.js';

/** So many are kept; what is forgotten is waited for anew, but by those who remember it themselves. */
const MAX_SIGHTINGS = 1_000;

/**
 * What one who waits has seen itself, and since when: it is not forgotten, however many others wait for other things.
 */
export type OwnSightings = Map<string, number>;

/**
 * Since when this process has seen the same thing at a path, by its own monotonic clock: a wait goes on from one
 * attempt to the next, so that callers who do not wait get a lock in the end whose holder has died.
 */
export class Sightings {
  private readonly sinceMs = new Map<string, number>();

  constructor(private readonly clock: Clock) {}

  /**
   * How much is left of a wait of `waitMs` since this was first seen: now, unless it was seen before. `what` stands for
   * one state of affairs that does not come back.
   */
  leftMs(path: string, what: string, waitMs: number, own?: OwnSightings): number {
    const monotonicMs = this.clock.monotonicMs();
    const key = `${path} ${what}`;
    const sinceMs = own?.get(key) ?? this.sinceMs.get(key) ?? monotonicMs;
    own?.set(key, sinceMs);
    this.sinceMs.delete(key);
    this.sinceMs.set(key, sinceMs);
    const [oldest] = this.sinceMs.keys();
    if (this.sinceMs.size > MAX_SIGHTINGS && oldest !== undefined) this.sinceMs.delete(oldest);
    return Math.max(0, sinceMs + waitMs - monotonicMs);
  }
}
