import { describe, it } from 'vitest';
import type { SearchOptions } from './search.js';
import { search, SEARCH_TIMEOUT_MS } from './run.js';

/** The library's own elections, on the model of ZooKeeper that the contract suite holds to the real one. */
const SEARCHES: Readonly<Record<string, SearchOptions>> = {
  'processes freeze and die, links break, members are cut off and sessions end': {},
  'operators edit, delete and wipe what they like, and other software takes the node': { operators: true },
  'faults come so close together that one meets the effects of another': { dense: true },
  'wall clocks jump': { wallClocks: true, operators: true },
  'the ensemble restarts, as it was, older or empty': { restarts: true },
  'the replicas differ in their session timeouts and versions, and operators do what they like': {
    timeouts: true,
    versions: true,
    operators: true,
  },
  'a deploy changes the electionScope': { timeouts: true, versions: true, scopes: true },
};

describe('one master at most, tokens that grow, runs that are told, and a master again in time', () => {
  for (const [what, options] of Object.entries(SEARCHES)) {
    it(`while ${what}`, () => search(what, options), SEARCH_TIMEOUT_MS);
  }
});

it(
  'hands out growing tokens even by an ensemble restored older or empty, to replicas that have seen the earlier ones',
  async () => {
    await search('hands out growing tokens', { onlyRestarts: true, tokensOutliveRestore: true });
  },
  SEARCH_TIMEOUT_MS,
);
