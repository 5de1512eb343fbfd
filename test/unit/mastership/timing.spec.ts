import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  leaseMsOf,
  LONGEST_OLD_LEASE_MS,
  MAX_LEASE_MS,
  rankDelayMs,
  STAND_BACK_MS,
  waitMsFor,
} from '../../../src/zookeeper/mastership/timing.js';

it('makes the lease a third of the session timeout, and never longer than the longest', () => {
  expect(leaseMsOf(9_000)).toBe(3_000);
  expect(leaseMsOf(600_000)).toBe(MAX_LEASE_MS);
});

it('waits longer by any two clocks within 5 % of true time than the predecessor believes', () => {
  const rates = fc.double({ min: 0.95, max: 1.05, noNaN: true });
  fc.assert(
    fc.property(fc.double({ min: 1, max: LONGEST_OLD_LEASE_MS, noNaN: true }), rates, rates, (leaseMs, ofHolder, ofWinner) => {
      expect(waitMsFor(leaseMs) / ofWinner).toBeGreaterThan(leaseMs / ofHolder);
    }),
  );
});

it('lets the first in line go at once, the next 50 ms later each, and nobody later than a second', () => {
  expect([undefined, 0, 1, 2, 19, 20, 21, 999].map((rank) => rankDelayMs(rank))).toEqual([0, 0, 50, 100, 950, 1_000, 1_000, 1_000]);
  expect(STAND_BACK_MS).toBeLessThanOrEqual(1_000);
});
