// What a run costs the servers' disks: the bytes of its two writes (claim, end with verdict) in the transaction log of
// one server, for a job that succeeds, one that fails each time in the same way, and one that fails each time in
// another way. Measured once the job's log of verdicts is full. argv: runs.
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { built, changed, isMaster, replica, table, withServer } from './support/library.mjs';

const { ZookeeperJobStore } = built('zookeeper/jobs/persistence/zookeeper-store.js');
const { EMPTY_RECORD } = built('zookeeper/jobs/record/job-record.js');
const { EMPTY_CONTROL } = built('zookeeper/jobs/record/job-control.js');
const { NO_RUN } = built('zookeeper/jobs/record/verdict.js');
const { systemClock } = built('zookeeper/support/clock.js');
const { silentObserver } = built('zookeeper/support/observer.js');

const RUNS = Number(process.argv[2] ?? 300);
const WARM_UP = 150;
const ADDRESS = '10.0.0.1:9090';

/** The files end with zeros, which are there in advance. */
function logBytes(server) {
  const directory = join(server.directory, 'data', 'version-2');
  const logs = readdirSync(directory).filter((name) => name.startsWith('log.'));
  return logs.reduce((sum, name) => sum + readFileSync(join(directory, name)).findLastIndex((byte) => byte !== 0) + 1, 0);
}

async function measure(server, store, tenure, job, errorOf) {
  const schedule = { cronTime: '* * * * * *', timeZone: 'UTC', sinceMs: undefined };
  await store.create(job, { ...EMPTY_RECORD, schedule }, EMPTY_CONTROL);
  let { view } = await store.load(job);
  const { fence, token } = tenure;
  const write = async (record, verdicts) => {
    const result = await store.write(job, { view, record: { ...view.record, ...record }, verdicts, triggers: [], fence });
    if (result.kind !== 'written') throw new Error(`It was not written: ${result.kind}.`);
    view = result.view;
  };
  const startMs = Math.floor(Date.now() / 1_000) * 1_000;
  let before = 0;
  for (let run = -WARM_UP; run < RUNS; run++) {
    if (run === 0) before = logBytes(server);
    const dueMs = startMs + run * 1_000;
    const tick = { dueMs, nominalMs: dueMs };
    const entry = { claim: randomUUID(), tick, trigger: undefined, cause: 'schedule', starts: 1, startedMs: dueMs + 3, token };
    await write({ cursor: tick, running: [{ ...entry, holder: { kind: 'replica', member: fence.member }, election: 'YmVuY2hiZW5j' }] }, []);
    const error = errorOf(run);
    const outcome = error === undefined ? 'ran' : 'failed';
    const told = { tick, outcome, error, cause: 'schedule', attempt: 1, startedMs: dueMs + 3, durationMs: 80, by: ADDRESS, token };
    await write({ running: [] }, [{ ...NO_RUN, ...told }]);
  }
  return (logBytes(server) - before) / RUNS;
}

await withServer(async (server) => {
  const master = replica(server.connectString, ADDRESS, { sessionTimeoutMs: 40_000 });
  const election = master.elections.election();
  master.start();
  await changed(election, isMaster);
  const parts = { sessions: master.sessions, rootPath: '/soa', service: 'Bench', clock: systemClock, observer: silentObserver };
  const store = new ZookeeperJobStore(parts);
  const kinds = {
    succeeds: () => undefined,
    'fails in one way': () => 'connect ECONNREFUSED 10.0.0.7:5432',
    'fails in another way each time': (run) => `request ${run} failed: ${'the invoice has no amount; '.repeat(10)}`,
  };
  const rows = [];
  for (const [name, errorOf] of Object.entries(kinds)) {
    const bytes = await measure(server, store, election.tenure(), name.replaceAll(' ', '-'), errorOf);
    rows.push([name, bytes]);
  }
  table(
    [`a job that …, ${RUNS} runs`, 'bytes in the log for each run', 'to one that succeeds'],
    rows.map(([name, bytes]) => [name, bytes.toFixed(0), (bytes / rows[0][1]).toFixed(2)]),
  );
  await master.stop();
});
