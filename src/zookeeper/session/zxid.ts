/**
 * The term of the leader that made this transaction: ZooKeeper calls it the epoch, the upper half of the transaction's
 * id. Each new leader of an ensemble opens the next one. (A standalone server stays in its first.)
 */
export function leaderEpochOf(zxid: bigint): bigint {
  return zxid >> 32n;
}
