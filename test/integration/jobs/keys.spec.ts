import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { trigger } from '../../../src/zookeeper/jobs/control/trigger.js';
import { viewIn, type JobStore } from '../../../src/zookeeper/jobs/persistence/job-store.js';
import { MemoryJobStore } from '../../../src/zookeeper/jobs/persistence/memory-store.js';
import { encodeTrigger } from '../../../src/zookeeper/jobs/persistence/codec/trigger-codec.js';
import { NO_RUN } from '../../../src/zookeeper/jobs/record/verdict.js';
import { MAX_KEPT_TRIGGERS, REMOVED_AT_ONCE } from '../../../src/zookeeper/jobs/persistence/zookeeper-triggers.js';
import { MAX_KEYS_PER_BUCKET } from '../../../src/zookeeper/jobs/persistence/zookeeper-keys.js';
import type { Session } from '../../../src/zookeeper/session/session.js';
import { systemClock } from '../../../src/zookeeper/support/clock.js';
import { deferred, eventually } from '../../support/eventually.js';
import { startServer, type ZooKeeperServer } from '../../support/zookeeper.js';
import { changeOf, CONTROL, EMPTY, JOB, openStore, triggerOf, verdictOf, type StoreScene } from './scene.js';

const A_DAY_MS = 86_400_000;

let server: ZooKeeperServer;
let roots = 0;
let scene: StoreScene | undefined;

beforeAll(async () => {
  server = await startServer();
});
afterEach(async () => {
  await scene?.[Symbol.asyncDispose]();
  scene = undefined;
});
afterAll(() => server.dispose());

async function inZooKeeper(): Promise<StoreScene> {
  scene = await openStore(server.connectString, `/keys-${++roots}`);
  await scene.store.create(JOB, EMPTY, CONTROL);
  return scene;
}

async function inMemory(): Promise<JobStore> {
  const store = new MemoryJobStore({ clock: systemClock });
  await store.create(JOB, EMPTY, CONTROL);
  return store;
}

/** Asked for, and at its end at once. */
async function over(store: JobStore, id: string, state: 'ended' | 'refused' = 'ended', atMs = 5): Promise<void> {
  expect(await store.addTrigger(JOB, triggerOf(id, { atMs }))).toBe('added');
  const verdict =
    state === 'ended'
      ? { ...verdictOf(1), tick: undefined, trigger: id }
      : { ...NO_RUN, outcome: 'skipped' as const, reason: 'overlap' as const, trigger: id };
  const change = await changeOf(store, { triggers: [] }, { triggers: [{ id, state, verdict }] });
  expect((await store.write(JOB, change)).kind).toBe('written');
}

/** More than are kept with their input. Most of them are put there at once, as they are at their end. */
async function manyOthers(store: JobStore): Promise<void> {
  if (scene === undefined) for (let n = 0; n < MAX_KEPT_TRIGGERS; n += 1) await over(store, `other ${n}`);
  else await putThere(scene);
  for (let n = 0; n < 3; n += 1) await over(store, `last ${n}`);
}

async function putThere({ session, znodes }: StoreScene): Promise<void> {
  const ids = Array.from({ length: MAX_KEPT_TRIGGERS + REMOVED_AT_ONCE }, (_, n) => `other ${n}`);
  const data = (id: string): Buffer =>
    encodeTrigger(triggerOf(id, { state: 'ended', verdict: { ...verdictOf(1), tick: undefined, trigger: id } }));
  await session.multi(ids.map((id) => ({ kind: 'create', path: znodes.trigger(JOB, id), data: data(id), mode: 'persistent' })));
}

describe.each<[string, () => Promise<JobStore>]>([
  ['in ZooKeeper', async () => (await inZooKeeper()).store],
  ['in memory', inMemory],
])('what was asked for with a key, kept %s', (_where, make) => {
  let store: JobStore;
  beforeEach(async () => {
    store = await make();
  });

  it('is not run again, and has the same answer, after many others', async () => {
    await over(store, 'invoice 7');
    await manyOthers(store);
    expect(await store.addTrigger(JOB, triggerOf('invoice 7'))).toBe('exists');
    const parts = { store, clock: systemClock, address: 'me:1' };
    const again = await trigger(parts, JOB, { idempotencyKey: 'invoice 7', wait: 'done' });
    expect(again).toMatchObject({ id: 'invoice 7', verdict: { outcome: 'ran', trigger: 'invoice 7' } });
    expect(viewIn(await store.load(JOB))?.record.triggers).toEqual([]);
    await eventually(async () => expect((await store.loadTrigger(JOB, 'invoice 7'))?.input).toBeUndefined(), { what: 'its input to go' });
  });

  it('is asked for anew when it was refused, also after many others', async () => {
    await over(store, 'invoice 7', 'refused');
    await manyOthers(store);
    await eventually(async () => expect(await store.loadTrigger(JOB, 'invoice 7')).toBeUndefined(), { what: 'the refused one to go' });
    expect(await store.addTrigger(JOB, triggerOf('invoice 7', { input: { amount: 8 } }))).toBe('added');
    expect(await store.loadTrigger(JOB, 'invoice 7')).toMatchObject({ state: 'waiting', input: { amount: 8 } });
  });
});

describe('the keys of a job in ZooKeeper', () => {
  const idsIn = async ({ session, znodes }: StoreScene): Promise<string[][]> => {
    const { names } = await session.children(znodes.keys(JOB));
    return Promise.all(names.toSorted().map(async (name) => (await session.children(`${znodes.keys(JOB)}/${name}`)).names.toSorted()));
  };

  it('are remembered for a week, and then go, a day at a time', async () => {
    const at = await inZooKeeper();
    const startMs = Date.UTC(2027, 0, 1);
    for (const day of [0, 0.4, 1.1, 2.2, 3.3]) await over(at.store, `day ${day}`, 'ended', startMs + day * A_DAY_MS);
    expect(await idsIn(at)).toEqual([['day 0', 'day 0.4'], ['day 1.1'], ['day 2.2'], ['day 3.3']]);
    // The first bucket ends with the beginning of the second, so what is in it is 6.9 days old at least.
    await over(at.store, 'day 7.3', 'ended', startMs + 7.3 * A_DAY_MS);
    await over(at.store, 'day 7.4', 'ended', startMs + 7.4 * A_DAY_MS);
    expect((await idsIn(at))[0]).toEqual(['day 0', 'day 0.4']);
    await over(at.store, 'day 8.2', 'ended', startMs + 8.2 * A_DAY_MS);
    await eventually(async () => expect((await idsIn(at))[0]).toEqual(['day 1.1']), { what: 'the first day to go' });
    await eventually(async () => expect(await idsIn(at)).toHaveLength(4), { what: 'its bucket to go' });
  });

  it('go on in another bucket when one is full', async () => {
    const at = await inZooKeeper();
    await over(at.store, 'first');
    const [bucket] = (await at.session.children(at.znodes.keys(JOB))).names;
    await fill(at.session, `${at.znodes.keys(JOB)}/${bucket}`, MAX_KEYS_PER_BUCKET - 1);
    await over(at.store, 'next');
    const ids = await idsIn(at);
    expect(ids.map(({ length }) => length)).toEqual([MAX_KEYS_PER_BUCKET, 1]);
    expect(await at.store.addTrigger(JOB, triggerOf('first'))).toBe('exists');
    expect(await at.store.addTrigger(JOB, triggerOf('id-17'))).toBe('exists');
    await at.store.remove(JOB);
    expect(await at.store.jobs()).toEqual([]);
  });

  it('hold against a replica of an older version, which removes the nodes of triggers beyond a hundred', async () => {
    const at = await inZooKeeper();
    await over(at.store, 'invoice 7');
    await at.session.delete(at.znodes.trigger(JOB, 'invoice 7'), -1);
    expect(await at.store.addTrigger(JOB, triggerOf('invoice 7'))).toBe('exists');
    expect(viewIn(await at.store.load(JOB))?.record.triggers).toEqual([]);
  });

  it('are taken on from triggers that an older version has left', async () => {
    const at = await inZooKeeper();
    await over(at.store, 'invoice 7');
    const [bucket] = (await at.session.children(at.znodes.keys(JOB))).names;
    await at.session.delete(`${at.znodes.keys(JOB)}/${bucket}/invoice 7`, -1);
    await manyOthers(at.store);
    await eventually(async () => expect(await at.session.exists(at.znodes.trigger(JOB, 'invoice 7'))).toBeUndefined(), {
      what: 'its node to go',
    });
    expect(await at.store.addTrigger(JOB, triggerOf('invoice 7'))).toBe('exists');
    expect(await at.store.loadTrigger(JOB, 'invoice 7')).toMatchObject({ state: 'ended', verdict: { outcome: 'ran' } });
  });

  it('do not let two requests with one key pass each other', async () => {
    const at = await inZooKeeper();
    const other = await openStore(server.connectString, `/keys-${roots}`);
    try {
      for (let n = 0; n < 20; n += 1) {
        const answers = await Promise.all([at, other].map(({ store }) => store.addTrigger(JOB, triggerOf(`key ${n}`))));
        expect(answers.toSorted()).toEqual(['added', 'exists']);
        await at.store.write(
          JOB,
          await changeOf(at.store, { triggers: [] }, { triggers: [{ id: `key ${n}`, state: 'ended', verdict: verdictOf(1) }] }),
        );
      }
    } finally {
      await other[Symbol.asyncDispose]();
    }
  });

  it('stay when a replica that removes a refused request stands still until it has been asked for again, and has run', async () => {
    const at = await inZooKeeper();
    await over(at.store, 'invoice 7', 'refused');
    await putThere(at);
    const path = at.znodes.trigger(JOB, 'invoice 7');
    const runMeanwhile = async (): Promise<void> => {
      const verdict = { ...verdictOf(1), tick: undefined, trigger: 'invoice 7' };
      const [asked, ended] = [
        { id: 'invoice 7', state: 'waiting', asked: { by: 'me:1', atMs: 6 } } as const,
        { id: 'invoice 7', state: 'ended', verdict } as const,
      ];
      await at.store.write(JOB, await changeOf(at.store, { triggers: ['invoice 7'] }, { triggers: [asked] }));
      await at.store.write(JOB, await changeOf(at.store, { triggers: [] }, { triggers: [ended] }));
      await over(at.store, 'one more');
      await eventually(async () => expect(await at.session.exists(path)).toBeUndefined(), { what: 'its node to go' });
    };
    const removed = deferred<void>();
    const slow = await openStore(server.connectString, `/keys-${roots}`, {
      afterGet: async (read) => (read === path ? runMeanwhile() : undefined),
      afterRemoval: (gone) => (gone === path ? removed.resolve() : undefined),
    });
    try {
      await over(slow.store, 'slow');
      await removed.promise;
      expect(await at.store.addTrigger(JOB, triggerOf('invoice 7'))).toBe('exists');
    } finally {
      await slow[Symbol.asyncDispose]();
    }
  });
});

async function fill(session: Session, path: string, count: number): Promise<void> {
  for (let from = 0; from < count; from += 500) {
    const ids = Array.from({ length: Math.min(500, count - from) }, (_, n) => `id-${from + n}`);
    await session.multi(ids.map((id) => ({ kind: 'create', path: `${path}/${id}`, data: Buffer.alloc(0), mode: 'persistent' })));
  }
}
