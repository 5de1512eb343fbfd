import { expect, it } from 'vitest';
import { Liveness } from '../../../src/zookeeper/wire/liveness.js';
import { ManualClock } from './manual-clock.js';

function watched() {
  const clock = new ManualClock();
  const pings: number[] = [];
  const deaths: string[] = [];
  const fromMs = clock.monotonicMs();
  const liveness = new Liveness(
    clock,
    6000,
    () => pings.push(clock.monotonicMs() - fromMs),
    (why) => deaths.push(why),
  );
  return { clock, pings, deaths, liveness };
}

it('pings a little more often than three times in the session timeout, whatever arrives meanwhile', () => {
  const { clock, pings, deaths, liveness } = watched();
  for (let step = 0; step < 120; step++) {
    clock.pass(50);
    liveness.heard();
  }
  expect(pings).toEqual([1800, 3600, 5400]);
  expect(deaths).toEqual([]);
});

it('declares a link dead that was silent for two thirds of the session timeout, once, and leaves no timer', () => {
  const { clock, deaths } = watched();
  clock.pass(3999);
  expect(deaths).toEqual([]);
  clock.pass(2);
  expect(deaths).toEqual(['no answer for 4000 ms']);
  clock.pass(60_000);
  expect(deaths).toHaveLength(1);
  expect(clock.pending).toBe(0);
});

it('counts the silence from the last byte', () => {
  const { clock, deaths, liveness } = watched();
  clock.pass(3000);
  liveness.heard();
  clock.pass(3900);
  expect(deaths).toEqual([]);
  clock.pass(200);
  expect(deaths).toHaveLength(1);
});

it('after a stall of this process pings at once, and listens for a third of the session timeout', () => {
  const { clock, pings, deaths, liveness } = watched();
  clock.stall(5000);
  expect(pings).toEqual([5000]);
  expect(deaths).toEqual([]);
  clock.pass(1900);
  liveness.heard();
  clock.pass(3900);
  expect(deaths).toEqual([]);
});

it('after a stall declares the link dead when that third brings nothing, however often it stalls again', () => {
  const once = watched();
  once.clock.stall(5000);
  once.clock.pass(2001);
  expect(once.deaths).toHaveLength(1);
  const often = watched();
  for (let stall = 0; stall < 5; stall++) often.clock.stall(2500);
  expect(often.deaths).toHaveLength(1);
});

it('does nothing more once stopped', () => {
  const { clock, pings, deaths, liveness } = watched();
  liveness.stop();
  clock.pass(60_000);
  expect([pings, deaths, clock.pending]).toEqual([[], [], 0]);
});
