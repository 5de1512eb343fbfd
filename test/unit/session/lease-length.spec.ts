import fc from 'fast-check';
import { expect, it } from 'vitest';
import { leaseMsOf, LONGEST_OLD_LEASE_MS, MAX_LEASE_MS, waitMsFor } from '../../../src/zookeeper/session/lease-length.js';

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
