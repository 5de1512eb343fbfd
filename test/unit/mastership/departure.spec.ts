import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { Drain } from '../../../src/zookeeper/mastership/election/election.js';
import { Departure } from '../../../src/zookeeper/mastership/tenure/departure.js';

/** What the tenure is told. */
async function toldOf(drain: Drain | undefined): Promise<readonly string[]> {
  const told: string[] = [];
  new Departure().begin(drain, undefined, 'asked to', (outcome) => told.push(outcome));
  await turn();
  return told;
}

it('is drained at once when there is nothing to drain', async () => {
  expect(await toldOf(undefined)).toEqual(['drained']);
});

it('takes the word of the drain, and tells it once', async () => {
  expect(await toldOf(() => Promise.resolve('drained'))).toEqual(['drained']);
  expect(await toldOf(() => Promise.resolve('stuck'))).toEqual(['stuck']);
  expect(await toldOf(() => new Promise(() => undefined))).toEqual([]);
});

it('tells the drain why', async () => {
  const whys: string[] = [];
  await toldOf((_tenure, why) => Promise.resolve((whys.push(why), 'drained' as const)));
  expect(whys).toEqual(['asked to']);
});

it('is stuck after a drain that throws, at once or later: nothing has shown that the runs are over', async () => {
  expect(await toldOf(() => Promise.reject(new Error('broken')))).toEqual(['stuck']);
  const throws: Drain = () => {
    throw new Error('broken');
  };
  expect(await toldOf(throws)).toEqual(['stuck']);
});

it.each(['resigned', 'stuck', 'ended'] as const)('calls its drain off when it is over (%s), and hears no more of it', async (how) => {
  let answer!: (outcome: 'drained' | 'stuck' | 'called off') => void;
  let signal: AbortSignal | undefined;
  const told: string[] = [];
  const departure = new Departure();
  const drain: Drain = (_tenure, _why, calledOff) => {
    signal = calledOff;
    return new Promise((resolve) => (answer = resolve));
  };
  departure.begin(drain, undefined, 'edited', (outcome) => told.push(outcome));
  expect(signal?.aborted).toBe(false);
  departure.settle(how);
  expect(signal?.aborted).toBe(true);
  answer('drained');
  await turn();
  expect([await departure.done, told]).toEqual([how, []]);
});
