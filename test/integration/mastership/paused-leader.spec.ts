import { expect, it } from 'vitest';
import { pausedLeader } from './paused-leader.js';

it("never has two masters while the ensemble's leader pauses for about a session timeout among hundreds of sessions that write", async () => {
  const services = 3;
  const outcomes = await pausedLeader({}, [0.7, 1, 1.3, 1.6], services);
  expect(outcomes.flatMap((outcome) => outcome.violations)).toEqual([]);
  // At least one session expired with the leader's first breath: else nothing was shown.
  expect(outcomes.flatMap((outcome) => outcome.tokens).length).toBeGreaterThan(services);
});
