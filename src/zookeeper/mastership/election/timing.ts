/** A standby of rank r waits r times this before it tries, so that a failover among many costs few writes. */
const RANK_DELAY_MS = 50;
const MAX_RANK_DELAY_MS = 1_000;

export function rankDelayMs(rank: number | undefined): number {
  return Math.min((rank ?? 0) * RANK_DELAY_MS, MAX_RANK_DELAY_MS);
}

/**
 * A standby that holds other elections of the service gives those who hold fewer this much of a start for
 * each, so that the elections spread. More than the delay between two ranks; best effort, since a network
 * slower than that makes it void.
 */
const SHARE_DELAY_MS = 100;
const MAX_SHARE_DELAY_MS = 500;

/** `heldElsewhere`: how many other elections this replica holds, or is about to win. */
export function shareDelayMs(heldElsewhere: number): number {
  return Math.min(heldElsewhere * SHARE_DELAY_MS, MAX_SHARE_DELAY_MS);
}

/** For how long others stand back, once, for the replica that a hand-over names. */
export const STAND_BACK_MS = 1_000;
