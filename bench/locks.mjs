// What a lock costs beside kazoo's Lock (python3-kazoo) and Curator's InterProcessMutex (libcurator-recipes-java), on
// one server, one after the other in turn: taken and released while nobody else wants it, and handed over among 2, 10
// and 100 who wait, from the call of the release to the next one's lock. All waiters of one library share one session.
// argv: rounds.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { CURATOR_JARS, provisionZooKeeper } from '../scripts/zookeeper/install.mjs';
import { built, figures, ms, table, withServer } from './support/library.mjs';

const { createSessions } = built('zookeeper/session/sessions.js');
const { connectedWithin } = built('zookeeper/session/connected.js');
const { EnsembleLocks } = built('zookeeper/recipes/locks/ensemble-locks.js');
const { semaphoreOf } = built('zookeeper/recipes/locks/semaphore.js');
const { Sightings } = built('zookeeper/recipes/locks/sightings.js');
const { systemClock } = built('zookeeper/support/clock.js');
const { silentObserver } = built('zookeeper/support/observer.js');

const ROUNDS = Number(process.argv[2] ?? 1_000);
const BLOCKS = 4;
const here = (name) => new URL(`./support/${name}`, import.meta.url).pathname;
const run = promisify(execFile);

async function alone(acquire, rounds) {
  const samples = [];
  for (let round = 0; round < rounds; round += 1) {
    const began = performance.now();
    await (await acquire()).release();
    samples.push(performance.now() - began);
  }
  return samples;
}

async function handedOver(acquire, waiters, rounds) {
  const samples = [];
  let released;
  const takeTurns = async () => {
    while (samples.length < rounds) {
      const lock = await acquire();
      if (released !== undefined && samples.length < rounds) samples.push(performance.now() - released);
      released = performance.now();
      await lock.release();
    }
  };
  await Promise.all(Array.from({ length: waiters }, takeTurns));
  return samples;
}

async function printed(command, args) {
  const { stdout } = await run(command, args, { maxBuffer: 1e8 });
  return stdout.trim().split('\n').map(Number);
}

async function subjects(connectString) {
  const sessions = createSessions({ connectString, sessionTimeoutMs: 10_000, clock: systemClock, observer: silentObserver });
  sessions.start();
  const session = await connectedWithin(sessions, systemClock, { timeoutMs: 60_000 });
  const parts = { clock: systemClock, observer: silentObserver, sightings: new Sightings(systemClock), address: 'bench:1' };
  const locks = new EnsembleLocks({ sessions, rootPath: '/soa', ...parts });
  const permits = semaphoreOf(locks, 'bench', 1);
  const bare = async () => {
    const path = await session.create('/soa/bench-', Buffer.alloc(0), 'ephemeral-sequential');
    return { release: () => session.delete(path, -1) };
  };
  const ours = (acquire) => (waiters, rounds) => (waiters === 1 ? alone(acquire, rounds) : handedOver(acquire, waiters, rounds));
  const { java, classPath } = await provisionZooKeeper();
  const jars = [...CURATOR_JARS, ...classPath].join(':');
  const flags = ['-XX:TieredStopAtLevel=1', '-Dorg.slf4j.simpleLogger.defaultLogLevel=error', '-cp', jars];
  // The first lock below a root waits for whoever nobody knows of.
  await (await locks.acquire('bench', {})).release();
  await (await permits.acquire()).release();
  return {
    sessions,
    measured: {
      'this library: mutex': ours(() => locks.acquire('bench', {})),
      'this library: to read': ours(() => locks.acquire('bench-rw', {}, 'read')),
      'this library: to write': ours(() => locks.acquire('bench-rw', {}, 'write')),
      'this library: semaphore of one': ours(() => permits.acquire()),
      kazoo: (waiters, rounds) =>
        printed('/usr/bin/python3', [here('kazoo_lock.py'), connectString, '/kazoo', String(waiters), String(rounds)]),
      Curator: (waiters, rounds) =>
        printed(java, [...flags, here('CuratorLock.java'), connectString, '/curator', String(waiters), String(rounds)]),
      'a bare create and delete': (waiters, rounds) => (waiters === 1 ? alone(bare, rounds) : undefined),
      'a bare delete': (waiters, rounds) => (waiters === 1 ? bareDeletes(bare, rounds) : undefined),
    },
  };
}

async function bareDeletes(bare, rounds) {
  const samples = [];
  for (let round = 0; round < rounds; round += 1) {
    const node = await bare();
    const began = performance.now();
    await node.release();
    samples.push(performance.now() - began);
  }
  return samples;
}

await withServer(async ({ connectString }) => {
  const { sessions, measured } = await subjects(connectString);
  for (const waiters of [1, 2, 10, 100]) {
    const samples = new Map();
    for (let block = 0; block < BLOCKS; block += 1) {
      for (const [name, measure] of Object.entries(measured)) {
        // Those who read share it: nobody hands it over.
        if (waiters > 1 && name.endsWith('to read')) continue;
        const got = await measure(waiters, Math.ceil(ROUNDS / BLOCKS));
        // The first ones warm up.
        if (got !== undefined) samples.set(name, [...(samples.get(name) ?? []), ...got.slice(Math.ceil(got.length / 5))]);
      }
    }
    const rows = [...samples].map(([name, some]) => {
      const { n, min, median, p95, max } = figures(some);
      return [name, n, ms(min), ms(median), ms(p95), ms(max)];
    });
    console.log(waiters === 1 ? '\nTaken and released, while nobody else wants it' : `\nHanded over among ${waiters} who wait`);
    table(['', 'n', 'min', 'median', 'p95', 'max'], rows);
  }
  await sessions.stop(5_000);
});
