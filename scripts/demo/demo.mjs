// Three ZooKeeper servers, three replicas of the reference service, two failovers: one by SIGKILL, one by SIGTERM.
import { existsSync, statSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Audit } from './audit.mjs';
import { ensureBuilt } from '../build.mjs';
import { Cluster, SESSION_TIMEOUT_MS } from './cluster.mjs';
import { pictureOf } from './picture.mjs';
import { report } from './report.mjs';
import { Screen } from './screen.mjs';

const JOB_PERIODS_MS = { interest: 1_000, statements: 5_000 };

/** How long to watch before, between and after the failovers. */
const WATCH_MS = 8_000;

/**
 * The longest that the demo accepts. After a SIGKILL: session timeout + lease + 1.5 ticks of the servers + 2 s
 * (docs/safety.md), and room for a slow machine.
 */
const BOUNDS_MS = {
  kill: (SESSION_TIMEOUT_MS * (4 / 3) + 1.5 * 2_000 + 2_000 + 5_000) * patience(),
  term: 5_000 * patience(),
};

const START_MS = 60_000;

const interrupted = new AbortController();
const screen = new Screen(process.stdout);
const audit = new Audit(JOB_PERIODS_MS);
const cluster = new Cluster(onLine);

for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
  process.on(signal, () => {
    // The second time there is no patience left; the guardian (scripts/support/guard.mjs) cleans up.
    if (interrupted.signal.aborted) process.exit(1);
    interrupted.abort(new Error(`interrupted by ${signal}`));
  });
}

process.exitCode = await main();

/** @returns {Promise<number>} the exit code */
async function main() {
  const refreshing = setInterval(() => void Promise.all(alive().map((replica) => replica.refresh())), 500);
  try {
    const failovers = await run();
    screen.end();
    return report(process.stdout, audit, failovers, BOUNDS_MS);
  } catch (error) {
    screen.end();
    process.stderr.write(`\nThe demo stopped: ${error instanceof Error ? error.message : String(error)}\n`);
    if (!interrupted.signal.aborted) showLogs();
    return interrupted.signal.aborted ? 130 : 1;
  } finally {
    clearInterval(refreshing);
    await cluster.dispose();
  }
}

async function run() {
  screen.tell('building the service, if it has changed');
  await ensureBuilt();
  screen.tell(ensembleInWords());
  await cluster.startEnsemble();
  interrupted.signal.throwIfAborted();
  screen.show(() => pictureOf(cluster, audit));
  screen.tell('starting 3 replicas of the account service');
  for (const name of ['A', 'B', 'C']) await start(name);
  await until('all replicas to serve and one to be master', START_MS, async () => {
    const serving = await Promise.all(alive().map((replica) => replica.refresh()));
    return serving.length === 3 && serving.every(Boolean) && master() !== undefined;
  });
  const fromMs = master()?.mastership?.sinceMs ?? Date.now();
  await watch();

  const killed = await failOver('SIGKILL', BOUNDS_MS.kill);
  const again = await start(`${killed.replica}2`);
  screen.tell(`${again.name} starts in place of ${killed.replica}`);
  await watch();

  const drained = await failOver('SIGTERM', BOUNDS_MS.term);
  await watch();

  const { toMs, verdicts } = await collectVerdicts();
  screen.tell('SIGTERM to the replicas that are left');
  const exits = await Promise.all(alive().map((replica) => stop(replica)));
  return { killed, drained, exits, fromMs, toMs, verdicts };
}

function ensembleInWords() {
  const { ZOOKEEPER_CONNECT: given, DEMO_ZOOKEEPER: kind } = process.env;
  if (given) return `using ZooKeeper at ${given}`;
  return kind === 'embedded'
    ? 'starting the ZooKeeper for development that is inside the package: one server'
    : 'starting 3 ZooKeeper servers';
}

/** What the cluster says of each tick up to a moment some seconds ago: by then every tick has its verdict. */
async function collectVerdicts() {
  const toMs = Date.now();
  /** @type {Record<string, import('./replica.mjs').Verdict[]>} */
  let verdicts = {};
  await until('every tick to have its verdict', 20_000, async () => {
    const replica = alive()[0];
    const found = await Promise.all(
      Object.keys(JOB_PERIODS_MS).map(async (job) => /** @type {const} */ ([job, await replica?.verdicts(job)])),
    );
    verdicts = Object.fromEntries(found.map(([job, list]) => [job, list ?? []]));
    return audit.ticks(verdicts, toMs - WATCH_MS, toMs).wrong.length === 0;
  }).catch(() => interrupted.signal.throwIfAborted());
  return { toMs, verdicts };
}

/**
 * Ends the master in the middle of a run, and measures how long it takes until the next replica
 * is master and runs a job.
 *
 * @param {'SIGKILL' | 'SIGTERM'} signal
 * @param {number} withinMs
 */
async function failOver(signal, withinMs) {
  // Some time into the run, so that the ticks of the same instant have started too.
  const isInTheMiddle = (/** @type {import('./audit.mjs').Run} */ run) =>
    run.job === 'statements' && run.endMs === undefined && Date.now() - run.startMs > 150;
  const old = await until('a run of "statements" to be in progress', 30_000, () => {
    const now = master();
    return now !== undefined && audit.runs.some((run) => run.replica === now.name && isInTheMiddle(run)) ? now : undefined;
  });
  const signalMs = old.kill(signal);
  audit.endReign(old.name, signalMs);
  screen.tell(`${signal} to the master ${old.name}, in the middle of a run`);
  const next = await until('another replica to be master', withinMs + 20_000, () =>
    alive().find((replica) => replica !== old && replica.mastership),
  );
  const electedMs = (next.mastership?.sinceMs ?? Date.now()) - signalMs;
  const first = await until(`the first run of ${next.name}`, 20_000, () =>
    audit.runs.find((run) => run.replica === next.name && run.startMs > signalMs),
  );
  const firstRunMs = first.startMs - signalMs;
  screen.tell(`${next.name} is master ${seconds(electedMs)} after the signal; its first run started after ${seconds(firstRunMs)}`);
  // `performance.now()` counts from the start of the command, the installation included.
  if (signal === 'SIGKILL') {
    const cloneMs = clonedMs();
    const clone = cloneMs === undefined ? '' : `, ${seconds(Date.now() - cloneMs)} after the clone`;
    screen.tell(`the first failover was over ${seconds(performance.now())} after the start of this command${clone}`);
  }
  await Promise.race([old.closed, wait(30_000 * patience(), undefined, { ref: false })]);
  const lastEndMs = Math.max(...audit.runs.filter((run) => run.replica === old.name).map((run) => run.endMs ?? Infinity));
  return { replica: old.name, signal, electedMs, firstRunMs, drainMs: lastEndMs - signalMs, exit: old.exit };
}

/** @param {string} name */
async function start(name) {
  const replica = await cluster.startReplica(name);
  void replica.closed.then(() => audit.died(name, replica.exit?.atMs ?? Date.now()));
  return replica;
}

/** @param {import('./replica.mjs').Replica} replica */
async function stop(replica) {
  audit.endReign(replica.name, replica.kill('SIGTERM'));
  await until(`${replica.name} to exit`, 30_000, () => replica.exit);
  await replica.closed;
  return { replica: replica.name, exit: replica.exit };
}

/** @param {import('./replica.mjs').Replica} replica @param {Record<string, any>} line */
function onLine(replica, line) {
  audit.read(replica.name, line);
  if (line.event === 'app.elected') screen.tell(`${replica.name} is master`);
  if (line.event === 'app.lost') screen.tell(`${replica.name} is not master any more`);
  if (line.event === 'run.ended') screen.note(`${replica.name} ran ${line.job} (${line.outcome})`);
}

/** Watches for a while: what happens shows up by itself. */
async function watch() {
  await wait(WATCH_MS, undefined, { signal: interrupted.signal }).catch(() => interrupted.signal.throwIfAborted());
}

/** What the replicas said last, for whoever looks for the reason of a failure. */
function showLogs() {
  for (const replica of cluster.replicas) {
    process.stderr.write(`\nThe last lines of replica ${replica.name}:\n${replica.lastLines.join('\n')}\n`);
  }
}

function alive() {
  return cluster.replicas.filter((replica) => replica.exit === undefined);
}

function master() {
  return alive().find((replica) => replica.mastership);
}

/** @param {number} ms */
function seconds(ms) {
  return `${(ms / 1000).toFixed(2)} s`;
}

/**
 * @template T
 * @param {string} what
 * @param {number} withinMs
 * @param {() => T | Promise<T>} look
 * @returns {Promise<NonNullable<Exclude<T, false>>>} what `look` answered, once it is neither undefined nor false
 */
async function until(what, withinMs, look) {
  const deadline = performance.now() + withinMs * patience();
  for (;;) {
    interrupted.signal.throwIfAborted();
    const seen = await look();
    if (seen) return /** @type {any} */ (seen);
    const dead = cluster.replicas.find((replica) => replica.exit && !replica.endExpected);
    if (dead) throw new Error(`replica ${dead.name} ended unexpectedly (${JSON.stringify(dead.exit)}) while waiting for ${what}`);
    if (performance.now() > deadline) throw new Error(`waited ${(withinMs * patience()) / 1000} s for ${what}`);
    await wait(20);
  }
}

/** When this repository was cloned, if that was within the hour: git writes this file then, and never again. */
function clonedMs() {
  const path = fileURLToPath(new URL('../../.git/description', import.meta.url));
  const atMs = existsSync(path) ? statSync(path).mtimeMs : 0;
  return Date.now() - atMs < 3_600_000 ? atMs : undefined;
}

/** `DEMO_PATIENCE=10` waits for, and accepts, ten times as long, on a machine that has much else to do. */
function patience() {
  return Number(process.env.DEMO_PATIENCE ?? 1);
}
