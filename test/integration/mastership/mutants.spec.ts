import { expect, it } from 'vitest';
import { startServer } from '../../support/zookeeper.js';
import { gracefulStop, stuckStop } from './departures.js';
import { BLOWS, struckBehindHalfOpenLink } from './forced.js';
import { isolatedFollower } from './isolated.js';
import { halfOpenMaster } from './links.js';
import { mutantOf } from './mutants.js';
import { pausedMaster, stalledMaster } from './pauses.js';

const TWO_MASTERS = /was seen [\d.]+ ms after/;

it('two masters are seen at an isolated follower when leases are renewed by reads', async () => {
  using mutant = await mutantOf({
    file: 'lease.js',
    guard: "await this.session.multi([{ kind: 'check', path: this.checkedPath, version: operations_js_1.ANY_VERSION }]);",
    instead: 'await this.session.exists(this.checkedPath);',
  });
  expect((await isolatedFollower(mutant)).violations).toContainEqual(expect.stringMatching(TWO_MASTERS));
});

it('two masters are seen after a pause or a stall when the deadline is not compared at each use', async () => {
  using mutant = await mutantOf({
    file: 'belief.js',
    guard: 'return (0, mastership_state_js_1.believable)(state.lease, this.clock.nowMs(), this.clock.wallMs());',
    instead: 'return true;',
  });
  await using server = await startServer();
  const place = { connectString: server.connectString, dist: mutant.dist };
  const outcomes = await Promise.all([pausedMaster(place, 4), stalledMaster(place, 'io', [4])]);
  for (const { violations } of outcomes) expect(violations).toContainEqual(expect.stringMatching(TWO_MASTERS));
});

it('two masters are seen behind a half-open link when a winner does not wait for an unproven end', async () => {
  using mutant = await mutantOf({
    file: 'reign.js',
    guard: 'const { scene, win, proof } = this;',
    instead: 'const { scene, win } = this; const proof = { ...this.proof, waitMs: 0 };',
  });
  await using server = await startServer();
  const { connectString, host, port } = server;
  const blows = Object.keys(BLOWS) as (keyof typeof BLOWS)[];
  const outcomes = await Promise.all(blows.map((blow) => struckBehindHalfOpenLink({ connectString, host, port, dist: mutant.dist }, blow)));
  for (const { violations } of outcomes) expect(violations).toContainEqual(expect.stringMatching(TWO_MASTERS));
});

it("a run is seen beside the successor when the node is given up before the master's runs have ended", async () => {
  using mutant = await mutantOf({
    file: 'leaving.js',
    guard: 'drain(tenure, why)',
    instead: "(void drain(tenure, why), Promise.resolve('drained'))",
  });
  await using server = await startServer();
  const { violations } = await gracefulStop({ connectString: server.connectString, dist: mutant.dist });
  expect(violations).toContainEqual(expect.stringMatching(/"run" .* was seen [\d.]+ ms after/));
});

it('a run is seen beside the successor when the node is given up although a run goes on after its abort', async () => {
  using mutant = await mutantOf({ file: 'leaving.js', guard: 'this.outcome = outcome;', instead: "this.outcome = 'drained';" });
  await using server = await startServer();
  const { violations } = await stuckStop({ connectString: server.connectString, dist: mutant.dist });
  expect(violations).toContainEqual(expect.stringMatching(/"run" .* was seen [\d.]+ ms after/));
});

it('late news is seen behind a half-open link when no timer waits for the deadline', async () => {
  using mutant = await mutantOf({ file: 'belief.js', guard: '    arm(lease) {', instead: '    arm(lease) { if (lease) return;' });
  await using server = await startServer();
  const { connectString, host, port } = server;
  const { violations } = await halfOpenMaster({ connectString, host, port, dist: mutant.dist });
  expect(violations).toContainEqual(expect.stringMatching(/was told of the end of token \d+ only after \d+ turns/));
});
