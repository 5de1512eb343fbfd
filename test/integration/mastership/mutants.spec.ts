import { describe, expect, it } from 'vitest';
import { mutantOf } from '../../support/mutant.js';
import { startServer } from '../../support/zookeeper.js';
import { gracefulStop, stuckStop } from './departures.js';
import { BLOWS, LONG, struckBehindHalfOpenLink } from './forced.js';
import { isolatedFollower } from './isolated.js';
import { halfOpenMaster } from './links.js';
import { pausedMaster, stalledMaster } from './pauses.js';

const TWO_MASTERS = /was seen [\d.]+ ms after/;

/**
 * How often a scenario is played at most until the damage is seen: on a slow machine it may miss its moment.
 * Slowness makes nothing up.
 */
const TRIES = 8;
/** For so long a run goes on beside a successor, or is watched for one, which takes its time on a slow machine. */
const RUN_MS = 10_000;
const WATCH_MS = 60_000;

async function expectToSee(violation: RegExp, play: () => Promise<readonly string[]>): Promise<void> {
  let seen: readonly string[] = [];
  for (let tried = 0; tried < TRIES && !seen.some((one) => violation.test(one)); tried += 1) seen = await play();
  expect(seen).toContainEqual(expect.stringMatching(violation));
}

describe.concurrent('without one of its guards', () => {
  it('two masters are seen at an isolated follower when leases are renewed by reads', async () => {
    using mutant = await mutantOf({
      file: 'session/lease.js',
      guard: "await this.session.multi([{ kind: 'check', path: this.checkedPath, version: operations_js_1.ANY_VERSION }]);",
      instead: 'await this.session.exists(this.checkedPath);',
    });
    await expectToSee(TWO_MASTERS, async () => (await isolatedFollower(mutant)).violations);
  });

  it('two masters are seen after a pause or a stall when the deadline is not compared at each use', async () => {
    using mutant = await mutantOf({
      file: 'mastership/election/local-mastership.js',
      guard: 'const isBelievable = (0, lease_js_1.believable)(state.lease, this.clock.monotonicMs(), this.clock.wallMs());',
      instead: 'const isBelievable = true;',
    });
    await using server = await startServer();
    const place = { connectString: server.connectString, dist: mutant.dist };
    await Promise.all([
      expectToSee(TWO_MASTERS, async () => (await pausedMaster(place, 4)).violations),
      expectToSee(TWO_MASTERS, async () => (await stalledMaster(place, 'io', [4])).violations),
    ]);
  });

  it('two masters are seen behind a half-open link when a winner does not wait for an unproven end', async () => {
    using mutant = await mutantOf({
      file: 'mastership/tenure/tenure.js',
      guard: 'this.proof = proof;',
      instead: 'this.proof = { ...proof, waitMs: 0 };',
    });
    await using server = await startServer(LONG);
    const { connectString, host, port } = server;
    const blows = Object.keys(BLOWS) as (keyof typeof BLOWS)[];
    const place = { connectString, host, port, dist: mutant.dist };
    await Promise.all(blows.map((blow) => expectToSee(TWO_MASTERS, async () => (await struckBehindHalfOpenLink(place, blow)).violations)));
  });

  it("a run is seen beside the successor when the node is given up before the master's runs have ended", async () => {
    using mutant = await mutantOf({
      file: 'mastership/tenure/departure.js',
      guard: 'drain(tenure, why, signal)',
      instead: "(void drain(tenure, why, signal), Promise.resolve('drained'))",
    });
    await using server = await startServer();
    const place = { connectString: server.connectString, dist: mutant.dist };
    await expectToSee(/"run" .* was seen [\d.]+ ms after/, async () => (await gracefulStop(place, RUN_MS)).violations);
  });

  it('a run is seen beside the successor when the node is given up although a run goes on after its abort', async () => {
    using mutant = await mutantOf({
      file: 'mastership/tenure/departure.js',
      guard: "ended(outcome === 'drained' ? outcome : 'stuck');",
      instead: "ended('drained');",
    });
    await using server = await startServer();
    const place = { connectString: server.connectString, dist: mutant.dist };
    await expectToSee(/"run" .* was seen [\d.]+ ms after/, async () => (await stuckStop(place, WATCH_MS)).violations);
  });

  it('late news is seen behind a half-open link when no timer waits for the deadline', async () => {
    using mutant = await mutantOf({
      file: 'mastership/election/local-mastership.js',
      guard: '    arm(lease) {',
      instead: '    arm(lease) { if (lease) return;',
    });
    await using server = await startServer();
    const { connectString, host, port } = server;
    const place = { connectString, host, port, dist: mutant.dist };
    await expectToSee(/was told of the end of token \d+ only after \d+ turns/, async () => (await halfOpenMaster(place)).violations);
  });
});
