import { expect, it } from 'vitest';
import { Announcer } from '../../../../src/zookeeper/decorators/announcer.js';
import { HandClock } from '../../mastership/hand-clock.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it('tells once of what changes in one turn, and then at most every 100 ms while it goes on changing', async () => {
  const clock = new HandClock();
  let told = 0;
  const announcer = new Announcer(clock, () => void (told += 1));
  for (let i = 0; i < 10; i += 1) announcer.changed();
  await turn();
  expect(told).toBe(1);
  for (let i = 0; i < 10; i += 1) {
    announcer.changed();
    await turn();
  }
  expect(told).toBe(1);
  clock.pass(100);
  expect(told).toBe(2);
  clock.pass(100);
  expect(told).toBe(2);
  announcer.changed();
  await turn();
  expect(told).toBe(3);
});
