/**
 * The longest lease that a replica gives itself, whatever its session timeout. It is what a winner waits that knows
 * nothing of its predecessor: the next version of a service at its first start, and whoever comes after a record that
 * was lost. Long enough for a slow disk of the servers or a pause of the process; short enough for a first start.
 */
export const MAX_LEASE_MS = 5_000;

/**
 * Before there was `MAX_LEASE_MS`, replicas gave themselves up to this: the longest lease that a record or an
 * old member can stand for.
 */
export const LONGEST_OLD_LEASE_MS = 20_000;

/**
 * How long an acknowledged write lets a master believe: a third of the session timeout, at most `MAX_LEASE_MS`. Shorter
 * than the session for the sake of availability alone (a silent server is left before the session is lost); safety does
 * not depend on the ratio.
 */
export function leaseMsOf(sessionTimeoutMs: number): number {
  return Math.min(sessionTimeoutMs / 3, MAX_LEASE_MS);
}

/** A renewal is sent this often within a lease. */
export const RENEWALS_PER_LEASE = 4;

/**
 * What a winner waits, for a predecessor that may believe for `leaseMs` of its own clock: clock rates within 5 % of
 * true time differ by up to 1.05 / 0.95 between two machines.
 */
export function waitMsFor(leaseMs: number): number {
  return leaseMs * 1.11;
}
