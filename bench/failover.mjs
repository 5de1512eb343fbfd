// Graceful failover: from the moment the master begins to resign to the next replica's elected hook. Three processes of
// this library and three of kazoo's Election (python3-kazoo) on the same server, round by round in turn.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { figures, millisecondsBetween, ms, table, withServer } from './support/library.mjs';

const ROUNDS = Number(process.argv[2] ?? 50);
const here = (name) => new URL(`./support/${name}`, import.meta.url).pathname;

/** A group of competitors: resign the master, learn how long the next one took. */
class Group {
  master;
  #elected;
  #resigningAt;
  #members = [];
  #ready = [];

  constructor(commands) {
    for (const [command, ...args] of commands) {
      const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
      this.#members.push(child);
      this.#ready.push(new Promise((resolve) => this.#listen(child, resolve)));
    }
  }

  #listen(child, ready) {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const [event, at] = line.split(' ');
      if (event === 'ready') ready();
      if (event === 'resigning') this.#resigningAt = BigInt(at);
      if (event !== 'elected') return;
      this.master = child;
      this.#elected?.(BigInt(at));
    });
  }

  async start() {
    await Promise.all(this.#ready);
    while (this.master === undefined) await this.#nextElected();
  }

  #nextElected() {
    return new Promise((resolve) => (this.#elected = resolve));
  }

  /** Milliseconds from the start of the resignation to the next one's hook. */
  async round() {
    const elected = this.#nextElected();
    this.master.stdin.write('resign\n');
    const at = await elected;
    return millisecondsBetween(this.#resigningAt, at);
  }

  async stop() {
    await Promise.all(
      this.#members.map(async (child) => {
        const exited = once(child, 'exit');
        child.kill('SIGKILL');
        await exited;
      }),
    );
  }
}

const settle = () => new Promise((resolve) => setTimeout(resolve, 100));

await withServer(async ({ connectString }) => {
  const ours = new Group([1, 2, 3].map((i) => [process.execPath, here('failover-replica.mjs'), connectString, `127.0.0.1:${i}`]));
  const kazoo = new Group([1, 2, 3].map((i) => ['/usr/bin/python3', here('kazoo_election.py'), connectString, `k${i}`]));
  try {
    await Promise.all([ours.start(), kazoo.start()]);
    const times = { ours: [], kazoo: [] };
    for (let round = -3; round < ROUNDS; round++) {
      for (const [name, group] of Object.entries({ ours, kazoo })) {
        const tookMs = await group.round();
        if (round >= 0) times[name].push(tookMs);
        await settle();
      }
    }
    const row = (name, samples) => {
      const f = figures(samples);
      return [name, f.n, ms(f.median), ms(f.p95), ms(f.max)];
    };
    table(
      ['graceful failover, 3 processes', 'rounds', 'median', 'p95', 'max'],
      [row('nestjs-cluster-cron', times.ours), row('kazoo Election', times.kazoo)],
    );
    console.log(`ratio of the medians: ${(figures(times.ours).median / figures(times.kazoo).median).toFixed(2)} (target: at most 1)`);
  } finally {
    await Promise.all([ours.stop(), kazoo.stop()]);
  }
});
