import { afterAll, beforeAll, expect, it } from 'vitest';
import { mutantOf } from '../support/mutant.js';
import { startServer, type ZooKeeperServer } from '../support/zookeeper.js';
import { foreignParticipant, stalled, twoVersions, yearAhead } from './claims.js';

let server: ZooKeeperServer;

beforeAll(async () => {
  server = await startServer();
});

afterAll(() => server.dispose());

it.concurrent('with all guards, ticks are started once, only by a master, by a right clock, and none is lost', async () => {
  const place = { server };
  const [violations, writes, gaps, runs] = await Promise.all([
    twoVersions(place),
    foreignParticipant(place),
    stalled(place),
    yearAhead(place),
  ]);
  expect({ violations, writes, gaps, runs }).toEqual({ violations: [], writes: 0, gaps: [], runs: 0 });
});

it.concurrent('ticks are started twice when a run does not wait for its claim', async () => {
  using mutant = await mutantOf({
    file: 'dispatch/job-loop.js',
    guard: 'if (result !== undefined && !(await this.meet(result, generation, tenure)))',
    instead: 'if (result !== undefined && (await this.meet(result, generation, tenure), false))',
  });
  // Two masters have to start in the same moment: on a slow machine it may take some rounds.
  let found: readonly string[] = [];
  for (let round = 0; round < 6 && !found.some(isTwice); round += 1)
    found = await twoVersions({ server, root: `/no-claim-${round}`, dist: mutant.dist });
  expect(found.filter(isTwice)).not.toEqual([]);
});

it.concurrent('a replica that has lost its election node claims a tick when the claim does not check the tenure', async () => {
  using mutant = await mutantOf({
    file: 'jobs/persistence/zookeeper-write.js',
    guard: 'const checks = change.fence?.startChecks() ?? [];',
    instead: 'const checks = [];',
  });
  expect(await foreignParticipant({ server, root: '/no-checks', dist: mutant.dist })).toBeGreaterThan(0);
});

it.concurrent('ticks are lost in a stall when only those count that are due just now', async () => {
  using mutant = await mutantOf({
    file: 'jobs/decide/due-ticks.js',
    guard: 'return (0, decided_up_to_js_1.decidedUpTo)(this.draft.view);',
    instead: `return (0, tick_js_1.laterTick)(
      (0, tick_js_1.endOf)(this.wallMs - job_rules_js_1.ON_TIME_MS),
      (0, decided_up_to_js_1.decidedUpTo)(this.draft.view),
    );`,
  });
  expect(await stalled({ server, root: '/no-due-list', dist: mutant.dist })).not.toEqual([]);
});

it.concurrent('a replica whose clock is a year ahead uses up the ticks of a year when nothing bounds its clock', async () => {
  using mutant = await mutantOf({
    file: 'dispatch/clock-guard.js',
    guard: "return Math.abs(offMs) <= this.maxClockSkewMs ? GOOD : { kind: 'off', offMs };",
    instead: 'return GOOD;',
  });
  expect(await yearAhead({ server, root: '/no-bound', dist: mutant.dist })).toBeGreaterThan(0);
});

function isTwice(violation: string): boolean {
  return violation.endsWith('are for one tick');
}
