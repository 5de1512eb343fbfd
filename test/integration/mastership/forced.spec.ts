import { expect, it } from 'vitest';
import { startServer } from '../../support/zookeeper.js';
import { BLOWS, LONG, struck, struckBehindHalfOpenLink } from './forced.js';

const blows = Object.keys(BLOWS) as (keyof typeof BLOWS)[];

it.concurrent('never has two masters when the session of a master is closed by force, its node deleted or the tree wiped', async () => {
  await using server = await startServer();
  const outcomes = await Promise.all(blows.map((blow) => struck(server, blow)));
  expect(outcomes.flatMap((outcome) => outcome.violations)).toEqual([]);
  // A wipe may also meet the node of the next master.
  for (const outcome of outcomes) expect(outcome.tokens.length).toBeGreaterThan(1);
});

it.concurrent('never has two masters when that happens while the master hangs behind a half-open link', async () => {
  await using server = await startServer(LONG);
  const outcomes = await Promise.all(blows.map((blow) => struckBehindHalfOpenLink(server, blow)));
  expect(outcomes.flatMap((outcome) => outcome.violations)).toEqual([]);
  // A wipe may also meet the node of the next master.
  for (const outcome of outcomes) expect(outcome.tokens.length).toBeGreaterThan(1);
});
