import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { counterexampleWith, RUNS, SEARCH_TIMEOUT_MS, searchWith } from '../run.js';
import { countsDrains } from './planted.js';
import { applicationScenarios, playApplication, type ApplicationOptions, type ApplicationScenario } from './search.js';

/** A scenario has more to do here than one of elections alone. */
const RUNS_HERE = Math.ceil(RUNS / 4);

/** How many scenarios may be needed. The bug here is found within a fifth of it. */
const BUDGET = 1_000;

const propertyOf = (options: ApplicationOptions) =>
  fc.asyncProperty(applicationScenarios, (scenario) => playApplication(scenario, options));

/** The library's own gate, hooks and job loops, over its own elections, on the model of ZooKeeper. */
describe('one start for each tick, nothing aborted or begun without reason, hooks in pairs, and a master that works', () => {
  it(
    'while processes freeze and die, links break, and operators change their mind',
    async () => {
      await searchWith('while processes freeze and die, links break, and operators change their mind', propertyOf({}), RUNS_HERE);
    },
    SEARCH_TIMEOUT_MS,
  );
});

/** What the search has found. It fails when a renewal is told to nobody who has heard "no" from the clocks alone. */
const SUSPENDED: ApplicationScenario = {
  choices: 1_006_128_417,
  clocks: [0.976, 0.976, 0.976_670_879_027_07].map((rate) => ({ rate, wallAtStartMs: 1_699_999_999_500 })),
  steps: [
    {
      ...{ afterMs: 391 },
      fault: {
        kind: 'change of mind',
        edits: [
          { afterMs: 0, to: 2 },
          { afterMs: 198, to: 2 },
          { afterMs: 151, to: 0 },
        ],
      },
    },
    { afterMs: 4_536, fault: { kind: 'suspend', who: 'master', forMs: 934 } },
  ],
};

it('a master whose machine was suspended, and whose claim is answered as it wakes, goes on with its jobs', async () => {
  await playApplication(SUSPENDED, {});
});

describe('the search through the application finds a planted bug', () => {
  it(
    'when a count of drains decides beside the election what may start',
    async () => {
      const found = await counterexampleWith(propertyOf({ seen: countsDrains }), BUDGET);
      expect(found).toMatch(/nothing may start there|aborts a run for a drain|the hooks of .* were told/);
    },
    SEARCH_TIMEOUT_MS,
  );
});
