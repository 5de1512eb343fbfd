import { describe, expect, it } from 'vitest';
import { believesEveryEnd, takesAddressForOwner, takesUnknownForAlike } from './planted.js';
import { counterexampleOf } from './run.js';

/** How many scenarios may be needed. Each bug here is found within a tenth of it with most seeds. */
const BUDGET = 4_000;

describe('the search for two masters finds a planted bug', () => {
  it('when a cut-off member acknowledges renewals by itself, as it would if they were pings or reads', async () => {
    expect(await counterexampleOf({ checksAreLocal: true }, BUDGET)).toMatch(/^I1/);
  });

  it('when a winner does not wait for a predecessor whose end is not proven', async () => {
    expect(await counterexampleOf({ tamper: believesEveryEnd }, BUDGET)).toMatch(/^I[14]/);
  });

  it('when a winner takes the lease of an unknown predecessor to be as long as its own', async () => {
    const options = { tamper: takesUnknownForAlike, timeouts: true, operators: true };
    expect(await counterexampleOf(options, BUDGET)).toMatch(/^I[14]/);
  });

  it('when an application keeps a flag of its own instead of asking at the moment of use', async () => {
    expect(await counterexampleOf({ isMaster: (replica) => replica.cachedIsMaster }, BUDGET)).toMatch(/^I1/);
  });

  // Two that take each other's node for a leftover of their own remove it in turn, so that a storm may be seen first.
  it('when a node is taken for its own by the address in it, and two replicas share an address', async () => {
    expect(await counterexampleOf({ sameAddress: true, tamper: takesAddressForOwner }, BUDGET)).toMatch(/^(I\d|Storm)/);
  });
});
