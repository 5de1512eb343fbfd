import { expect, it } from 'vitest';
import { rankDelayMs, STAND_BACK_MS } from '../../../src/zookeeper/mastership/election/timing.js';

it('lets the first in line go at once, the next 50 ms later each, and nobody later than a second', () => {
  expect([undefined, 0, 1, 2, 19, 20, 21, 999].map((rank) => rankDelayMs(rank))).toEqual([0, 0, 50, 100, 950, 1_000, 1_000, 1_000]);
  expect(STAND_BACK_MS).toBeLessThanOrEqual(1_000);
});
