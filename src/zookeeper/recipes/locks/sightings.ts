import type { Clock } from '../../support/clock.js';

/** So many are kept; what is forgotten is waited for anew, but by those who remember it themselves. */
const MAX_SIGHTINGS = 1_000;

interface Sighting {
  readonly what: string;
  readonly sinceMs: number;
}

/** What one who waits has seen itself: it is not forgotten, however many others wait for other things. */
export interface OwnSighting {
  sighting?: Sighting;
}

/**
 * Since when this process has seen the same thing at a path, by its own monotonic clock: a wait goes on from one
 * attempt to the next, so that callers who do not wait get a lock in the end whose holder has died.
 */
export class Sightings {
  private readonly byPath = new Map<string, Sighting>();

  constructor(private readonly clock: Clock) {}

  /** How much is left of a wait of `waitMs` since this was first seen: now, unless it was seen before. */
  leftMs(path: string, what: string, waitMs: number, own: OwnSighting = {}): number {
    const monotonicMs = this.clock.monotonicMs();
    const known = [own.sighting, this.byPath.get(path)].find((one) => one?.what === what);
    const sighting = known ?? { what, sinceMs: monotonicMs };
    own.sighting = sighting;
    this.byPath.delete(path);
    this.byPath.set(path, sighting);
    const [oldest] = this.byPath.keys();
    if (this.byPath.size > MAX_SIGHTINGS && oldest !== undefined) this.byPath.delete(oldest);
    return Math.max(0, sighting.sinceMs + waitMs - monotonicMs);
  }
}
