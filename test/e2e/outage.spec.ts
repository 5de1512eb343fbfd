import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { startJobFleet, type JobFleet, type JobReplica } from '../support/job-replica/job-replica.js';
import { runsOf } from '../support/job-replica/runs.js';
import { startEnsemble, type Ensemble } from '../support/zookeeper.js';
import { JOBS, outage, Watch } from './outage.js';

/**
 * How long the replicas, and the ensemble, are away:
 * `OUTAGE_SECONDS=90 npm test -- test/e2e/outage.spec.ts` for a long time.
 */
const SECONDS = Number(process.env['OUTAGE_SECONDS'] ?? 10);
const STALL_MS = 5_000;
const YEAR_MS = 365 * 86_400_000;
const TIMEOUT_MS = SECONDS * 1_000 + 300_000;

let ensemble: Ensemble;

beforeAll(async () => {
  ensemble = await startEnsemble(3);
});

afterAll(() => ensemble.dispose());

it.concurrent('makes up for what was due while all replicas were down, as the options say, once', { timeout: TIMEOUT_MS }, async () => {
  await using fleet = await fleetAt('/replicas-down');
  const watch = new Watch(fleet);
  await watch.settled();
  const over = await outage(
    SECONDS * 1_000,
    () => Promise.all(fleet.living().map((one) => one.process.kill())),
    () => Promise.all([fleet.add(), fleet.add(), fleet.add()]),
  );
  await watch.settled();
  expect(watch.problems(over)).toEqual([]);
  expect(watch.count(over)).toBeGreaterThanOrEqual(SECONDS - 1);
});

it.concurrent("makes up for what was due while the master's event loop stalled, as the options say, once", async () => {
  // A session that outlives the stall: the same master goes on.
  await using fleet = await fleetAt('/stalled', 10_000);
  const watch = new Watch(fleet);
  await watch.settled();
  const master = await fleet.master();
  const over = await master.stall(STALL_MS);
  await watch.settled();
  expect(watch.problems(over)).toEqual([]);
});

it.concurrent(
  'decides about no tick where the clock is a year ahead or behind, says so, and hands over to one whose clock is right',
  async () => {
    await using fleet = await fleetAt('/year', 10_000, 1);
    const watch = new Watch(fleet);
    const [right] = fleet.replicas as [JobReplica];
    const wrong: JobReplica[] = [];
    for (const skewMs of [YEAR_MS, -YEAR_MS]) {
      const added = await fleet.add({ clock: [{ atMs: 0, skewMs }] });
      await eventually(() => expect(added.state).toBe('standby'), { what: 'it to stand in line' });
      wrong.push(added);
    }
    await watch.settled();
    await right.ask('resign');
    for (const one of wrong) {
      const said = (): void => expect(one.logged('clock.off')).toEqual([expect.objectContaining({ level: 'error' })]);
      await eventually(said, { what: `${one.name} to say that its clock is off` });
    }
    await fleet.master(() => [right]);
    await watch.settled();
    expect(watch.violations()).toEqual([]);
    expect(runsOf(fleet).filter((run) => run.replica !== right)).toEqual([]);
  },
);

// By itself: the others need the ensemble.
it('makes up for what was due while the ensemble was down, as the options say, once', { timeout: TIMEOUT_MS }, async () => {
  await using fleet = await fleetAt('/ensemble-down');
  const watch = new Watch(fleet);
  await watch.settled();
  const over = await outage(
    SECONDS * 1_000,
    () => ensemble.kill(),
    () => ensemble.start(),
  );
  await watch.settled();
  expect(watch.problems(over)).toEqual([]);
  expect(watch.count(over)).toBeGreaterThanOrEqual(SECONDS - 1);
});

function fleetAt(rootPath: string, sessionTimeoutMs = 3_000, size = 3): Promise<JobFleet> {
  return startJobFleet(size, { connectString: ensemble.connectString, jobs: JOBS, module: { rootPath, sessionTimeoutMs } });
}
