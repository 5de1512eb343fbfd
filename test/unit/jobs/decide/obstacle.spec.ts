import { describe, expect, it } from 'vitest';
import { explain, type Obstacle } from '../../../../src/zookeeper/jobs/decide/obstacle.js';
import { tickAt } from './situations.js';

/** From the third second to the fifth. */
const obstacle: Obstacle = { sinceMs: 3_000, untilMs: 5_000, why: 'Nobody was master.' };
const row = (firstMs: number, lastMs: number) => ({ first: tickAt(firstMs), last: tickAt(lastMs) });

describe('why nobody could run ticks', () => {
  it('is what lasted while one of them was due, from the first moment to the last', () => {
    for (const met of [row(4_000, 4_000), row(1_000, 3_000), row(5_000, 9_000), row(1_000, 9_000)]) {
      expect(explain([obstacle], met)).toBe('Nobody was master.');
    }
  });

  it('is nothing that ended before the first, or began after the last', () => {
    expect(explain([obstacle], row(1_000, 2_999))).toBeUndefined();
    expect(explain([obstacle], row(5_001, 9_000))).toBeUndefined();
  });

  it('may have begun before anything is known', () => {
    expect(explain([{ ...obstacle, sinceMs: undefined }], row(0, 0))).toBe('Nobody was master.');
    expect(explain([{ ...obstacle, sinceMs: undefined }], row(5_001, 5_001))).toBeUndefined();
  });
});
