import { expect, it } from 'vitest';
import { LeaderClock } from '../../../../src/zookeeper/recipes/lock-store/leader-clock.js';
import { HandClock } from '../../mastership/hand-clock.js';

it('goes on from what was told last, and is forgotten when that is old', () => {
  const clock = new HandClock();
  const leader = new LeaderClock(clock);
  expect(leader.atMostMs()).toBeUndefined();
  const startedMs = clock.monotonicMs();
  clock.pass(100);
  leader.note(5_000, startedMs);
  expect(leader.atMostMs()).toBe(5_100);
  // An answer to an earlier question does not count any more.
  leader.note(9_000, startedMs - 1);
  expect(leader.atMostMs()).toBe(5_100);
  clock.pass(9_900);
  expect(leader.atMostMs()).toBe(15_000);
  clock.pass(1);
  expect(leader.atMostMs()).toBeUndefined();
});
