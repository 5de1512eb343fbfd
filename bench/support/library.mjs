// What the benches share: the built library, a real server of their own, and figures.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { startServer } from '../../scripts/zookeeper/server.mjs';

const require = createRequire(import.meta.url);
/** Another build than dist/ can be measured: BENCH_DIST=/path/to/it/. */
const DIST = new URL(process.env.BENCH_DIST ?? '../../dist/', process.env.BENCH_DIST ? 'file:///' : import.meta.url);

if (!existsSync(new URL('zookeeper/mastership/elections.js', DIST))) throw new Error('dist/ is missing: run `npm run build` first.');

/** A module of the built library, by its path below dist/. */
export const built = (path) => require(new URL(path, DIST).pathname);

const { createSessions } = built('zookeeper/session/sessions.js');
const { createElections } = built('zookeeper/mastership/elections.js');
const { systemClock } = built('zookeeper/support/clock.js');
const { silentObserver } = built('zookeeper/support/observer.js');

/** One replica without Nest: a session, its elections and how to start and stop them. */
export function replica(connectString, address, options = {}) {
  const observer = options.observer ?? silentObserver;
  const sessions = createSessions({ connectString, sessionTimeoutMs: options.sessionTimeoutMs ?? 10_000, clock: systemClock, observer });
  const elections = createElections({
    sessions,
    rootPath: '/soa',
    service: options.service ?? 'Bench',
    version: '1.0.0',
    scope: 'version',
    address,
    candidate: true,
    observer,
  });
  return {
    sessions,
    elections,
    start() {
      elections.start();
      sessions.start();
    },
    stop: () => elections.stop(30_000),
  };
}

/** Runs `use` with a fresh single server, which ends with it. */
export async function withServer(use, options = {}) {
  const server = await startServer({ tickTimeMs: 2000, ...options });
  try {
    return await use(server);
  } finally {
    await server.dispose();
  }
}

/** Resolves at the first change after which `holds` is true; an event, not a poll. */
export function changed(election, holds) {
  return new Promise((resolve) => {
    if (holds(election)) return resolve(performance.now());
    const off = election.onChange(() => {
      if (!holds(election)) return;
      off();
      resolve(performance.now());
    });
  });
}

export const isMaster = (election) => election.isMaster();

export function figures(samples) {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (q) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
  return { n: sorted.length, min: sorted[0], median: at(0.5), p95: at(0.95), max: sorted.at(-1) };
}

export const ms = (value) => `${value.toFixed(value < 10 ? 2 : 0)} ms`;

/** A table of rows of strings, aligned. */
export function table(head, rows) {
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map((row) => String(row[i]).length)));
  const line = (row) => row.map((cell, i) => (i === 0 ? String(cell).padEnd(widths[i]) : String(cell).padStart(widths[i]))).join('   ');
  console.log([line(head), widths.map((width) => '-'.repeat(width)).join('   '), ...rows.map(line)].join('\n'));
}

/** From one reading of `process.hrtime.bigint()` to another, in milliseconds. */
export const millisecondsBetween = (from, to) => Number(BigInt.asIntN(64, to - from)) / 1e6;
