// One replica of a service as a process of its own: a Nest application of the built library with the jobs it is told to
// have. Options: one JSON argument (`JobReplicaOptions` in job-replica.ts). Commands: JSON lines on stdin, answered on
// stdout. What its jobs do it appends to a file, line by line, so that nothing is lost when it is killed; times are
// microseconds of CLOCK_MONOTONIC, which all processes share.
import { addJump, wallAt } from './clock.mjs';
import { appendFileSync, openSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const options = JSON.parse(process.argv[2] ?? '{}');
const dist = process.env.REPLICA_DIST ?? fileURLToPath(new URL('../../../dist', import.meta.url));
const require = createRequire(import.meta.url);
require('reflect-metadata');
const { ConsoleLogger, Module } = require('@nestjs/common');
const { NestFactory } = require('@nestjs/core');
const { Cron, ScheduleModule } = require('@nestjs/schedule');
const { ClusterJobs, MasterElection, MasterOnly, OnMasterElected, OnMasterLost, ZookeeperModule } = require(join(dist, 'index.js'));

/** How often a run in progress looks whether it may still act. */
const BEAT_MS = 25;
/** As `BEAT_MS`, of a run that hangs: there may be many, and for long. */
const SLOW_BEAT_MS = 100;
/** How often a replica writes down that it is master. */
const WITNESS_MS = 500;

const file = openSync(options.log, 'a');
const nowUs = () => Number(process.hrtime.bigint() / 1000n);
const plain = (_, value) => (typeof value === 'bigint' ? String(value) : value instanceof Error ? value.message : value);
const line = (message) => `${JSON.stringify(message, plain)}\n`;
const say = (message) => process.stdout.write(line(message));
const write = (message) => appendFileSync(file, line(message));

if (options.ensembleFollows === true) {
  // The ensemble's clocks were set at the same instants: all that it has stamped shows what they would have shown.
  const { Reader } = require(join(dist, 'zookeeper/wire/reader.js'));
  const { stat } = Reader.prototype;
  Reader.prototype.stat = function () {
    const read = stat.call(this);
    return { ...read, ctimeMs: wallAt(read.ctimeMs), mtimeMs: wallAt(read.mtimeMs) };
  };
}

let runs = 0;
let failing = false;

/** Whether the run may act now, and when that was asked. */
function look(run) {
  const before = nowUs();
  let valid = true;
  try {
    run.assertMaster();
  } catch {
    valid = false;
  }
  return { valid, before, after: nowUs() + 1 };
}

/** Waits, and looks again and again; throws as soon as it may not act. */
async function work(run, n, ms) {
  const end = nowUs() + ms * 1000;
  do {
    await wait(Math.min(BEAT_MS, Math.max(0, (end - nowUs()) / 1000)));
    const { valid, before } = look(run);
    if (valid) write({ k: 'beat', n, before });
    else run.assertMaster();
  } while (nowUs() < end);
}

const BODIES = {
  /** Takes `ms`; with `heedless` it does not look at its signal or its mastership. */
  work: (run, n, { ms = 0, heedless = false }) => (heedless ? wait(ms) : work(run, n, ms)),
  /** Does not end until it is aborted, and goes on for `deafMs` then. */
  hang: async (run, n, { deafMs = 0 }) => {
    for (let endUs = Infinity; nowUs() < endUs;) {
      await wait(SLOW_BEAT_MS);
      const { valid, before } = look(run);
      if (valid) write({ k: 'beat', n, before });
      if (endUs === Infinity && run.signal.aborted) endUs = nowUs() + deafMs * 1000;
    }
    throw run.signal.reason;
  },
  /** Ends its process. */
  kill: () => {
    process.kill(process.pid, 'SIGKILL');
    return new Promise(() => {});
  },
  /** Throws while told to. */
  fail: () => {
    if (failing) throw new Error('told to fail');
  },
};

async function body(spec, run) {
  runs += 1;
  const n = runs;
  const { valid, before, after } = look(run);
  const tick = run.scheduledTime?.getTime();
  const token = run.fencingToken;
  write({ k: 'start', n, job: run.job, tick, token, cause: run.cause, attempt: run.attempt, input: run.input, valid, before, after });
  try {
    await BODIES[spec.body ?? 'work'](run, n, spec);
    write({ k: 'end', n, ...look(run) });
  } catch (thrown) {
    write({ k: 'end', n, error: String(thrown?.message ?? thrown), ...look(run) });
    throw thrown;
  }
}

/** A provider with this one job. */
function providerOf(spec) {
  class Job {
    run(run) {
      return body(spec, run);
    }
  }
  const descriptor = Object.getOwnPropertyDescriptor(Job.prototype, 'run');
  MasterOnly({ name: spec.name, ...spec.options })(Job.prototype, 'run', descriptor);
  const { name, timeZone, disabled = false } = spec;
  const timing = { name, disabled, ...(timeZone === undefined ? {} : { timeZone }) };
  Cron(spec.cronTime, timing)(Job.prototype, 'run', descriptor);
  Object.defineProperty(Job.prototype, 'run', descriptor);
  return Job;
}

/** Writes down when it is told that this replica is master, and when that it is not any more. */
class Hooks {
  elected() {
    write({ k: 'hook', hook: 'elected', t: nowUs() });
  }

  lost() {
    write({ k: 'hook', hook: 'lost', t: nowUs() });
  }
}
for (const [name, decorator] of [
  ['elected', OnMasterElected()],
  ['lost', OnMasterLost()],
])
  decorator(Hooks.prototype, name, Object.getOwnPropertyDescriptor(Hooks.prototype, name));

class App {
  name = 'job-replica';
}
Module({
  imports: [ScheduleModule.forRoot(), ZookeeperModule.forRoot(options.module)],
  providers: [Hooks, ...options.jobs.map(providerOf)],
})(App);

const logger = new ConsoleLogger({ json: true, flattenParams: true });
const app = await NestFactory.createApplicationContext(App, { logger, abortOnError: false });
app.enableShutdownHooks(['SIGTERM'], { useProcessExit: true });
const jobs = app.get(ClusterJobs);
const election = app.get(MasterElection);
jobs.verdicts$.subscribe((verdict) => write({ k: 'verdict', t: nowUs(), verdict }));
setInterval(() => {
  const t = nowUs();
  if (election.isMaster()) write({ k: 'witness', t });
}, WITNESS_MS).unref();
election.mastership$().subscribe((state) => say({ k: 'state', s: state.kind, why: state.why, t: nowUs() }));

const COMMANDS = {
  /** Stalls the event loop; answers from when to when. Sleeps rather than spins, so that others have the processor. */
  stall({ ms }) {
    const fromMs = performance.timeOrigin + performance.now();
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
    return { fromMs, untilMs: performance.timeOrigin + performance.now() };
  },
  jump: ({ jump }) => addJump(jump),
  fail: ({ fails }) => void (failing = fails),
  jobs: ({ method, args }) => jobs[method](...args),
  resign: () => election.resign(),
};

createInterface({ input: process.stdin }).on('line', async (text) => {
  const { cmd, id, ...given } = JSON.parse(text);
  try {
    say({ k: 'done', id, result: (await COMMANDS[cmd](given)) ?? null });
  } catch (thrown) {
    say({ k: 'done', id, error: String(thrown?.message ?? thrown), code: thrown?.code });
  }
});
say({ k: 'up', t: nowUs() });
