// Unique numbers per second: ids one after the other, by 100 callers of a process at once, and in blocks, beside
// kazoo's Counter (python3-kazoo) and Curator's DistributedAtomicLong (libcurator-recipes-java) on the same server, in
// turn.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { CURATOR_JARS, provisionZooKeeper } from '../scripts/zookeeper/install.mjs';
import { built, figures, table, withServer } from './support/library.mjs';

const COUNT = Number(process.argv[2] ?? 2_000);
const ROUNDS = Number(process.argv[3] ?? 5);
const CALLERS = 100;
const here = (name) => new URL(`./support/${name}`, import.meta.url).pathname;

const { createSessions } = built('zookeeper/session/sessions.js');
const { connectedWithin } = built('zookeeper/session/connected.js');
const { EnsembleCounters } = built('zookeeper/recipes/counters/ensemble-counters.js');
const { IdSources } = built('zookeeper/recipes/counters/ids.js');
const { systemClock } = built('zookeeper/support/clock.js');
const { silentObserver } = built('zookeeper/support/observer.js');

/** Numbers per second. */
async function rate(count, work) {
  const startedMs = performance.now();
  await work();
  return count / ((performance.now() - startedMs) / 1_000);
}

async function inTurn(count, next) {
  for (let turn = 0; turn < count; turn += 1) await next();
}

/** What another library's program prints. */
async function printedBy(command, args) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (data) => (output += data));
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${command} has ended with ${code}`);
  return Number(output);
}

const installation = await provisionZooKeeper();
const classPath = installation.kind === 'java' ? [...CURATOR_JARS, ...installation.classPath].join(':') : undefined;

await withServer(async ({ connectString }) => {
  const sessions = createSessions({ connectString, sessionTimeoutMs: 10_000, clock: systemClock, observer: silentObserver });
  sessions.start();
  await connectedWithin(sessions, systemClock, { timeoutMs: 10_000 });
  const sources = new IdSources(new EnsembleCounters({ sessions, clock: systemClock, rootPath: '/soa' }), systemClock);
  const ids = (block) => sources.of(`block-${block}`, { block });
  const measured = {
    'ids, one after the other': () => rate(COUNT, () => inTurn(COUNT, () => ids(1).next())),
    'ids, 100 callers at once': () =>
      rate(COUNT * 10, () => Promise.all(Array.from({ length: CALLERS }, () => inTurn((COUNT * 10) / CALLERS, () => ids(1).next())))),
    'ids in blocks of 100': () => rate(COUNT * 20, () => inTurn(COUNT * 20, () => ids(100).next())),
    'ids in blocks of 1 000': () => rate(COUNT * 100, () => inTurn(COUNT * 100, () => ids(1_000).next())),
    "kazoo's Counter": () => printedBy('/usr/bin/python3', [here('kazoo_numbers.py'), connectString, '/kazoo', COUNT]),
    ...(classPath !== undefined && {
      "Curator's DistributedAtomicLong": () =>
        printedBy(installation.java, [
          ...['-Dorg.slf4j.simpleLogger.defaultLogLevel=error', '-cp', classPath],
          ...[here('CuratorNumbers.java'), connectString, '/curator', COUNT],
        ]),
    }),
  };
  const rates = Object.fromEntries(Object.keys(measured).map((name) => [name, []]));
  await inTurn(COUNT / 10, () => ids(1).next());
  for (let round = 0; round < ROUNDS; round += 1) for (const [name, run] of Object.entries(measured)) rates[name].push(await run());
  const whole = (value) => Math.round(value).toLocaleString('en').replaceAll(',', ' ');
  const rows = Object.entries(rates).map(([name, each]) => {
    const { median, min, max } = figures(each);
    return [name, ROUNDS, ...[median, min, max].map(whole)];
  });
  table(['unique numbers per second', 'rounds', 'median', 'min', 'max'], rows);
  await sessions.stop(5_000);
});
