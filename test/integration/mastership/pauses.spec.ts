import { expect, it } from 'vitest';
import { startServer } from '../../support/zookeeper.js';
import { pausedMaster, stalledMaster } from './pauses.js';

it.concurrent('never has two masters while the master is stopped for half a session timeout up to four, and goes on', async () => {
  await using server = await startServer();
  const timeouts = [0.5, 1, 2, 4];
  const outcomes = await Promise.all(timeouts.map((each) => pausedMaster(server, each)));
  expect(outcomes.flatMap((outcome) => outcome.violations)).toEqual([]);
  // Four session timeouts are enough for the successor to be master when the old one wakes up: else nothing was shown.
  expect(outcomes.at(-1)?.tokens.length).toBeGreaterThan(1);
});

it.concurrent("never has two masters while the master's event loop stalls, in whatever phase of the loop", async () => {
  await using server = await startServer();
  const phases = ['timer', 'immediate', 'io', 'zookeeper'] as const;
  const outcomes = await Promise.all(phases.map((phase) => stalledMaster(server, phase, [0.5, 1, 2, 4])));
  expect(outcomes.flatMap((outcome) => outcome.violations)).toEqual([]);
  for (const outcome of outcomes) expect(outcome.tokens.length).toBeGreaterThan(1);
});
