import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Latch } from '../../../src/zookeeper/support/latch.js';
import { HandClock } from '../mastership/hand-clock.js';

/** Whether the promise has resolved after all that is due has run. */
async function isOver(promise: Promise<void>): Promise<boolean> {
  let over = false;
  void promise.then(() => (over = true));
  await turn();
  return over;
}

const never = new AbortController().signal;

it('resolves at the next ring', async () => {
  const latch = new Latch(new HandClock());
  const waited = latch.wait(never);
  expect(await isOver(waited)).toBe(false);
  latch.ring();
  expect(await isOver(waited)).toBe(true);
});

it('keeps a ring that came while nobody waited, and several as one', async () => {
  const latch = new Latch(new HandClock());
  latch.ring();
  latch.ring();
  expect(await isOver(latch.wait(never))).toBe(true);
  expect(await isOver(latch.wait(never))).toBe(false);
});

it('resolves after its limit, and leaves no timer behind when it was rung before', async () => {
  const clock = new HandClock();
  const latch = new Latch(clock);
  const limited = latch.wait(never, 100);
  clock.pass(99);
  expect(await isOver(limited)).toBe(false);
  clock.pass(1);
  expect(await isOver(limited)).toBe(true);
  const rung = latch.wait(never, 100);
  latch.ring();
  expect(await isOver(rung)).toBe(true);
  expect(clock.waiting).toBe(0);
});

it('resolves when the signal aborts, now or before, and takes its listener out', async () => {
  const latch = new Latch(new HandClock());
  const stopping = new AbortController();
  const waited = latch.wait(stopping.signal);
  stopping.abort();
  expect(await isOver(waited)).toBe(true);
  expect(await isOver(latch.wait(stopping.signal, 100))).toBe(true);
});
