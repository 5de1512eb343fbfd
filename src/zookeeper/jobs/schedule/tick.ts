/**
 * One scheduled moment of a job. The same on every replica, because it follows from the schedule and its zone alone.
 *
 * `nominalMs` is the time that the schedule names, in the schedule's zone, written as if it were UTC. A schedule has
 * at most one tick at an instant. Records of earlier releases may hold several: each of the local times that a change
 * to summer time leaves out.
 */
export interface Tick {
  /** The instant at which it is due, milliseconds since 1970. */
  readonly dueMs: number;
  readonly nominalMs: number;
}

/** Negative when `a` comes before `b`, 0 for the same tick. */
export function compareTicks(a: Tick, b: Tick): number {
  return a.dueMs - b.dueMs || a.nominalMs - b.nominalMs;
}

/** Comes after every tick that is due at this instant, and before every later one. */
export function endOf(instantMs: number): Tick {
  return { dueMs: instantMs, nominalMs: Number.MAX_SAFE_INTEGER };
}

/** The later of two; undefined comes before everything. */
export function laterTick(a: Tick, b: Tick | undefined): Tick {
  return b !== undefined && compareTicks(b, a) > 0 ? b : a;
}
