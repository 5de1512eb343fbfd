// What a claim costs: the store's write of a job's record with the checks of a real tenure, beside the same transaction
// (check, check, setData, as many bytes) without this library's layers on the same connection, and by
// node-zookeeper-client on a connection of its own. One after the other in turn, on one server. argv: rounds.
import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import { built, changed, figures, isMaster, ms, replica, table, withServer } from './support/library.mjs';

const zookeeper = createRequire(import.meta.url)('node-zookeeper-client');
const { ZookeeperJobStore } = built('zookeeper/jobs/persistence/zookeeper-store.js');
const { encodeRecord } = built('zookeeper/jobs/persistence/codec/record-codec.js');
const { systemClock } = built('zookeeper/support/clock.js');
const { silentObserver } = built('zookeeper/support/observer.js');

const ROUNDS = Number(process.argv[2] ?? 5_000);
const WARM_UP = 500;
const JOB = 'bench';

const EMPTY_RECORD = {
  schedule: { cronTime: '* * * * * *', timeZone: 'UTC', sinceMs: undefined },
  cursor: undefined,
  running: [],
  triggers: [],
  pausedMs: undefined,
  resumedMs: undefined,
  recent: [],
  succeededMs: undefined,
  alarmedMs: undefined,
};

/**
 * Claims one tick after the other, as the loop does: the new record has the tick in `running`, and
 * the cursor moved on to it.
 */
class Claims {
  view;
  #tickMs = Date.now();

  constructor(store, tenure) {
    Object.assign(this, { store, tenure });
  }

  record() {
    this.#tickMs += 1_000;
    const tick = { dueMs: this.#tickMs, nominalMs: this.#tickMs };
    const { fence, token } = this.tenure;
    const claim = { claim: randomUUID(), tick, trigger: undefined, cause: 'schedule', starts: 1, startedMs: this.#tickMs, token };
    return {
      ...this.view.record,
      cursor: tick,
      running: [{ ...claim, holder: { kind: 'replica', member: fence.member }, election: 'YmVuY2hiZW5j' }],
    };
  }

  async next() {
    const { fence } = this.tenure;
    const result = await this.store.write(JOB, { view: this.view, record: this.record(), verdicts: [], triggers: [], fence });
    if (result.kind !== 'written') throw new Error(`The claim was not written: ${result.kind}.`);
    this.view = result.view;
  }
}

function connectedClient(connectString) {
  const client = zookeeper.createClient(connectString);
  const connected = new Promise((resolve) => client.once('connected', () => resolve(client)));
  client.connect();
  return connected;
}

async function measure(subjects) {
  const samples = Object.fromEntries(Object.keys(subjects).map((name) => [name, []]));
  for (let round = -WARM_UP; round < ROUNDS; round++)
    for (const [name, act] of Object.entries(subjects)) {
      const startedMs = performance.now();
      await act();
      if (round >= 0) samples[name].push(performance.now() - startedMs);
    }
  return samples;
}

await withServer(async ({ connectString }) => {
  const master = replica(connectString, '127.0.0.1:1');
  const election = master.elections.election();
  master.start();
  await changed(election, isMaster);
  const tenure = election.tenure();
  const { session } = tenure.fence;
  const parts = { sessions: master.sessions, rootPath: '/soa', service: 'Bench', clock: systemClock, observer: silentObserver };
  const store = new ZookeeperJobStore(parts);
  await store.create(JOB, EMPTY_RECORD, { declared: [], inForce: { from: 'code', version: '1.0.0' }, audit: [] });
  const claims = new Claims(store, tenure);
  claims.view = (await store.load(JOB)).view;

  const data = encodeRecord(claims.record());
  const client = await connectedClient(connectString);
  const [ours, theirs] = ['/bench-ours', '/bench-theirs'];
  for (const path of [ours, theirs]) await session.create(path, data, 'persistent');
  const checks = tenure.fence.startChecks();
  const bare = () =>
    new Promise((resolve, reject) => {
      const transaction = client.transaction();
      for (const { path, version } of checks) transaction.check(path, version);
      transaction.setData(theirs, data, -1);
      transaction.commit((error) => (error ? reject(error) : resolve()));
    });
  const samples = await measure({
    'claim (store.write)': () => claims.next(),
    'multi on the same connection': () => session.multi([...checks, { kind: 'set', path: ours, data, version: -1 }]),
    'multi by node-zookeeper-client': bare,
  });

  const medians = Object.values(samples).map((values) => figures(values).median);
  table(
    [`${checks.length} checks and a set of ${data.length} bytes, ${ROUNDS} rounds`, 'median', 'p95', 'max', 'to the bare one'],
    Object.entries(samples).map(([name, values]) => {
      const f = figures(values);
      return [name, ms(f.median), ms(f.p95), ms(f.max), (f.median / medians[2]).toFixed(2)];
    }),
  );
  client.close();
  await master.stop();
});
