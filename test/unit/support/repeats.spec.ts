import { expect, it } from 'vitest';
import { Repeats } from '../../../src/zookeeper/support/repeats.js';
import { ManualClock } from '../wire/manual-clock.js';

it('lets each failure be told at once, then once a minute, and at once again after it was healed', () => {
  const clock = new ManualClock();
  const repeats = new Repeats(clock);
  const told: string[] = [];
  const fail = (what: string): void => void (repeats.isNews(what) && told.push(`${what} ${clock.monotonicMs()}`));
  for (let second = 0; second <= 60; second += 1, clock.pass(1_000)) {
    fail('a');
    if (second === 5) fail('b');
  }
  expect(told).toEqual(['a 1000', 'b 6000', 'a 61000']);
  repeats.healed();
  fail('b');
  expect(told.at(-1)).toBe('b 62000');
});

it('remembers no more than a hundred different ones', () => {
  const repeats = new Repeats(new ManualClock());
  for (let n = 0; n <= 100; n += 1) expect(repeats.isNews(String(n))).toBe(true);
  expect([repeats.isNews('100'), repeats.isNews('0')]).toEqual([false, true]);
});
