// Failover among many standbys: 3 sessions beside 1 000 (in a few processes), on one server. Time from the resignation
// to the next elected hook, and the write transactions that it cost (the server's zxid, read before and after).
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { figures, millisecondsBetween, ms, table, withServer } from './support/library.mjs';

const SESSIONS = Number(process.argv[2] ?? 1_000);
const ROUNDS = Number(process.argv[3] ?? 15);
const PROCESSES = 4;
const replicaScript = new URL('./support/failover-replica.mjs', import.meta.url).pathname;

async function zxid(server) {
  return BigInt(/Zxid: (0x[0-9a-f]+)/.exec(await server.fourLetter('srvr'))[1]);
}

/** Longer than the longest a standby waits before it looks (1 s): by then everyone who would write has written. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 1_600));

async function measure(server, sessions, processes) {
  const per = Math.ceil(sessions / processes);
  const counts = Array.from({ length: processes }, (_, i) => Math.min(per, sessions - i * per));
  const waiting = { ready: 0 };
  const children = counts.map((count, i) => {
    const child = spawn(process.execPath, [replicaScript, server.connectString, `127.0.0.1:${i}`, String(count), '40000'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    createInterface({ input: child.stdout }).on('line', (line) => {
      const [event, at] = line.split(' ');
      if (event === 'ready') waiting.ready += 1;
      if (event === 'resigning') waiting.resigningAt = BigInt(at);
      if (event === 'elected') {
        waiting.master = child;
        waiting.elected?.(BigInt(at));
      }
      waiting.changed?.();
    });
    return child;
  });
  while (waiting.ready < processes || waiting.master === undefined) await new Promise((resolve) => (waiting.changed = resolve));
  await settle();
  const times = [];
  const writes = [];
  for (let round = -2; round < ROUNDS; round++) {
    const before = await zxid(server);
    const elected = new Promise((resolve) => (waiting.elected = resolve));
    waiting.master.stdin.write('resign\n');
    const at = await elected;
    await settle();
    if (round < 0) continue;
    times.push(millisecondsBetween(waiting.resigningAt, at));
    writes.push(Number((await zxid(server)) - before));
  }
  for (const child of children) {
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }
  return { times: figures(times), writes: figures(writes) };
}

const few = await withServer((server) => measure(server, 3, 3));
const many = await withServer((server) => measure(server, SESSIONS, PROCESSES));
const row = (name, { times, writes }) => [name, times.n, ms(times.median), ms(times.max), writes.median, writes.max];
table(
  ['graceful failover', 'rounds', 'median', 'max', 'writes (median)', 'writes (max)'],
  [row('3 sessions', few), row(`${SESSIONS} sessions in ${PROCESSES} processes`, many)],
);
console.log('A renewal of the master (one each 3.3 s at the 40 s session timeout used here) falls into some rounds and counts there.');
console.log(`ratio of the medians: ${(many.times.median / few.times.median).toFixed(2)} (target: at most 2); writes: at most 3`);
