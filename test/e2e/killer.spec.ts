import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { startJobFleet, type JobSpec } from '../support/job-replica/job-replica.js';
import { runsOf, violations } from '../support/job-replica/runs.js';
import { startServer, type ZooKeeperServer } from '../support/zookeeper.js';

const JOBS: readonly JobSpec[] = [
  { name: 'tick', cronTime: '* * * * * *' },
  // Rescheduled once all replicas are there.
  { name: 'killer', cronTime: '0 0 0 1 1 *', body: 'kill', options: { onInterrupted: { rerun: 2 } } },
];

let server: ZooKeeperServer;

beforeAll(async () => {
  server = await startServer();
});

afterAll(() => server.dispose());

it('gives up a job that kills its process after as many replicas as its option says, and the others go on', async () => {
  await using fleet = await startJobFleet(5, { connectString: server.connectString, jobs: JOBS, module: { sessionTimeoutMs: 3_000 } });
  const observer = await fleet.add({ name: 'observer', module: { sessionTimeoutMs: 10_000, candidate: false } });
  await observer.connected();
  // Daily from soon on. Where the order is not carried out before that, on a slow machine, it is
  // given again, with more time.
  let due = new Date(0);
  for (let leadMs = 8_000; Date.now() >= due.getTime(); leadMs *= 4) {
    if (runsOf(fleet).some((run) => run.job === 'killer')) break;
    due = new Date(Math.ceil(Date.now() / 1_000) * 1_000 + leadMs);
    const cronTime = `${due.getUTCSeconds()} ${due.getUTCMinutes()} ${due.getUTCHours()} * * *`;
    await observer.jobs('reschedule', 'killer', { cronTime, timeZone: 'UTC' });
  }

  const verdict = { outcome: 'interrupted' };
  const decided = async (): Promise<void> => expect(await observer.jobs('verdicts', 'killer')).toEqual([expect.objectContaining(verdict)]);
  await eventually(decided, { what: 'the verdict "interrupted"' });
  const decidedMs = Date.now();
  const later = (): void => {
    const after = runsOf(fleet).filter((run) => run.job === 'tick' && (run.tickMs ?? 0) > decidedMs + 1_000);
    expect(after.length).toBeGreaterThan(3);
  };
  await eventually(later, { what: 'ticks of the other job' });

  const killed = runsOf(fleet).filter((run) => run.job === 'killer');
  expect(killed.map(({ cause, attempt, tickMs }) => ({ cause, attempt, tickMs }))).toEqual([
    { cause: 'schedule', attempt: 1, tickMs: due.getTime() },
    { cause: 'rerun', attempt: 2, tickMs: due.getTime() },
    { cause: 'rerun', attempt: 3, tickMs: due.getTime() },
  ]);
  expect(fleet.replicas.filter((one) => one.process.exit?.signal === 'SIGKILL')).toHaveLength(3);
  expect(fleet.living()).toHaveLength(3);
  expect(violations(runsOf(fleet))).toEqual([]);
});
