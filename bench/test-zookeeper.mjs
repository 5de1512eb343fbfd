// The ZooKeeper inside Node beside a real server, each a process of its own, asked by node-zookeeper-client:
// operations per second with 1 000 in flight, and the median of one after the other. In turn, three rounds each; the
// best counts. Then what each takes of memory: at its start, with 1 000 sessions, and with 100 000 nodes of 100 bytes
// besides. argv: operations of a round.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { withServer } from './support/library.mjs';

const zookeeper = createRequire(import.meta.url)('node-zookeeper-client');
const COMMAND = fileURLToPath(new URL('../dist/cli.js', import.meta.url));
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

/** The resident memory of a process, in MB. Linux alone tells it like this. */
function memoryOf(pid) {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Math.round((Number(kilobytes) * 1_024) / 1e6);
}

async function memory({ connectString, pid }) {
  const found = [memoryOf(pid)];
  const clients = [];
  for (let from = 0; from < 1_000; from += 100)
    clients.push(...(await Promise.all(Array.from({ length: 100 }, () => connected(connectString)))));
  found.push(memoryOf(pid));
  await ask((done) => clients[0].create('/memory', done));
  for (let from = 0; from < 100_000; from += IN_FLIGHT)
    await Promise.all(Array.from({ length: IN_FLIGHT }, (_, n) => OPERATIONS.create(clients[n], '/memory', from + n)));
  found.push(memoryOf(pid));
  for (const client of clients) client.close();
  return found;
}

/** Runs `use` with the command that starts the ZooKeeper inside Node, in memory. */
async function withInside(use) {
  const child = spawn(process.execPath, [COMMAND, 'zookeeper', '--memory', '--port', '0', '--tick-time', '2000'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const connectString = await new Promise((resolve, reject) => {
      child.once('exit', () => reject(new Error('The command has ended before it served.')));
      createInterface({ input: child.stdout }).on('line', (line) => {
        const found = /serves on (\S+);/.exec(line)?.[1];
        if (found !== undefined) resolve(found);
      });
    });
    return await use({ connectString, pid: child.pid });
  } finally {
    child.kill();
  }
}

const servers = {};
await withServer((real) =>
  withInside(async (inside) => {
    for (let turn = 0; turn < 3; turn += 1) {
      servers['real server'] = best(servers['real server'], await round(real.connectString, 'real'));
      servers['inside Node'] = best(servers['inside Node'], await round(inside.connectString, 'inside'));
    }
  }),
);
for (const [name, { oneByOneMs, ...perSecond }] of Object.entries(servers)) {
  const rates = Object.entries(perSecond).map(([op, value]) => `${op} ${Math.round(value).toLocaleString('en')}/s`);
  console.log(`${name}: ${rates.join(', ')}; a set by itself ${oneByOneMs.toFixed(2)} ms`);
}
for (const [name, run] of Object.entries({ 'real server': withServer, 'inside Node': withInside })) {
  const [atStart, withSessions, withNodes] = await run(memory);
  console.log(`${name}: ${atStart} MB at its start, ${withSessions} MB with 1 000 sessions, ${withNodes} MB with 100 000 nodes besides`);
}
