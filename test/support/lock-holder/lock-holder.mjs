// One process that takes a lock: the built library, no Nest. Options: one JSON argument. Commands: lines of JSON on
// stdin. What it sees goes to stdout as lines of JSON; times are microseconds of CLOCK_MONOTONIC, which all processes
// share.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const options = JSON.parse(process.argv[2] ?? '{}');
const dist = options.dist ?? fileURLToPath(new URL('../../../dist', import.meta.url));
const require = createRequire(import.meta.url);
const { createSessions } = require(join(dist, 'zookeeper/session/sessions.js'));
const { EnsembleLocks } = require(join(dist, 'zookeeper/recipes/locks/ensemble-locks.js'));
const { semaphoreOf } = require(join(dist, 'zookeeper/recipes/locks/semaphore.js'));
const { Sightings } = require(join(dist, 'zookeeper/recipes/locks/sightings.js'));
const { systemClock } = require(join(dist, 'zookeeper/support/clock.js'));

/** At least this often a stream that goes on is written down, so that little is lost with a killed process. */
const FLUSH_US = 20_000;

const nowUs = () => Number(process.hrtime.bigint() / 1000n);
const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

const observer = { observe: ({ event, message }) => say({ k: 'observed', event, message }) };
const { connectString, sessionTimeoutMs, rootPath = '/soa', address } = options;
const sessions = createSessions({ connectString, sessionTimeoutMs, clock: systemClock, observer });
const locks = new EnsembleLocks({ sessions, rootPath, address, clock: systemClock, observer, sightings: new Sightings(systemClock) });

/** The lock as this process has it, and when it was seen to be held: since when at the latest, until when at least. */
let lock;
let shares = false;
let seen;

function flush() {
  if (seen !== undefined) say({ k: 'held', ...seen });
  seen = undefined;
}

function sample() {
  if (lock === undefined) return;
  const before = nowUs();
  const isHeld = lock.held;
  const after = nowUs() + 1;
  if (!isHeld) return flush();
  seen ??= { token: String(lock.fencingToken), shares, first: after, last: before };
  seen.last = before;
  if (seen.last - seen.first > FLUSH_US) flush();
}

/** By name and number. */
const semaphores = new Map();

function semaphore(name, permits) {
  const key = JSON.stringify([name, permits]);
  if (!semaphores.has(key)) semaphores.set(key, semaphoreOf(locks, name, permits));
  return semaphores.get(key);
}

async function take({ name, waitMs, mode, permits }) {
  const taken = permits === undefined ? await locks.acquire(name, { waitMs }, mode) : await semaphore(name, permits).acquire({ waitMs });
  lock = taken;
  shares = mode === 'read' || permits !== undefined;
  taken.signal.addEventListener('abort', () => say({ k: 'told', token: String(taken.fencingToken), why: taken.signal.reason.code }));
  sample();
  flush();
  return String(taken.fencingToken);
}

async function release() {
  sample();
  flush();
  const given = lock;
  lock = undefined;
  await given.release();
}

let looping;
let isStopping = false;

/** One of what is asked for at a time, chosen at random. */
async function loop({ name, asked }) {
  while (!isStopping) {
    const beganUs = nowUs();
    try {
      await take({ name, ...asked[Math.floor(Math.random() * asked.length)] });
      say({ k: 'turn', waitedMs: Math.round((nowUs() - beganUs) / 1_000) });
      await new Promise((resolve) => setTimeout(resolve, 2 + Math.random() * 10));
      await release();
    } catch (thrown) {
      say({ k: 'failed', why: String(thrown?.message ?? thrown) });
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

const COMMANDS = {
  acquire: take,
  release,
  loop(given) {
    looping = loop(given);
  },
  async stop() {
    isStopping = true;
    await looping;
  },
  async turns({ name, count, mode, permits }) {
    for (let turn = 0; turn < count; turn += 1) {
      await take({ name, mode, permits });
      // Seen by others, if anybody else has it.
      await new Promise((resolve) => setTimeout(resolve, 2));
      await release();
    }
  },
};

createInterface({ input: process.stdin }).on('line', async (line) => {
  const { cmd, id, ...given } = JSON.parse(line);
  try {
    say({ k: 'done', id, result: (await COMMANDS[cmd](given)) ?? null });
  } catch (thrown) {
    say({ k: 'done', id, error: String(thrown?.message ?? thrown) });
  }
});

// Overdue after a stall: the first to ask.
setInterval(sample, 1);
process.on('SIGCONT', sample);
sessions.onSession(() => say({ k: 'session' }));
sessions.start();
