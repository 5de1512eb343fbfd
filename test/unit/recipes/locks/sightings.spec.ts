import { expect, it } from 'vitest';
import { Sightings, type OwnSightings } from '../../../../src/zookeeper/recipes/locks/sightings.js';
import { systemClock } from '../../../../src/zookeeper/support/clock.js';

let nowMs = 0;
const sightings = (): Sightings => new Sightings({ ...systemClock, monotonicMs: () => nowMs });

it('a wait goes on from one attempt to the next, for the same thing at the same path', () => {
  nowMs = 0;
  const seen = sightings();
  expect(seen.leftMs('/a', 'x', 100)).toBe(100);
  nowMs = 60;
  expect([seen.leftMs('/a', 'x', 100), seen.leftMs('/b', 'x', 100), seen.leftMs('/a', 'y', 100)]).toEqual([40, 100, 100]);
});

it('is not begun anew for those who still wait, however many wait for other things', () => {
  nowMs = 0;
  const seen = sightings();
  const waiters = Array.from({ length: 3_000 }, (_, i): [string, OwnSightings] => [`/${i}`, new Map()]);
  for (const [path, own] of waiters) seen.leftMs(path, 'x', 100, own);
  nowMs = 100;
  expect(waiters.filter(([path, own]) => seen.leftMs(path, 'x', 100, own) > 0)).toEqual([]);
});

it('waits for each of several at one path by itself', () => {
  nowMs = 0;
  const seen = sightings();
  seen.leftMs('/a', 'x', 100);
  nowMs = 60;
  expect(seen.leftMs('/a', 'y', 100)).toBe(100);
  nowMs = 100;
  expect([seen.leftMs('/a', 'x', 100), seen.leftMs('/a', 'y', 100)]).toEqual([0, 60]);
});
