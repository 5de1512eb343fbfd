import fc from 'fast-check';
import { expect, it } from 'vitest';
import { floorAbove, floorForWin, maxOf, tokenOf } from '../../../src/zookeeper/support/token.js';

const zxids = fc.bigInt({ min: 1n, max: 2n ** 63n - 1n });
const floors = fc.bigInt({ min: 0n, max: 10n ** 40n });

it('gives a win a token above every token seen, whatever zxid the transaction will get', () => {
  fc.assert(
    fc.property(fc.option(floors, { nil: undefined }), floors, zxids, zxids, (recordFloor, seen, lastZxid, later) => {
      const floor = floorForWin(recordFloor, seen, lastZxid);
      expect(tokenOf(floor, lastZxid + later)).toBeGreaterThan(seen);
      expect(floor).toBeGreaterThanOrEqual(recordFloor ?? 0n);
    }),
  );
});

it('raises a floor just enough to put the token in force above every token seen', () => {
  fc.assert(
    fc.property(floors, floors, zxids, (recordFloor, seen, czxid) => {
      const floor = floorAbove(recordFloor, seen, czxid);
      expect(tokenOf(floor, czxid)).toBeGreaterThan(seen);
      expect(floor).toBe(recordFloor > seen - czxid ? recordFloor : seen + 1n - czxid);
    }),
  );
});

it('keeps the floor of a tree with its history, so that tokens are the zxids of the wins', () => {
  expect(floorForWin(0n, 41n, 57n)).toBe(0n);
  expect(tokenOf(0n, 58n)).toBe(58n);
});

it('never lowers a floor, also when zxids count from lower again', () => {
  expect(floorForWin(900n, 950n, 3n)).toBe(947n);
  expect(floorForWin(2_000n, 950n, 3n)).toBe(2_000n);
  expect(maxOf(-1n, 0n)).toBe(0n);
});

it('lets a chain of wins grow strictly while ensembles are restored empty in between', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.bigInt({ min: 0n, max: 50n }), fc.boolean()), { maxLength: 50 }), (wins) => {
      let lastZxid = 1n;
      let recordFloor: bigint | undefined;
      let seen = 0n;
      for (const [gap, restoredEmpty] of wins) {
        if (restoredEmpty) [lastZxid, recordFloor] = [1n, undefined];
        recordFloor = floorForWin(recordFloor, seen, lastZxid);
        lastZxid += gap + 1n;
        const token = tokenOf(recordFloor, lastZxid);
        expect(token).toBeGreaterThan(seen);
        seen = token;
      }
    }),
  );
});
