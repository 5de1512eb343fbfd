// One replica as a process of its own: the built library, no Nest. Options: one JSON argument (`ReplicaOptions` in
// replica.ts). Commands: JSON lines on stdin. What it sees goes to stdout as JSON lines; times are microseconds of
// CLOCK_MONOTONIC, which all processes share.
import assert from 'node:assert';
import { spawn } from 'node:child_process';
import { stat } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const options = JSON.parse(process.argv[2] ?? '{}');
const dist = process.env.REPLICA_DIST ?? fileURLToPath(new URL('../../../dist', import.meta.url));
const require = createRequire(import.meta.url);
const { createElections } = require(join(dist, 'zookeeper/mastership/elections.js'));
const { CrashGuard } = require(join(dist, 'zookeeper/session/crash-guard/crash-guard.js'));
const { createSessions } = require(join(dist, 'zookeeper/session/sessions.js'));
const { systemClock } = require(join(dist, 'zookeeper/support/clock.js'));

/** At least this often a stream that goes on is written down, so that little is lost with a killed process. */
const FLUSH_US = 20_000;

const nowUs = () => Number(process.hrtime.bigint() / 1000n);
const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

/** Consecutive sightings of one kind under one token: when the first of them was over, when the last one began. */
class Stream {
  constructor(kind, election) {
    Object.assign(this, { kind, election, token: undefined, first: 0, last: 0, count: 0, flushed: 0 });
  }

  saw(token, before, after) {
    if (token !== this.token) this.end();
    this.token = token;
    if (this.count === 0) this.first = after;
    this.last = before;
    this.count += 1;
    if (after - this.flushed > FLUSH_US) this.flush();
  }

  flush() {
    if (this.count > 0) say({ k: this.kind, e: this.election, token: this.token, first: this.first, last: this.last, n: this.count });
    this.count = 0;
    this.flushed = this.last;
  }

  end() {
    if (this.token === undefined) return;
    this.flush();
    say({ k: 'end', of: this.kind, e: this.election, token: this.token, t: nowUs() });
    this.token = undefined;
    this.flushed = 0;
  }
}

/** Watches one election as work under it would: what it is told, and what it hears when it asks. */
class Witness {
  constructor(index, name) {
    this.index = index;
    this.election = elections.election(name ?? undefined);
    this.master = new Stream('master', index);
    this.valid = new Stream('valid', index);
    this.run = new Stream('run', index);
    /** Tenures handed out and not over: with how many turns each was invalid without anybody having been told. */
    this.held = new Map();
    /** The token of the run in progress. It ends by a drain, or with the process. */
    this.runToken = undefined;
    this.runEnded = undefined;
    this.election.onChange((state) =>
      say({ k: 'state', e: index, s: state.kind, token: state.tenure && String(state.tenure.token), why: state.why, t: nowUs() }),
    );
    if (options.drain !== undefined) this.election.setDrain((tenure, why) => this.drain(tenure, why));
  }

  sample() {
    const before = nowUs();
    const is = this.election.isMaster();
    const after = nowUs() + 1;
    if (is) this.master.saw(String(this.election.state().tenure.token), before, after);
    else this.master.end();
    this.take(this.election.tenure());
    let anyValid = false;
    for (const [tenure, late] of this.held) {
      const start = nowUs();
      if (tenure.isValid()) {
        this.valid.saw(String(tenure.token), start, nowUs() + 1);
        anyValid = true;
      } else this.held.set(tenure, late + 1);
    }
    if (!anyValid) this.valid.end();
    if (this.runToken === undefined) this.run.end();
    else this.run.saw(this.runToken, nowUs(), nowUs() + 1);
  }

  take(tenure) {
    if (tenure === undefined || this.held.has(tenure)) return;
    this.held.set(tenure, 0);
    if (options.drain !== undefined) this.runToken = String(tenure.token);
    tenure.onInvalid((why) => {
      say({ k: 'invalid', e: this.index, token: String(tenure.token), why, lateTurns: this.held.get(tenure), t: nowUs() });
      this.held.delete(tenure);
    });
  }

  endRun() {
    this.runToken = undefined;
    this.sample();
    this.runEnded?.();
  }

  /** Resolves when no run is in progress. */
  async idle() {
    if (this.runToken !== undefined) await new Promise((resolve) => (this.runEnded = resolve));
  }

  drain(tenure, why) {
    const { kind, ms } = options.drain;
    say({ k: 'drain', e: this.index, token: tenure && String(tenure.token), why, t: nowUs() });
    if (this.runToken === undefined) return Promise.resolve('drained');
    return new Promise((resolve) => {
      setTimeout(() => {
        this.sample();
        if (kind === 'finish') this.endRun();
        resolve(kind === 'finish' ? 'drained' : 'stuck');
      }, ms);
    });
  }
}

const observer = { observe: ({ level, event, message, fields }) => say({ k: 'observed', level, event, message, fields, t: nowUs() }) };
const crashGuard = options.crashGuard
  ? new CrashGuard({ ensemble: { connectString: options.connectString, auth: options.auth }, clock: systemClock, observer })
  : undefined;
const sessions = createSessions({
  connectString: options.connectString,
  sessionTimeoutMs: options.sessionTimeoutMs,
  auth: options.auth,
  clock: systemClock,
  observer,
  crashGuard,
});
const elections = createElections({
  sessions,
  rootPath: options.rootPath,
  service: options.service,
  version: options.version,
  scope: options.scope,
  address: options.address,
  candidate: options.candidate,
  observer,
  lastWills: crashGuard,
});
const witnesses = (options.elections ?? [null]).map((name, index) => new Witness(index, name));

function sampleAll() {
  for (const witness of witnesses) witness.sample();
}

/** Stalls the event loop, and asks at once, before anything else can run. */
function stall(ms) {
  // Sleeps rather than spins: the loop stands still either way, and others have the processor.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
  sampleAll();
}

/** Until V8 gives up. */
function exhaustMemory() {
  const kept = [];
  for (;;) kept.push(Array.from({ length: 100_000 }, () => kept.length));
}

/** Begins the stall in the phase of the event loop that is asked for. */
const PHASES = {
  timer: (run) => setTimeout(run, 1),
  immediate: (run) => setImmediate(run),
  // libuv's thread pool answers in the poll phase.
  io: (run) => stat('/', run),
  zookeeper: (run) => void sessions.current()?.exists('/').then(run, run),
};

const COMMANDS = {
  resign: ({ e = 0 }) => witnesses[e].election.resign(),
  transferTo: ({ e = 0, address }) => witnesses[e].election.transferTo(address),
  master: ({ e = 0 }) => witnesses[e].election.master(),
  block: ({ ms, phase }) =>
    new Promise((resolve) => {
      PHASES[phase](() => {
        stall(ms);
        resolve(undefined);
      });
    }),
  async stop({ limitMs }) {
    const outcome = await elections.stop(limitMs);
    sampleAll();
    for (const { master, valid, run } of witnesses) for (const stream of [master, valid, run]) stream.flush();
    // A process goes on as long as it works.
    if (outcome !== 'stuck') void Promise.all(witnesses.map((witness) => witness.idle())).then(() => setImmediate(() => process.exit(0)));
    return outcome;
  },
  exit: () => process.exit(0),
  /** Nobody catches it. */
  throw: () => void setImmediate(() => assert.fail('as a fault of the application')),
  abort: () => process.abort(),
  exhaust: () => void setImmediate(exhaustMemory),
  /** A process that outlives this one. */
  leaveChild: ({ command, args }) => spawn(command, args, { stdio: 'ignore', detached: true }).unref(),
};

createInterface({ input: process.stdin }).on('line', async (line) => {
  const { cmd, id, ...given } = JSON.parse(line);
  try {
    const result = await COMMANDS[cmd](given);
    say({ k: 'done', id, result: result ?? null, t: nowUs() });
  } catch (thrown) {
    say({ k: 'done', id, error: String(thrown?.message ?? thrown), code: thrown?.code, t: nowUs() });
  }
});

// Overdue after every stall: due before any deadline that has passed meanwhile, so the first to ask.
setInterval(sampleAll, 1);
process.on('SIGCONT', sampleAll);
process.on('exit', sampleAll);
sessions.start();
elections.start();
say({ k: 'up', t: nowUs() });
