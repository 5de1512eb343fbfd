// The ZooKeeper inside Node beside a real server, each a process of its own, asked by node-zookeeper-client: operations per second with 1 000 in
// flight, and the median of one after the other. In turn, three rounds each; the best counts. argv: operations of a round.
import { createRequire } from 'node:module';
import { built, withServer } from './support/library.mjs';

const zookeeper = createRequire(import.meta.url)('node-zookeeper-client');
const { startTestZookeeper } = built('testing.js');
const COUNT = Number(process.argv[2] ?? 10_000);
const IN_FLIGHT = 1_000;

async function connected(connectString) {
  const client = zookeeper.createClient(connectString, { sessionTimeout: 30_000 });
  const ready = new Promise((resolve) => client.once('connected', resolve));
  client.connect();
  await ready;
  return client;
}

const ask = (call) => new Promise((resolve, reject) => call((error, value) => (error ? reject(error) : resolve(value))));

const OPERATIONS = {
  create: (client, root, n) => ask((done) => client.create(`${root}/n${n}`, Buffer.alloc(100), done)),
  get: (client, root, n) => ask((done) => client.getData(`${root}/n${n}`, done)),
  set: (client, root, n) => ask((done) => client.setData(`${root}/n${n}`, Buffer.alloc(100), done)),
  multi: (client, root, n) => ask((done) => client.transaction().check(root).setData(`${root}/n${n}`, Buffer.alloc(100)).commit(done)),
};

async function round(connectString, name) {
  const client = await connected(connectString);
  const root = `/bench-${name}-${process.hrtime.bigint()}`;
  await ask((done) => client.create(root, done));
  const found = {};
  for (const [op, run] of Object.entries(OPERATIONS)) {
    const startMs = performance.now();
    for (let from = 0; from < COUNT; from += IN_FLIGHT)
      await Promise.all(Array.from({ length: Math.min(IN_FLIGHT, COUNT - from) }, (_, n) => run(client, root, from + n)));
    found[op] = (COUNT / (performance.now() - startMs)) * 1_000;
  }
  const single = [];
  for (let n = 0; n < 500; n += 1) {
    const startMs = performance.now();
    await OPERATIONS.set(client, root, n);
    single.push(performance.now() - startMs);
  }
  found.oneByOneMs = single.sort((a, b) => a - b)[250];
  client.close();
  return found;
}

function best(before, now) {
  if (before === undefined) return now;
  const rates = Object.keys(OPERATIONS).map((op) => [op, Math.max(before[op], now[op])]);
  return { ...Object.fromEntries(rates), oneByOneMs: Math.min(before.oneByOneMs, now.oneByOneMs) };
}

const servers = {};
await withServer(async (real) => {
  const inside = await startTestZookeeper({ childProcess: true });
  for (let turn = 0; turn < 3; turn += 1) {
    servers['real server'] = best(servers['real server'], await round(real.connectString, 'real'));
    servers['inside Node'] = best(servers['inside Node'], await round(inside.connectString, 'inside'));
  }
  await inside.close();
});
for (const [name, { oneByOneMs, ...perSecond }] of Object.entries(servers)) {
  const rates = Object.entries(perSecond).map(([op, value]) => `${op} ${Math.round(value).toLocaleString('en')}/s`);
  console.log(`${name}: ${rates.join(', ')}; a set by itself ${oneByOneMs.toFixed(2)} ms`);
}
