/**
 * Fencing tokens (the term and the use: Kleppmann, "How to do distributed locking", 2016): a number that grows strictly
 * from tenure to tenure, handed to the storage that a run writes to, which refuses smaller ones.
 *
 * The token of a tenure is `floor + czxid`: the zxid of the transaction that created the won node grows with every
 * tenure as long as the ensemble keeps its history, also when the tree under the root is wiped. The floor, kept in the
 * record, is for the rest: an ensemble restored empty, or from an older snapshot, counts zxids from lower again; then a
 * replica that has seen higher tokens raises it.
 */
export function tokenOf(floor: bigint, czxid: bigint): bigint {
  return floor + czxid;
}

/**
 * The floor for a win whose transaction is not committed yet. Any zxid that the ensemble still assigns is above
 * `lastZxid`, so `floor + czxid` exceeds `seen` whatever the czxid will be.
 */
export function floorForWin(recordFloor: bigint | undefined, seen: bigint, lastZxid: bigint): bigint {
  return maxOf(recordFloor ?? 0n, seen - lastZxid);
}

/** The floor that makes the token of the node created at `czxid` exceed `seen`. */
export function floorAbove(recordFloor: bigint, seen: bigint, czxid: bigint): bigint {
  return maxOf(recordFloor, seen + 1n - czxid);
}

export function maxOf(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
