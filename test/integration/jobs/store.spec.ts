import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { heldBy, type JobRecord, type RunEntry } from '../../../src/zookeeper/jobs/record/job-record.js';
import { viewIn, type Change, type JobStore, type RecordRepair } from '../../../src/zookeeper/jobs/persistence/job-store.js';
import { EMPTY_CONTROL, type JobControl } from '../../../src/zookeeper/jobs/record/job-control.js';
import type { TriggerNode } from '../../../src/zookeeper/jobs/record/trigger.state.js';
import { MemoryJobStore } from '../../../src/zookeeper/jobs/persistence/memory-store.js';
import { encodeAtAnySize } from '../../../src/zookeeper/jobs/persistence/codec/record-codec.js';
import { ROOMY_RECORD_BYTES } from '../../../src/zookeeper/jobs/persistence/verdict-log.js';
import { NO_RUN, type StoredVerdict } from '../../../src/zookeeper/jobs/record/verdict.js';
import { jobZnodes, type JobZnodes } from '../../../src/zookeeper/jobs/persistence/job.znodes.js';
import { encodeControl } from '../../../src/zookeeper/jobs/persistence/codec/control-codec.js';
import { encodeTrigger } from '../../../src/zookeeper/jobs/persistence/codec/trigger-codec.js';
import { repair } from '../../../src/zookeeper/jobs/persistence/zookeeper-repair.js';
import {
  addTrigger,
  loadTriggerAndRecord,
  MAX_KEPT_TRIGGERS,
  REMOVED_AT_ONCE,
} from '../../../src/zookeeper/jobs/persistence/zookeeper-triggers.js';
import { ZookeeperJobStore } from '../../../src/zookeeper/jobs/persistence/zookeeper-store.js';
import type { Fence } from '../../../src/zookeeper/mastership/election/held-tenure.js';
import type { Session, Sessions } from '../../../src/zookeeper/session/session.js';
import { systemClock, type Clock } from '../../../src/zookeeper/support/clock.js';
import { startAdmin, type Admin } from '../../support/admin.js';
import { eventually } from '../../support/eventually.js';
import { startProxy } from '../../support/proxy.js';
import { startServer, type ZooKeeperServer } from '../../support/zookeeper.js';
import { PausesNoted } from '../../unit/jobs/control/pauses-noted.js';
import { ObservedSessions } from '../session/observed-sessions.js';
import { frame, replyHeader } from '../wire/peer.js';

const JOB = 'payouts';
/** ZooKeeper's code for a request that it refuses because it has too many. */
const THROTTLED = -127;
const EMPTY: JobRecord = {
  schedule: { cronTime: '* * * * * *', timeZone: 'UTC', sinceMs: undefined },
  cursor: undefined,
  running: [],
  triggers: [],
  pausedMs: undefined,
  resumedMs: undefined,
  recent: [],
  succeededMs: undefined,
  alarmedMs: undefined,
};
const CONTROL: JobControl = { declared: [], inForce: { from: 'code', version: '1' }, audit: [] };

let server: ZooKeeperServer;
let admin: Admin;
let roots = 0;
let rootPath = '';
const open: AsyncDisposable[] = [];

beforeAll(async () => {
  server = await startServer();
  admin = await startAdmin(server.connectString);
});
beforeEach(() => {
  rootPath = `/store-${++roots}`;
});
afterEach(async () => {
  for (const each of open.splice(0)) await each[Symbol.asyncDispose]();
});
afterAll(async () => {
  await admin[Symbol.asyncDispose]();
  await server.dispose();
});

async function connect(connectString = server.connectString): Promise<{ readonly store: ZookeeperJobStore; readonly session: Session }> {
  const sessions = await ObservedSessions.start(connectString);
  open.push(sessions);
  const store = new ZookeeperJobStore({
    sessions: sessions.supervisor,
    rootPath,
    service: 'Bank',
    clock: systemClock,
    observer: { observe: () => undefined },
  });
  const session = sessions.supervisor.current();
  if (session === undefined) throw new Error('There is no session.');
  return { store, session };
}

function at(second: number): { dueMs: number; nominalMs: number } {
  return { dueMs: second * 1_000, nominalMs: second * 1_000 };
}

function entry(claim: string, second: number): RunEntry {
  return {
    claim,
    tick: at(second),
    trigger: undefined,
    cause: 'schedule',
    starts: 1,
    startedMs: 1,
    holder: heldBy('version~a'),
    election: 'e',
    token: 1n,
  };
}

function ran(second: number, error?: string): StoredVerdict {
  const none = { reason: undefined, until: undefined, trigger: undefined, explanation: undefined } as const;
  const run = { cause: 'schedule', attempt: 1, startedMs: second * 1_000, durationMs: 1, by: 'a:1', token: 1n } as const;
  return { ...none, ...run, outcome: error === undefined ? 'ran' : 'failed', tick: at(second), count: 1, error };
}

function trigger(id: string, change: Partial<TriggerNode> = {}): TriggerNode {
  return { id, input: { amount: 7 }, by: 'anna', atMs: 5, state: 'waiting', ...change } as TriggerNode;
}

function refusedOf(id: string): StoredVerdict {
  return { ...NO_RUN, outcome: 'skipped', reason: 'reset', trigger: id };
}

function ending({ id }: TriggerNode): StoredVerdict {
  return refusedOf(id);
}

function znodes(): JobZnodes {
  return jobZnodes({ rootPath, service: 'Bank' });
}

/** The session, with these operations one after the other; `hook` runs once, before the one with the index `at`. */
function withHook(session: Session, name: 'multi' | 'get', at: number, hook: () => Promise<void>): Session {
  let line: Promise<unknown> = Promise.resolve();
  let calls = 0;
  const hooked = (...args: unknown[]): Promise<unknown> => {
    const call = line.then(async () => {
      if (calls++ === at) await hook();
      return (session[name] as (...of: unknown[]) => Promise<unknown>).apply(session, args);
    });
    line = call.catch(() => undefined);
    return call;
  };
  return new Proxy(session, {
    get: (target, key) => {
      if (key === name) return hooked;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? (value as () => unknown).bind(target) : value;
    },
  });
}

/** What comes in place of a record that cannot be read, with the control node as it is. */
async function repairing(store: JobStore): Promise<RecordRepair> {
  const view = (await store.loadControl(JOB)) ?? expect.fail('there is no control node');
  return { record: EMPTY, control: { view, control: view.control }, end: ending };
}

/** What `addTrigger` needs besides a session. */
function writing(sessions: Sessions, clock: Clock = systemClock): Parameters<typeof addTrigger>[1] {
  return { sessions, clock, znodes: znodes(), logLost: () => undefined };
}

/** Triggers that are over, one as old as the other. */
async function putEnded(session: Session, name: string, count: number): Promise<void> {
  const ids = Array.from({ length: count }, (_, n) => `${name}-${n}`);
  const data = (id: string): Buffer => encodeTrigger({ ...trigger(id), state: 'ended', verdict: ran(1) });
  await session.multi(ids.map((id) => ({ kind: 'create', path: znodes().trigger(JOB, id), data: data(id), mode: 'persistent' })));
}

async function change(store: JobStore, record: Partial<JobRecord>, more: Partial<Change> = {}): Promise<Change> {
  const view = viewIn(await store.load(JOB));
  if (view === undefined) throw new Error('There is no record.');
  return { view, record: { ...view.record, ...record }, verdicts: [], triggers: [], fence: undefined, ...more };
}

describe.each<[string, () => Promise<JobStore>]>([
  ['in ZooKeeper', async () => (await connect()).store],
  ['in memory', async () => new MemoryJobStore({ clock: systemClock })],
])('decisions kept %s', (_, make) => {
  let store: JobStore;
  beforeEach(async () => {
    store = await make();
    await store.create(JOB, EMPTY, CONTROL);
  });

  it('are made once: the first record stays', async () => {
    await store.create(JOB, { ...EMPTY, pausedMs: 1 }, CONTROL);
    expect(viewIn(await store.load(JOB))?.record).toEqual(EMPTY);
    expect(await store.jobs()).toEqual([JOB]);
    expect(viewIn(await store.load('other'))).toBeUndefined();
  });

  it('take a change of what they are, and no change of what they were', async () => {
    const first = await change(store, { cursor: at(1), running: [entry('one', 1)] });
    const second = await change(store, { cursor: at(1), running: [entry('two', 1)] });
    const written = await store.write(JOB, first);
    expect(written).toMatchObject({ kind: 'written', view: { record: { running: [{ claim: 'one' }] } } });
    expect(await store.write(JOB, second)).toEqual({ kind: 'moved' });
    const view = viewIn(await store.load(JOB));
    expect(view).toEqual(written.kind === 'written' ? written.view : undefined);
  });

  it('move verdicts to the log when the record has no room, and lose none', async () => {
    for (let second = 1; second <= 30; second += 1) {
      const written = await store.write(JOB, await change(store, { cursor: at(second) }, { verdicts: [ran(second)] }));
      expect(written.kind).toBe('written');
    }
    await store.write(JOB, await change(store, {}, { verdicts: [ran(31, 'no money')] }));
    const all = [...(await store.loadLog(JOB)), ...(viewIn(await store.load(JOB))?.record.recent ?? [])];
    expect(all.map(({ tick }) => tick?.dueMs)).toEqual(Array.from({ length: 31 }, (__, index) => (index + 1) * 1_000));
    expect(all.at(-1)?.error).toBe('no money');
  });

  it('have a trigger once for each id, up to a limit, and tell what became of it', async () => {
    expect(await store.addTrigger(JOB, trigger('a'))).toBe('added');
    expect(await store.addTrigger(JOB, trigger('a'))).toBe('exists');
    expect(await store.addTrigger('other', trigger('a'))).toBe('no job');
    for (const id of ['b', 'c', 'd', 'e', 'f']) expect(await store.addTrigger(JOB, trigger(id))).toBe('added');
    expect(await store.addTrigger(JOB, trigger('g'))).toBe('full');
    let told = 0;
    const release = store.watchTrigger(JOB, 'a', () => (told += 1));
    await store.write(
      JOB,
      await change(store, { triggers: ['b', 'c', 'd', 'e', 'f'] }, { triggers: [{ id: 'a', state: 'ended', verdict: ran(1) }] }),
    );
    await eventually(() => expect(told).toBeGreaterThan(0), { what: 'the listener of the trigger' });
    release();
    expect(await store.loadTrigger(JOB, 'a')).toMatchObject({ state: 'ended', input: { amount: 7 }, verdict: { outcome: 'ran' } });
    expect(await store.loadTrigger(JOB, 'nobody')).toBeUndefined();
  });

  it('tell of the newest triggers, and of whoever asked for one anew', async () => {
    const ids = ['c', 'a', 'b'];
    for (const id of ids) expect(await store.addTrigger(JOB, trigger(id))).toBe('added');
    expect((await store.triggers(JOB, 2)).map(({ id }) => id)).toEqual(['a', 'b']);
    await store.write(JOB, await change(store, {}, { triggers: [{ id: 'a', state: 'waiting', asked: { by: 'bob', atMs: 9 } }] }));
    expect(await store.triggers(JOB, 9)).toMatchObject([{ id: 'c', by: 'anna' }, { id: 'a', by: 'bob', atMs: 9 }, { id: 'b' }]);
    expect(await store.triggers('other', 9)).toEqual([]);
  });

  it('keep what a triggered run has returned, with the end of its trigger', async () => {
    await store.addTrigger(JOB, trigger('a'));
    expect(await store.loadResult(JOB, 'a')).toBeUndefined();
    const end = { id: 'a', state: 'ended', verdict: ran(1) } as const;
    for (const [result, kept] of [
      [{ kind: 'json', json: '{"paid":7}' } as const, { value: { paid: 7 }, leftOut: undefined }],
      [{ kind: 'left out', why: 'it is long' } as const, { value: undefined, leftOut: 'it is long' }],
    ] as const) {
      expect((await store.write(JOB, await change(store, { triggers: [] }, { triggers: [{ ...end, result }] }))).kind).toBe('written');
      expect(await store.loadResult(JOB, 'a')).toEqual(kept);
    }
    expect(await store.loadTrigger(JOB, 'a')).toMatchObject({ state: 'ended' });
    await store.remove(JOB);
    expect(await store.loadResult(JOB, 'a')).toBeUndefined();
  });

  it('tell of each change of the control node, and of none after the release', async () => {
    let told = 0;
    const release = store.watchControl(JOB, () => (told += 1));
    for (let round = 1; round <= 3; round += 1) {
      const view = await store.loadControl(JOB);
      if (view === undefined) throw new Error('There is no control node.');
      const before = told;
      const audit = [...view.control.audit, { atMs: round, by: 'anna', kind: 'other' as const, change: `change ${round}` }];
      expect((await store.write(JOB, await change(store, {}, { control: { view, control: { ...view.control, audit } } }))).kind).toBe(
        'written',
      );
      await eventually(() => expect(told).toBeGreaterThan(before), { what: `change ${round} to be told` });
    }
    release();
    const after = told;
    await store.addTrigger(JOB, trigger('late'));
    expect((await store.loadControl(JOB))?.control.audit).toHaveLength(3);
    expect(told).toBe(after);
  });

  it('keep a checkpoint and a progress', async () => {
    expect(await store.loadNote(JOB, 'checkpoint')).toBeUndefined();
    await store.saveNote(JOB, 'checkpoint', Buffer.from('{"lastCommit":7}'), undefined);
    await store.saveNote(JOB, 'checkpoint', Buffer.from('{"lastCommit":8}'), undefined);
    expect(await store.loadNote(JOB, 'checkpoint')).toEqual({ lastCommit: 8 });
    await store.saveNote('plain method', 'checkpoint', Buffer.from('1'), undefined);
    expect(await store.loadNote('plain method', 'checkpoint')).toBe(1);
  });

  it('are removed with everything below', async () => {
    await store.addTrigger(JOB, trigger('a'));
    await store.saveNote(JOB, 'progress', Buffer.from('1'), undefined);
    await store.remove(JOB);
    expect(await store.jobs()).toEqual([]);
    expect(viewIn(await store.load(JOB))).toBeUndefined();
  });
});

describe('decisions in ZooKeeper', () => {
  /** A tenure as two nodes stand for it. */
  async function fenced(session: Session): Promise<Fence> {
    for (const name of ['tenure', 'node']) await session.create(`${rootPath}/${name}`, Buffer.alloc(0), 'ephemeral');
    return {
      session,
      member: 'version~a',
      startChecks: () => [
        { kind: 'check', path: `${rootPath}/tenure`, version: -1 },
        { kind: 'check', path: `${rootPath}/node`, version: 0 },
      ],
      workChecks: () => [{ kind: 'check', path: `${rootPath}/tenure`, version: -1 }],
      holderOf: () => undefined,
      refused: async () => undefined,
      readEnsembleTime: async () => Date.now(),
      clocks: async () => ({ own: { host: 'a', offMs: 0 }, others: [] }),
    };
  }

  it('are refused to a master whose tenure node or election node is not as it was', async () => {
    const { store, session } = await connect();
    await store.create(JOB, EMPTY, CONTROL);
    const fence = await fenced(session);
    expect((await store.write(JOB, await change(store, { cursor: at(1) }, { fence }))).kind).toBe('written');
    await admin.set(`${rootPath}/node`, 'edited');
    expect(await store.write(JOB, await change(store, { cursor: at(2) }, { fence }))).toEqual({ kind: 'refused' });
    await store.saveNote(JOB, 'checkpoint', Buffer.from('0'), fence);
    await admin.delete(`${rootPath}/tenure`);
    await expect(store.saveNote(JOB, 'checkpoint', Buffer.from('1'), fence)).rejects.toThrow('no-node');
    await expect(store.saveNote(JOB, 'progress', Buffer.from('1'), fence)).rejects.toThrow('no-node');
    expect(await store.loadNote(JOB, 'checkpoint')).toBe(0);
    expect(await store.loadNote(JOB, 'progress')).toBeUndefined();
    expect(viewIn(await store.load(JOB))?.record.cursor).toEqual(at(1));
  });

  it('are told exactly when the reply to a claim is lost', async () => {
    await using proxy = await startProxy(server);
    const { store, session } = await connect(proxy.connectString);
    await store.create(JOB, EMPTY, CONTROL);
    const fence = await fenced(session);
    const claim = await change(store, { cursor: at(1), running: [entry('one', 1)] }, { fence });
    const lost = proxy.loseReplyTo('multi');
    const written = await store.write(JOB, claim);
    await lost;
    expect(written).toMatchObject({ kind: 'written', view: { version: claim.view.version + 1 } });
    expect(viewIn(await store.load(JOB))).toEqual(written.kind === 'written' ? written.view : undefined);
  });

  it('are told exactly when the request of a claim is lost', async () => {
    await using proxy = await startProxy(server);
    const { store, session } = await connect(proxy.connectString);
    await store.create(JOB, EMPTY, CONTROL);
    const fence = await fenced(session);
    const claim = await change(store, { cursor: at(1), running: [entry('one', 1)] }, { fence });
    const lost = proxy.loseRequest('multi');
    const written = await store.write(JOB, claim);
    await lost;
    expect(written).toMatchObject({ kind: 'written', view: { version: claim.view.version + 1 } });
  });

  it('that another replica has made meanwhile are not taken for own ones, when the reply is lost', async () => {
    await using proxy = await startProxy(server);
    const { store, session } = await connect(proxy.connectString);
    const other = await connect();
    await store.create(JOB, EMPTY, CONTROL);
    const fence = await fenced(session);
    const claim = await change(store, { cursor: at(1), running: [entry('one', 1)] }, { fence });
    const rival = await change(other.store, { cursor: at(1), running: [entry('rival', 1)] });
    expect((await other.store.write(JOB, rival)).kind).toBe('written');
    const lost = proxy.loseReplyTo('multi');
    expect(await store.write(JOB, claim)).toEqual({ kind: 'moved' });
    await lost;
    expect(viewIn(await store.load(JOB))?.record.running.map((each) => each.claim)).toEqual(['rival']);
  });

  it('that leave the same record as those of another replica are told apart by the log, when the reply is lost', async () => {
    await using proxy = await startProxy(server);
    const { store, session } = await connect(proxy.connectString);
    const other = await connect();
    await store.create(JOB, EMPTY, CONTROL);
    const fence = await fenced(session);
    // With a verdict that is too long for it the record holds none.
    const failed = (by: string): StoredVerdict => ({ ...ran(1, 'no route to host'), by });
    const own = await change(store, { cursor: at(1) }, { verdicts: [failed('a:1')], fence });
    const rival = await change(other.store, { cursor: at(1) }, { verdicts: [failed('b:1')] });
    expect((await other.store.write(JOB, rival)).kind).toBe('written');
    const lost = proxy.loseReplyTo('multi');
    expect(await store.write(JOB, own)).toEqual({ kind: 'moved' });
    await lost;
    expect((await store.loadLog(JOB)).map(({ by }) => by)).toEqual(['b:1']);
  });

  it('are told exactly when the reply to one with verdicts for the log is lost', async () => {
    await using proxy = await startProxy(server);
    const { store, session } = await connect(proxy.connectString);
    await store.create(JOB, EMPTY, CONTROL);
    const fence = await fenced(session);
    const triggered = { ...ran(4, 'no route to host'), tick: undefined, trigger: 'urgent' };
    for (const verdict of [ran(1, 'no route to host'), ran(2, 'no route to host'), triggered, ran(3, 'x'.repeat(3_000))]) {
      const own = await change(store, { cursor: verdict.tick ?? at(2) }, { verdicts: [verdict], fence });
      const lost = proxy.loseReplyTo('multi');
      expect(await store.write(JOB, own)).toMatchObject({ kind: 'written', view: { version: own.view.version + 1 } });
      await lost;
    }
    expect((await store.loadLog(JOB)).map(({ count }) => count)).toEqual([2, 1, 1]);
  });

  it('may have been made when the log was moved on before the repetition', async () => {
    await using proxy = await startProxy(server);
    const { store, session } = await connect(proxy.connectString);
    await store.create(JOB, EMPTY, CONTROL);
    const fence = await fenced(session);
    const own = await change(store, { cursor: at(1) }, { verdicts: [ran(1, 'no route to host')], fence });
    const lost = proxy.loseReplyTo('multi');
    const writing = store.write(JOB, own);
    proxy.refuse();
    await lost;
    await admin.set(znodes().verdicts(JOB), '');
    proxy.pass();
    expect(await writing).toEqual({ kind: 'unknown' });
  });

  it('may have been made when the reply is lost and the record was moved on before the repetition', async () => {
    await using proxy = await startProxy(server);
    const { store, session } = await connect(proxy.connectString);
    const other = await connect();
    await store.create(JOB, EMPTY, CONTROL);
    const fence = await fenced(session);
    const claim = await change(store, { cursor: at(1), running: [entry('one', 1)] }, { fence });
    const lost = proxy.loseReplyTo('multi');
    const writing = store.write(JOB, claim);
    proxy.refuse();
    await lost;
    expect((await other.store.write(JOB, await change(other.store, { pausedMs: 1 }))).kind).toBe('written');
    proxy.pass();
    expect(await writing).toEqual({ kind: 'unknown' });
    expect(viewIn(await store.load(JOB))?.record.running.map((each) => each.claim)).toEqual(['one']);
  });

  it('are not sent over a session that is over, or while there is none', async () => {
    const { store, session } = await connect();
    await store.create(JOB, EMPTY, CONTROL);
    const fence = await fenced(session);
    const claim = await change(store, { cursor: at(1) }, { fence });
    for (const each of open.splice(0)) await each[Symbol.asyncDispose]();
    expect(await store.write(JOB, claim)).toEqual({ kind: 'unsent' });
    expect(await store.write(JOB, { ...claim, fence: undefined })).toEqual({ kind: 'unsent' });
    await expect(store.load(JOB)).rejects.toThrow('ZK_NOT_CONNECTED');
  });

  it('say that a record was edited by hand, and take a repaired one', async () => {
    const { store } = await connect();
    await store.create(JOB, EMPTY, CONTROL);
    const stale = await change(store, { cursor: at(1) });
    await admin.set(`${rootPath}/jobs/Bank/${JOB}`, 'nonsense');
    expect(await store.load(JOB)).toMatchObject({ kind: 'unreadable', problem: expect.stringMatching(/JSON|token/i) as string });
    expect(await store.write(JOB, stale)).toEqual({ kind: 'moved' });
    expect(await store.repair(JOB, await repairing(store))).toBe('repaired');
    expect(await store.repair(JOB, await repairing(store))).toBe('readable');
    expect(viewIn(await store.load(JOB))?.record).toEqual(EMPTY);
  });

  it('are repaired together with the control node, or neither is', async () => {
    const { store, session } = await connect();
    await store.create(JOB, EMPTY, CONTROL);
    await admin.set(`${rootPath}/jobs/Bank/${JOB}`, 'nonsense');
    const stale = await repairing(store);
    await session.set(znodes().control(JOB), encodeControl(CONTROL), -1);
    expect(await store.repair(JOB, stale)).toBe('moved');
    expect(await store.load(JOB)).toMatchObject({ kind: 'unreadable' });
    const inForce = { from: 'control' } as const;
    const fresh = await repairing(store);
    expect(await store.repair(JOB, { ...fresh, control: { ...fresh.control, control: { ...CONTROL, inForce } } })).toBe('repaired');
    const [record, control] = await Promise.all([znodes().record(JOB), znodes().control(JOB)].map((path) => session.get(path)));
    expect(control?.stat.mzxid).toBe(record?.stat.mzxid);
    expect((await store.loadControl(JOB))?.control.inForce).toEqual(inForce);
  });

  it('end what waits or runs below a record that is repaired, and nothing else', async () => {
    const { store } = await connect();
    await store.create(JOB, EMPTY, CONTROL);
    for (const id of ['w', 's', 'e']) await store.addTrigger(JOB, trigger(id));
    const states = [{ id: 's', state: 'started' } as const, { id: 'e', state: 'ended', verdict: ran(1) } as const];
    await store.write(JOB, await change(store, { triggers: ['w'] }, { triggers: states }));
    await admin.set(`${rootPath}/jobs/Bank/${JOB}`, 'nonsense');
    expect(await store.repair(JOB, await repairing(store))).toBe('repaired');
    for (const id of ['w', 's'])
      expect(await store.loadTrigger(JOB, id)).toMatchObject({ state: 'refused', input: { amount: 7 }, verdict: { reason: 'reset' } });
    expect(await store.loadTrigger(JOB, 'e')).toMatchObject({ state: 'ended', verdict: { outcome: 'ran' } });
  });

  it('leave a trigger alone that was asked for anew since somebody else has repaired the record', async () => {
    const { store, session } = await connect();
    await store.create(JOB, EMPTY, CONTROL);
    await store.addTrigger(JOB, trigger('a'));
    await admin.set(`${rootPath}/jobs/Bank/${JOB}`, 'nonsense');
    const late = withHook(session, 'multi', 0, async () => {
      expect(await store.repair(JOB, await repairing(store))).toBe('repaired');
      await store.write(
        JOB,
        await change(store, { triggers: ['a'] }, { triggers: [{ id: 'a', state: 'waiting', asked: { by: 'anna', atMs: 5 } }] }),
      );
    });
    expect(await repair(late, znodes(), JOB, await repairing(store))).toBe('readable');
    expect(await store.loadTrigger(JOB, 'a')).toMatchObject({ state: 'waiting' });
    expect(viewIn(await store.load(JOB))?.record.triggers).toEqual(['a']);
  });

  it.each([1, 2])('are read with a trigger as both were at one instant, when it ends within the read (%i)', async (at) => {
    const { store, session } = await connect();
    await store.create(JOB, EMPTY, CONTROL);
    await store.addTrigger(JOB, trigger('a'));
    const slow = withHook(session, 'get', at, async () => {
      await store.write(JOB, await change(store, { triggers: [] }, { triggers: [{ id: 'a', state: 'ended', verdict: ran(1) }] }));
    });
    const standing = await loadTriggerAndRecord(slow, znodes(), JOB, 'a');
    expect(standing).toMatchObject({ view: { record: { triggers: [] } }, trigger: { state: 'ended' } });
    expect(await store.loadTriggerAndRecord(JOB, 'a')).toEqual(standing);
    expect(await store.loadTriggerAndRecord(JOB, 'nobody')).toBeUndefined();
  });

  it('keep a hundred triggers at least: the oldest that are over or forgotten go, those that wait stay', async () => {
    const { store, session } = await connect();
    await store.create(JOB, EMPTY, CONTROL);
    const folder = `${rootPath}/jobs/Bank/${JOB}/triggers`;
    await store.addTrigger(JOB, trigger('first'));
    const old = Array.from({ length: MAX_KEPT_TRIGGERS + REMOVED_AT_ONCE - 2 }, (_, n) => {
      const state = n % 2 === 0 ? ({ state: 'waiting' } as const) : ({ state: 'ended', verdict: ran(1) } as const);
      return { path: znodes().trigger(JOB, `old-${n}`), data: encodeTrigger(trigger(`old-${n}`, state)) };
    });
    await Promise.all(old.map(({ path, data }) => session.create(path, data, 'persistent')));
    await store.addTrigger(JOB, trigger('last'));
    await eventually(async () => expect(await admin.children(folder)).toHaveLength(MAX_KEPT_TRIGGERS), { what: 'the oldest to go' });
    const left = await admin.children(folder);
    expect(left).toEqual(expect.arrayContaining(['first', 'last', `old-${REMOVED_AT_ONCE}`]));
    expect(left.filter((name) => old.slice(0, REMOVED_AT_ONCE).some(({ path }) => path.endsWith(`/${name}`)))).toEqual([]);
  });

  it('are looked at when there are many to remove, and not with each request', async () => {
    const { store, session } = await connect();
    await store.create(JOB, EMPTY, CONTROL);
    const few = 5;
    await putEnded(session, 'old', MAX_KEPT_TRIGGERS + REMOVED_AT_ONCE - few - 1);
    const looks: string[] = [];
    const folder = znodes().triggers(JOB);
    const counting = new Proxy(session, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key, target);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]): unknown => {
          if (key === 'exists' && String(args[0]).startsWith(`${folder}/`)) looks.push(String(args[0]));
          return (value as (...of: unknown[]) => unknown).apply(target, args);
        };
      },
    });
    const sessions = { current: () => counting, onSession: () => () => undefined } as unknown as Sessions;
    for (let n = 0; n < few; n += 1) expect(await addTrigger(counting, writing(sessions), JOB, trigger(`new-${n}`))).toBe('added');
    // What is sent in the background after each of them goes before this, on the same session.
    await store.load(JOB);
    expect(looks).toEqual([]);
    expect(await addTrigger(counting, writing(sessions), JOB, trigger('last'))).toBe('added');
    await eventually(async () => expect(await session.children(folder)).toMatchObject({ names: { length: MAX_KEPT_TRIGGERS } }), {
      what: 'the oldest to go',
    });
    expect(new Set(looks).size).toBe(looks.length);
  });

  it('pause longer and longer before they are sent again, when the record has moved each time', async () => {
    const { store, session } = await connect();
    await store.create(JOB, EMPTY, CONTROL);
    const clock = new PausesNoted();
    const moving = new Proxy(session, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key, target);
        if (key !== 'multi') return typeof value === 'function' ? (value as () => unknown).bind(target) : value;
        return async (...args: Parameters<Session['multi']>) => {
          await store.write(JOB, await change(store, { succeededMs: clock.pauses.length + 1 }));
          return target.multi(...args);
        };
      },
    });
    const sessions = { current: () => moving, onSession: () => () => undefined } as unknown as Sessions;
    expect(await addTrigger(moving, writing(sessions, clock), JOB, trigger('a'))).toBe('contended');
    clock.mustHaveGrown();
    expect(viewIn(await store.load(JOB))?.record.triggers).toEqual([]);
  });

  it('remove what a run has returned with its trigger, and what a replica of an older version has left', async () => {
    const { store, session } = await connect();
    await store.create(JOB, EMPTY, CONTROL);
    await putEnded(session, 'older', REMOVED_AT_ONCE - 1);
    const result = { kind: 'json', json: '7' } as const;
    for (const id of ['first', 'second']) {
      await store.addTrigger(JOB, trigger(id));
      const ended = { id, state: 'ended', verdict: ran(1), result } as const;
      await store.write(JOB, await change(store, { triggers: [] }, { triggers: [ended] }));
    }
    await admin.create(`${rootPath}/jobs/Bank/${JOB}/results/orphan`, '[1,7]');
    await putEnded(session, 'newer', MAX_KEPT_TRIGGERS - 2);
    await store.addTrigger(JOB, trigger('last'));
    await eventually(async () => expect(await admin.children(znodes().results(JOB))).toEqual(['second']), { what: 'the others to go' });
    expect(await store.loadTrigger(JOB, 'first')).toMatchObject({ state: 'ended', verdict: { outcome: 'ran' } });
    expect(await store.loadResult(JOB, 'second')).toMatchObject({ value: 7 });
  });

  it('take the results of as many runs as can end together, and leave out what is too much for one request', async () => {
    const { store } = await connect();
    await store.create(JOB, EMPTY, CONTROL);
    const ids = ['a', 'b', 'c', 'd', 'e', 'f'];
    for (const id of ids) await store.addTrigger(JOB, trigger(id, { input: 'x'.repeat(65_000) }));
    const result = { kind: 'json', json: JSON.stringify('x'.repeat(65_000)) } as const;
    const triggers = ids.map((id) => ({ id, state: 'ended' as const, verdict: ran(1), result }));
    expect((await store.write(JOB, await change(store, { triggers: [] }, { triggers }))).kind).toBe('written');
    const kept = await Promise.all(ids.map((id) => store.loadResult(JOB, id)));
    expect(kept.map((each) => each?.leftOut?.replace(/\d+/, 'n'))).toEqual([
      ...Array.from({ length: 4 }, () => undefined),
      ...Array.from({ length: 2 }, () => 'runs that ended together have more than n bytes of results'),
    ]);
  });

  it('keep an old trigger that is asked for anew while the oldest are removed', async () => {
    const { store, session } = await connect();
    await store.create(JOB, EMPTY, CONTROL);
    for (let n = 0; n < MAX_KEPT_TRIGGERS + REMOVED_AT_ONCE; n += 1)
      await admin.create(
        znodes().trigger(JOB, `old-${n}`),
        encodeTrigger({ ...trigger(`old-${n}`), state: 'refused', verdict: refusedOf(`old-${n}`) }).toString(),
      );
    let asked = false;
    // The first transaction adds, the second removes the oldest with its key.
    const slow = withHook(session, 'multi', 1, async () => {
      await store.write(
        JOB,
        await change(store, { triggers: ['old-0'] }, { triggers: [{ id: 'old-0', state: 'waiting', asked: { by: 'anna', atMs: 5 } }] }),
      );
      asked = true;
    });
    const sessions = { current: () => slow, onSession: () => () => undefined } as unknown as Sessions;
    expect(await addTrigger(slow, writing(sessions), JOB, trigger('last'))).toBe('added');
    await eventually(() => expect(asked).toBe(true), { what: 'the old one to be asked for anew' });
    // Read behind the removal, on its session.
    expect(await store.loadTrigger(JOB, 'old-0')).toMatchObject({ state: 'waiting' });
  });

  it('say that a record is gone', async () => {
    const { store } = await connect();
    await store.create(JOB, EMPTY, CONTROL);
    const stale = await change(store, { cursor: at(1) });
    await store.remove(JOB);
    expect(await store.write(JOB, stale)).toEqual({ kind: 'moved' });
  });

  it.each(['verdicts', 'control', 'triggers'])('go on when somebody has deleted the node "%s"', async (name) => {
    const { store } = await connect();
    await store.create(JOB, EMPTY, CONTROL);
    await admin.delete(`${rootPath}/jobs/Bank/${JOB}/${name}`);
    expect((await store.write(JOB, await change(store, {}, { verdicts: [ran(1, 'boom')] }))).kind).toBe('written');
    await store.create(JOB, EMPTY, CONTROL);
    expect(await store.addTrigger(JOB, trigger('a'))).toBe('added');
    expect(await store.loadLog(JOB)).toHaveLength(1);
  });

  it.each(['control', 'triggers'])('take a trigger at once when somebody has deleted the node "%s"', async (name) => {
    const { store } = await connect();
    await store.create(JOB, EMPTY, CONTROL);
    await admin.delete(`${rootPath}/jobs/Bank/${JOB}/${name}`);
    expect(await store.addTrigger(JOB, trigger('a'))).toBe('added');
    expect(await store.loadTrigger(JOB, 'a')).toMatchObject({ state: 'waiting' });
    expect((await store.loadControl(JOB))?.control).toEqual(name === 'control' ? EMPTY_CONTROL : CONTROL);
  });

  it('make room for a trigger by moving verdicts to the log', async () => {
    const { store } = await connect();
    const verdicts = ['a', 'b'].map((letter, index) => ({ ...ran(index + 1), by: letter.repeat(261) }));
    const withCron = (cronTime: string): JobRecord => ({ ...EMPTY, schedule: { cronTime, timeZone: 'UTC', sinceMs: undefined } });
    const left = ROOMY_RECORD_BYTES - encodeAtAnySize({ ...withCron(''), recent: verdicts }).length;
    await store.create(JOB, withCron('*'.repeat(left)), CONTROL);
    await store.write(JOB, await change(store, {}, { verdicts }));
    expect(viewIn(await store.load(JOB))?.record.recent).toEqual(verdicts);
    expect(await store.addTrigger(JOB, trigger('a'))).toBe('added');
    expect(viewIn(await store.load(JOB))?.record).toMatchObject({ triggers: ['a'], recent: [] });
    expect(await store.loadLog(JOB)).toEqual(verdicts);
  });

  it('begin a log anew that somebody has written over', async () => {
    const { store } = await connect();
    await store.create(JOB, EMPTY, CONTROL);
    await admin.set(`${rootPath}/jobs/Bank/${JOB}/verdicts`, '{');
    expect((await store.write(JOB, await change(store, {}, { verdicts: [ran(1, 'boom')] }))).kind).toBe('written');
    expect(await store.loadLog(JOB)).toHaveLength(1);
  });

  it('are told of to a listener through a reconnect', async () => {
    await using proxy = await startProxy(server);
    const { store } = await connect(proxy.connectString);
    await store.create(JOB, EMPTY, CONTROL);
    let told = 0;
    const release = store.watchRecord(JOB, () => (told += 1));
    await store.load(JOB);
    proxy.resetAll();
    await eventually(() => expect(told).toBeGreaterThan(0), { what: 'the reconnect to be told' });
    const before = told;
    const other = await connect();
    await other.store.write(JOB, await change(other.store, { cursor: at(1) }));
    await eventually(() => expect(told).toBeGreaterThan(before), { what: 'the change to be told' });
    release();
  });

  it('are told of although ZooKeeper has refused to set the watch, twice, on a connection that stays', async () => {
    await using proxy = await startProxy(server);
    const { store, session } = await connect(proxy.connectString);
    await store.create(JOB, EMPTY, CONTROL);
    let refusals = 0;
    proxy.onFrame(({ kind, op, xid }) => {
      if (kind !== 'reply' || op !== 'exists' || xid === undefined || refusals === 2) return 'pass';
      refusals += 1;
      return frame(replyHeader(xid, THROTTLED, -1n));
    });
    let detached = 0;
    session.onDetached(() => (detached += 1));
    let told = 0;
    const release = store.watchRecord(JOB, () => (told += 1));
    // Changed before the watch was set: the listener hears that it may have missed something.
    await store.write(JOB, await change(store, { cursor: at(1) }));
    await eventually(() => expect([refusals, told > 0]).toEqual([2, true]), { what: 'the missed change to be told' });
    const before = told;
    await eventually(
      async () => {
        await store.write(JOB, await change(store, { cursor: at(2) }));
        expect(told).toBeGreaterThan(before + 1);
      },
      { what: 'later changes to be told' },
    );
    release();
    expect(detached).toBe(0);
  });

  it('are told of when a member goes, although the watch of its node was refused', async () => {
    await using proxy = await startProxy(server);
    const { store } = await connect(proxy.connectString);
    proxy.onFrame(({ kind, op, xid }) =>
      kind === 'reply' && op === 'exists' && xid !== undefined ? frame(replyHeader(xid, THROTTLED, -1n)) : 'pass',
    );
    let told = 0;
    store.watchMembers(['version~a'], () => (told += 1));
    await eventually(() => expect(told).toBe(1), { what: 'the refused watch to be told of' });
  });

  it('are told of when a member goes, or is gone already', async () => {
    const { store } = await connect();
    const member = `${rootPath}/members/Bank/version~a`;
    await admin.create(member, '{"address":"a:1","version":"1","jobs":["payouts"]}', 'EPHEMERAL');
    await eventually(
      async () => expect(await store.members()).toEqual([{ name: 'version~a', address: 'a:1', version: '1', jobs: [JOB] }]),
      {
        what: 'the member',
      },
    );
    let told = 0;
    store.watchMembers(['version~a'], () => (told += 1));
    await admin.set(member, '{}');
    await store.members();
    expect(told).toBe(0);
    await admin.delete(member);
    await eventually(() => expect(told).toBe(1), { what: 'the end of the member' });
    store.watchMembers(['version~a'], () => (told += 1));
    await eventually(() => expect(told).toBe(2), { what: 'the absence' });
  });

  it('are read behind a sync by whoever must not take one for what it was before', async () => {
    const { store, session } = await connect();
    const asked: string[] = [];
    const { sync, children } = session;
    Object.assign(session, {
      sync: (...args: Parameters<Session['sync']>) => (asked.push('sync'), sync.apply(session, args)),
      children: (...args: Parameters<Session['children']>) => (asked.push('children'), children.apply(session, args)),
    });
    await store.members('latest');
    await store.members();
    expect(asked).toEqual(['sync', 'children', 'children']);
  });

  it('about two hundred jobs are made at once', async () => {
    const { store } = await connect();
    const jobs = Array.from({ length: 200 }, (_, index) => `job ${index}`);
    await Promise.all(jobs.map((job) => store.create(job, EMPTY, CONTROL)));
    const views = await Promise.all(jobs.map(async (job) => viewIn(await store.load(job))));
    const results = await Promise.all(
      jobs.map((job, index) => {
        const view = views[index];
        if (view === undefined) throw new Error(`There is no record of ${job}.`);
        return store.write(job, { view, record: { ...view.record, cursor: at(1) }, verdicts: [ran(1)], triggers: [], fence: undefined });
      }),
    );
    expect(results.every(({ kind }) => kind === 'written')).toBe(true);
    expect((await store.jobs()).length).toBe(200);
  });
});
