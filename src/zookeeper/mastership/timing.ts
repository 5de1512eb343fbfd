/**
 * The longest lease that a replica gives itself, whatever its session timeout. It is what a winner waits that knows nothing of its predecessor:
 * the next version of a service at its first start, and whoever comes after a record that was lost. Long enough for a slow disk
 * of the servers or a pause of the process; short enough for a first start.
 */
export const MAX_LEASE_MS = 5_000;

/** Before there was `MAX_LEASE_MS`, replicas gave themselves up to this: the longest lease that a record or an old member can stand for. */
export const LONGEST_OLD_LEASE_MS = 20_000;

/**
 * How long an acknowledged write lets a master believe: a third of the session timeout, at most `MAX_LEASE_MS`. Shorter than the session for the
 * sake of availability alone (a silent server is left before the session is lost); safety does not depend on the ratio.
 */
export function leaseMsOf(sessionTimeoutMs: number): number {
  return Math.min(sessionTimeoutMs / 3, MAX_LEASE_MS);
}

/** A renewal is sent this often within a lease. */
export const RENEWALS_PER_LEASE = 4;

/**
 * What a winner waits, for a predecessor that may believe for `leaseMs` of its own clock: clock rates within 5 % of true time
 * differ by up to 1.05 / 0.95 between two machines.
 */
export function waitMsFor(leaseMs: number): number {
  return leaseMs * 1.11;
}

/** A standby of rank r waits r times this before it tries, so that a failover among many costs few writes. */
const RANK_DELAY_MS = 50;
const MAX_RANK_DELAY_MS = 1_000;

export function rankDelayMs(rank: number | undefined): number {
  return Math.min((rank ?? 0) * RANK_DELAY_MS, MAX_RANK_DELAY_MS);
}

/**
 * A standby that holds other elections of the service gives those who hold fewer this much of a start for each, so that the elections spread. More
 * than the delay between two ranks; best effort, since a network slower than that makes it void.
 */
const SHARE_DELAY_MS = 100;
const MAX_SHARE_DELAY_MS = 500;

/** `heldElsewhere`: how many other elections this replica holds, or is about to win. */
export function shareDelayMs(heldElsewhere: number): number {
  return Math.min(heldElsewhere * SHARE_DELAY_MS, MAX_SHARE_DELAY_MS);
}

/** For how long others stand back, once, for the replica that a hand-over names. */
export const STAND_BACK_MS = 1_000;
