import { expect, it } from 'vitest';
import { isolatedFollower } from './isolated.js';

it('never has two masters while the server of the master is cut off from its peers and goes on answering pings', async () => {
  const { violations, tokens, answeredForMs } = await isolatedFollower({});
  expect(violations).toEqual([]);
  expect(tokens).toHaveLength(2);
  // Else the cut-off server has not gone on for long enough to show anything.
  expect(answeredForMs).toBeGreaterThan(0);
});
