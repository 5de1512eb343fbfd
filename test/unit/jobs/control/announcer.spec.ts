import { expect, it } from 'vitest';
import { Announcer } from '../../../../src/zookeeper/api/announcer.js';
import { HandClock } from '../../mastership/hand-clock.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it('tells once of what changes in one turn, and then at most every 100 ms while it goes on changing', async () => {
  const clock = new HandClock();
  let told = 0;
  const announcer = new Announcer(clock, async () => void (told += 1));
  for (let i = 0; i < 10; i += 1) void announcer.changed();
  await turn();
  expect(told).toBe(1);
  for (let i = 0; i < 10; i += 1) {
    void announcer.changed();
    await turn();
  }
  expect(told).toBe(1);
  clock.pass(100);
  expect(told).toBe(2);
  clock.pass(100);
  expect(told).toBe(2);
  void announcer.changed();
  await turn();
  expect(told).toBe(3);
});

it('lets those who wait know when what has changed was told, each with the telling that it is part of', async () => {
  const clock = new HandClock();
  const tellings: (() => void)[] = [];
  const announcer = new Announcer(clock, () => new Promise((resolve) => tellings.push(resolve)));
  const known: string[] = [];
  void announcer.changed().then(() => known.push('first'));
  await turn();
  void announcer.changed().then(() => known.push('second'));
  expect(tellings).toHaveLength(1);
  tellings[0]?.();
  await turn();
  expect(known).toEqual(['first']);
  clock.pass(100);
  await turn();
  expect(known).toEqual(['first']);
  tellings[1]?.();
  await turn();
  expect(known).toEqual(['first', 'second']);
});
