import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Leaving } from '../../../src/zookeeper/mastership/leaving.js';
import type { Drain } from '../../../src/zookeeper/mastership/election.js';

async function outcomeOf(drain: Drain | undefined): Promise<[outcome: string, rings: number]> {
  let rings = 0;
  const leaving = new Leaving('resign', 'asked to');
  leaving.begin(drain, undefined, () => (rings += 1));
  await turn();
  return [leaving.outcome, rings];
}

it('is drained at once when there is nothing to drain', async () => {
  expect(await outcomeOf(undefined)).toEqual(['drained', 1]);
});

it('takes the word of the drain, and rings once', async () => {
  expect(await outcomeOf(() => Promise.resolve('drained'))).toEqual(['drained', 1]);
  expect(await outcomeOf(() => Promise.resolve('stuck'))).toEqual(['stuck', 1]);
  expect(await outcomeOf(() => new Promise(() => undefined))).toEqual(['draining', 0]);
});

it('is stuck after a drain that throws, at once or later: nothing has shown that the runs are over', async () => {
  expect(await outcomeOf(() => Promise.reject(new Error('broken')))).toEqual(['stuck', 1]);
  const throws: Drain = () => {
    throw new Error('broken');
  };
  expect(await outcomeOf(throws)).toEqual(['stuck', 1]);
});

it.each(['resigned', 'stuck', 'ended'] as const)('calls its drain off when it is over (%s), and hears no more of it', async (how) => {
  let answer!: (outcome: 'drained' | 'stuck' | 'called off') => void;
  let signal: AbortSignal | undefined;
  let rings = 0;
  const leaving = new Leaving('transfer', 'edited');
  const drain: Drain = (_tenure, _why, calledOff) => {
    signal = calledOff;
    return new Promise((resolve) => (answer = resolve));
  };
  leaving.begin(drain, undefined, () => (rings += 1));
  expect(signal?.aborted).toBe(false);
  leaving.settle(how);
  expect(signal?.aborted).toBe(true);
  answer('drained');
  await turn();
  expect([await leaving.done, leaving.outcome, rings]).toEqual([how, 'draining', 0]);
});

it('takes the last of equally strong reasons: the node was edited again', () => {
  const leaving = new Leaving('transfer', 'handing over to b');
  leaving.strengthen('transfer', 'handing over to c');
  expect([leaving.kind, leaving.why]).toEqual(['transfer', 'handing over to c']);
});

it('keeps the strongest reason: a transfer gives way to a resignation, and both to the end of the process', () => {
  const leaving = new Leaving('transfer', 'edited');
  leaving.strengthen('close', 'shutdown');
  leaving.strengthen('resign', 'asked to');
  leaving.strengthen('transfer', 'edited again');
  expect([leaving.kind, leaving.why]).toEqual(['close', 'shutdown']);
});
