import type { Stat } from '../../../src/zookeeper/wire/operations.js';

/** A node's stat with only some fields of interest. */
export function statOf(fields: Partial<Stat>): Stat {
  const zeros = { version: 0, cversion: 0, aversion: 0, ctimeMs: 0, mtimeMs: 0, dataLength: 0, numChildren: 0 };
  return { czxid: 1n, mzxid: 1n, pzxid: 1n, ephemeralOwner: 0n, ...zeros, ...fields };
}
