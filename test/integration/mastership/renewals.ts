import type { Frame } from '../../support/proxy.js';

/** A transaction that only checks: a renewal. It changes nothing. */
export function isRenewal({ op, bytes }: Frame): boolean {
  const CHECK = 13;
  if (op !== 'multi' || bytes.readInt32BE(12) !== CHECK) return false;
  const afterPath = 12 + 9 + 4 + bytes.readInt32BE(12 + 9);
  const isLast = bytes.readInt8(afterPath + 4 + 4) === 1;
  return isLast;
}
