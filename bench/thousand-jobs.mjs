// 1 000 per-second jobs on one master, each tick claimed in ZooKeeper, beside the same 1 000 @Cron jobs without this
// library: CPU of the process, ticks that did not run, and what it costs the server. argv: jobs, seconds.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { table, withServer } from './support/library.mjs';

const COUNT = process.argv[2] ?? '1000';
const SECONDS = process.argv[3] ?? '30';
const script = new URL('./support/thousand-jobs-app.mjs', import.meta.url).pathname;
/** Clock ticks per second in /proc/<pid>/stat (sysconf(_SC_CLK_TCK) on Linux). */
const CLOCK_TICKS = 100;

/** Bytes of transactions in the server's logs; the files end with zeros, which are there in advance. */
function logBytes(server) {
  const directory = join(server.directory, 'data', 'version-2');
  const logs = readdirSync(directory).filter((name) => name.startsWith('log.'));
  return logs.reduce((sum, name) => sum + usedBytes(readFileSync(join(directory, name))), 0);
}

function usedBytes(file) {
  let length = file.length;
  while (length > 0 && file[length - 1] === 0) length -= 1;
  return length;
}

async function statOf(server) {
  const { 1: zxid } = /Zxid: 0x[0-9a-f]*?([0-9a-f]{1,8})\n/.exec(await server.fourLetter('srvr'));
  const [user, system] = readFileSync(`/proc/${server.pid}/stat`, 'utf8').split(') ')[1].split(' ').slice(11, 13);
  const received = /zk_bytes_received_count\s+(\d+)/.exec(await server.fourLetter('mntr'))?.[1];
  return {
    writes: Number.parseInt(zxid, 16),
    cpuMs: ((Number(user) + Number(system)) * 1_000) / CLOCK_TICKS,
    received: Number(received),
    log: logBytes(server),
    atMs: performance.now(),
  };
}

/** Starts the application and answers what it measured, and what the server did meanwhile. */
async function measure(kind, server) {
  const child = spawn(process.execPath, [script, kind, COUNT, SECONDS, server?.connectString ?? ''], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  let before;
  let result;
  for await (const line of createInterface({ input: child.stdout })) {
    if (!line.startsWith('{')) continue;
    const message = JSON.parse(line);
    if (message.ready !== true) result = { ...message, before: await before, after: server && (await statOf(server)) };
    else before = server && statOf(server);
  }
  await exited;
  return result;
}

const percent = (cpuMs, tookMs) => `${((cpuMs / tookMs) * 100).toFixed(1)} %`;

const plain = await measure('plain');
const clustered = await withServer((server) => measure('clustered', server));
const row = (name, { cpuMs, tookMs, utilization, runs, missed, rssMb }) => [
  name,
  percent(cpuMs, tookMs),
  `${(utilization * 100).toFixed(1)} %`,
  runs,
  missed,
  `${rssMb.toFixed(0)} MB`,
];
table(
  [`${COUNT} per-second jobs, ${SECONDS} s`, 'CPU', 'event loop', 'runs', 'ticks missed', 'memory'],
  [row('@Cron alone', plain), row('@Cron @MasterOnly', clustered)],
);
const { before, after, runs, tookMs } = clustered;
const seconds = (after.atMs - before.atMs) / 1_000;
const perSecond = (field, unit = 1) => ((after[field] - before[field]) / seconds / unit).toFixed(unit === 1 ? 0 : 1);
console.log(
  `the server: ${perSecond('writes')} write transactions, ${perSecond('received', 1024)} KiB received and ${perSecond('log', 1024)} KiB logged per second, CPU ${percent(after.cpuMs - before.cpuMs, seconds * 1_000)}`,
);
console.log(`write transactions for each run: ${((after.writes - before.writes) / seconds / (runs / (tookMs / 1_000))).toFixed(2)}`);
