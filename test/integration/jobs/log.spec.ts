import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { encodeLog } from '../../../src/zookeeper/jobs/persistence/verdict-log.js';
import { MAX_VERDICTS } from '../../../src/zookeeper/jobs/record/verdict.js';
import { SEGMENT_BYTES } from '../../../src/zookeeper/jobs/persistence/zookeeper-log.js';
import { startServer, type ZooKeeperServer } from '../../support/zookeeper.js';
import { changeOf, CONTROL, EMPTY, entryOf, JOB, openStore, tickAt, verdictOf, type StoreScene } from './scene.js';

let server: ZooKeeperServer;
let roots = 0;
let scene: StoreScene;

beforeAll(async () => {
  server = await startServer();
});
beforeEach(async () => {
  scene = await openStore(server.connectString, `/log-${++roots}`);
  await scene.store.create(JOB, EMPTY, CONTROL);
});
afterEach(() => scene[Symbol.asyncDispose]());
afterAll(() => server.dispose());

/** A run, as the master writes it: the claim, then the end with its verdict. */
async function run(second: number, error?: string): Promise<void> {
  const { store } = scene;
  const claim = await store.write(JOB, await changeOf(store, { cursor: tickAt(second), running: [entryOf(second)] }));
  const end = await store.write(JOB, await changeOf(store, { running: [] }, { verdicts: [verdictOf(second, error)] }));
  expect([claim.kind, end.kind]).toEqual(['written', 'written']);
}

/** Bytes written for each of so many runs, of which the first ones fill the log. */
async function bytesPerRun(from: number, runs: number, error: (second: number) => string | undefined): Promise<number> {
  for (let second = from; second < from + runs / 2; second += 1) await run(second, error(second));
  const before = scene.written();
  for (let second = from + runs / 2; second < from + runs; second += 1) await run(second, error(second));
  return (scene.written() - before) / (runs / 2);
}

describe('the log of verdicts', () => {
  it('costs a job that fails no more than a few times what it costs to succeed, however long that goes on', async () => {
    const succeeds = await bytesPerRun(1, 200, () => undefined);
    const fails = await bytesPerRun(1_001, 200, () => 'connect ECONNREFUSED 10.0.0.1:5432');
    const failsVariously = await bytesPerRun(
      2_001,
      240,
      (second) => `request ${second} failed: ${'the invoice has no amount; '.repeat(10)}`,
    );
    // It was 30 times as much, and grew with the log.
    expect(fails / succeeds).toBeLessThan(2.5);
    expect(failsVariously / succeeds).toBeLessThan(6);
  });

  it('keeps the newest hundred, in their order, in segments that nobody writes over', async () => {
    for (let second = 1; second <= 260; second += 1) await run(second, `failure ${second} ${'x'.repeat(100)}`);
    const kept = await scene.store.loadLog(JOB);
    expect(kept.map(({ tick }) => (tick?.dueMs ?? 0) / 1_000)).toEqual(Array.from({ length: MAX_VERDICTS }, (_, n) => 161 + n));
    const { session, znodes } = scene;
    const { names } = await session.children(znodes.segments(JOB));
    const segments = await Promise.all(names.map((name) => session.get(`${znodes.segments(JOB)}/${name}`)));
    expect(segments.every(({ data, stat }) => data.length <= SEGMENT_BYTES && stat.version === 0)).toBe(true);
    expect((await session.get(znodes.verdicts(JOB))).data.length).toBeLessThanOrEqual(SEGMENT_BYTES);
    // The older ones go: what is kept does not grow.
    expect(names.length).toBeLessThan(15);
  });

  it('has failures in a row that are alike as one entry', async () => {
    for (let second = 1; second <= 50; second += 1) await run(second, 'no money');
    await run(51);
    for (let second = 52; second <= 60; second += 1) await run(second, 'no money');
    const [first, second, third] = await scene.store.loadLog(JOB);
    expect(first).toMatchObject({ outcome: 'failed', count: 50, tick: tickAt(1), until: tickAt(50), error: 'no money', startedMs: 1_000 });
    expect(second).toMatchObject({ outcome: 'ran', tick: tickAt(51) });
    expect(third).toMatchObject({ outcome: 'failed', count: 9, tick: tickAt(52), until: tickAt(60) });
  });

  it('takes over a whole log that an older version has written, and lets it write on', async () => {
    const { session, store, znodes } = scene;
    const old = Array.from({ length: 90 }, (_, n) => verdictOf(n + 1, `old failure ${n} ${'x'.repeat(200)}`));
    await session.set(znodes.verdicts(JOB), encodeLog(old), -1);
    await run(91, 'new');
    expect((await store.loadLog(JOB)).map(({ error }) => error)).toEqual([...old.map(({ error }) => error), 'new']);
    // What an older version reads and writes is the youngest segment, as it always wrote it.
    const young = await session.get(znodes.verdicts(JOB));
    expect(young.data.equals(encodeLog([verdictOf(91, 'new')]))).toBe(true);
    await session.set(znodes.verdicts(JOB), encodeLog([verdictOf(91, 'new'), verdictOf(92, 'by the old one')]), young.stat.version);
    await run(93, 'y'.repeat(400));
    expect((await store.loadLog(JOB)).slice(-3).map(({ error }) => error?.slice(0, 5))).toEqual(['new', 'by th', 'yyyyy']);
  });

  it('is read whole while it grows', async () => {
    const reader = await openStore(server.connectString, `/log-${roots}`);
    try {
      let isOver = false;
      const reading = (async () => {
        while (!isOver) {
          const seconds = (await reader.store.loadLog(JOB)).map(({ tick }) => (tick?.dueMs ?? 0) / 1_000);
          const first = seconds[0] ?? 1;
          expect(seconds).toEqual(seconds.map((_, n) => first + n));
        }
      })();
      for (let second = 1; second <= 60; second += 1) await run(second, `failure ${second} ${'x'.repeat(300)}`);
      isOver = true;
      await reading;
    } finally {
      await reader[Symbol.asyncDispose]();
    }
  });

  it('goes on where a segment was deleted or written over by hand', async () => {
    const { session, store, znodes } = scene;
    for (let second = 1; second <= 40; second += 1) await run(second, `failure ${second} ${'x'.repeat(300)}`);
    const [first, second] = (await session.children(znodes.segments(JOB))).names.toSorted();
    await session.delete(`${znodes.segments(JOB)}/${first}`, -1);
    await session.set(`${znodes.segments(JOB)}/${second}`, Buffer.from('x'), -1);
    for (let next = 41; next <= 60; next += 1) await run(next, `failure ${next} ${'x'.repeat(300)}`);
    expect((await store.loadLog(JOB)).at(-1)).toMatchObject({ tick: tickAt(60) });
    await store.remove(JOB);
    expect(await store.jobs()).toEqual([]);
  });
});
