import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Wake } from '../../../src/zookeeper/mastership/wake.js';
import { HandClock } from './hand-clock.js';

/** Whether the promise has resolved after all that is due has run. */
async function isOver(promise: Promise<void>): Promise<boolean> {
  let over = false;
  void promise.then(() => (over = true));
  await turn();
  return over;
}

const never = new AbortController().signal;

it('resolves at the next ring', async () => {
  const wake = new Wake(new HandClock());
  const waited = wake.wait(never);
  expect(await isOver(waited)).toBe(false);
  wake.ring();
  expect(await isOver(waited)).toBe(true);
});

it('keeps a ring that came while nobody waited, and several as one', async () => {
  const wake = new Wake(new HandClock());
  wake.ring();
  wake.ring();
  expect(await isOver(wake.wait(never))).toBe(true);
  expect(await isOver(wake.wait(never))).toBe(false);
});

it('resolves after its limit, and leaves no timer behind when it was rung before', async () => {
  const clock = new HandClock();
  const wake = new Wake(clock);
  const limited = wake.wait(never, 100);
  clock.pass(99);
  expect(await isOver(limited)).toBe(false);
  clock.pass(1);
  expect(await isOver(limited)).toBe(true);
  const rung = wake.wait(never, 100);
  wake.ring();
  expect(await isOver(rung)).toBe(true);
  expect(clock.waiting).toBe(0);
});

it('resolves when the signal aborts, now or before, and takes its listener out', async () => {
  const wake = new Wake(new HandClock());
  const stopping = new AbortController();
  const waited = wake.wait(stopping.signal);
  stopping.abort();
  expect(await isOver(waited)).toBe(true);
  expect(await isOver(wake.wait(stopping.signal, 100))).toBe(true);
});
