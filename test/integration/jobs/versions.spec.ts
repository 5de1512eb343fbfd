import { heldBy } from '../../../src/zookeeper/jobs/record/job-record.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resetClaim } from '../../../src/zookeeper/jobs/control/reset.js';
import {
  encodeControl,
  MAX_BY_LENGTH,
  MAX_CHANGE_LENGTH,
  MAX_CONTROL_BYTES,
} from '../../../src/zookeeper/jobs/persistence/codec/control-codec.js';
import { viewIn } from '../../../src/zookeeper/jobs/persistence/job-store.js';
import type { JobControl } from '../../../src/zookeeper/jobs/record/job-control.js';
import { encodeLog } from '../../../src/zookeeper/jobs/persistence/verdict-log.js';
import { MAX_LOG_BYTES } from '../../../src/zookeeper/jobs/record/verdict.js';
import { ZookeeperJobStore } from '../../../src/zookeeper/jobs/persistence/zookeeper-store.js';
import type { Session } from '../../../src/zookeeper/session/session.js';
import { systemClock } from '../../../src/zookeeper/support/clock.js';
import type { Op, OpResult, Stat } from '../../../src/zookeeper/wire/operations.js';
import { startServer, type ZooKeeperServer } from '../../support/zookeeper.js';
import { changeOf, CONTROL, EMPTY, entryOf, JOB, openStore, tickAt, triggerOf, verdictOf, withSession } from './scene.js';

let server: ZooKeeperServer;

beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.dispose());

/**
 * A real session over which the record seems to have been changed so many times more often: versions are moved on where
 * they come in, as Java's int would, and back where they go out, but for -1, which goes out as it is and so compares
 * nothing. What was sent is noted.
 */
function olderBy(session: Session, path: string, changes: number, sent: number[]): Session {
  const stat = (real: Stat): Stat => ({ ...real, version: (real.version + changes) | 0 });
  const sentAs = (op: Op): Op => {
    if (op.path !== path || !('version' in op)) return op;
    sent.push(op.version);
    return op.version === -1 ? op : { ...op, version: (op.version - changes) | 0 };
  };
  const resultOf = (op: Op, result: OpResult): OpResult =>
    op.path === path && result.kind === 'set' ? { ...result, stat: stat(result.stat) } : result;
  const own: Partial<Session> = {
    get: async (of, ...more) => {
      const read = await session.get(of, ...more);
      return of === path ? { ...read, stat: stat(read.stat) } : read;
    },
    multi: async (operations, ...more) => {
      const results = await session.multi(operations.map(sentAs), ...more);
      return results.map((result, index) => resultOf(operations[index] as Op, result));
    },
  };
  return new Proxy(session, {
    get: (target, key) => {
      const value: unknown = Reflect.get(own, key) ?? Reflect.get(target, key, target);
      return typeof value === 'function' && !(key in own) ? (value as () => unknown).bind(target) : value;
    },
  });
}

describe('a record that has been changed very often', () => {
  it.each([
    ['about to become negative', 2 ** 31 - 4],
    ['about to become -1', -6],
  ])('is claimed once of two replicas with one view: %s', async (_what, changes) => {
    const rootPath = `/versions-${changes}`;
    await using scene = await openStore(server.connectString, rootPath);
    await scene.store.create(JOB, EMPTY, CONTROL);
    const sent: number[] = [];
    const session = olderBy(scene.session, scene.znodes.record(JOB), changes, sent);
    const sessions = withSession(scene.sessions, session);
    const observer = { observe: () => undefined };
    const store = new ZookeeperJobStore({ sessions, rootPath, service: 'Bank', clock: systemClock, observer });
    for (let second = 1; second <= 10; second += 1) {
      const [mine, theirs] = [second, second + 0.5].map((claim) => ({ ...entryOf(second), claim: `claim-${claim}` }));
      const changesOfOneView = await Promise.all(
        [mine, theirs].map((entry) => changeOf(store, { cursor: tickAt(second), running: entry === undefined ? [] : [entry] })),
      );
      const results = [];
      for (const each of changesOfOneView) results.push((await store.write(JOB, each)).kind);
      expect(results).toEqual(['written', 'moved']);
      expect(viewIn(await store.load(JOB))?.record.running).toEqual([mine]);
      expect(await store.addTrigger(JOB, triggerOf(`t${second}`))).toBe('added');
      await store.write(JOB, await changeOf(store, { running: [], triggers: [] }, { verdicts: [verdictOf(second)] }));
    }
    expect(viewIn(await store.load(JOB))?.version).not.toBe(-1);
    // Where -1 goes out it follows a comparison in the same transaction.
    expect(sent.filter((version, index) => version === -1 && sent[index - 1] !== -2)).toEqual([]);
  });

  it('says so, and is not written, where somebody has left it at -1', async () => {
    const rootPath = '/versions-any';
    await using scene = await openStore(server.connectString, rootPath);
    await scene.store.create(JOB, EMPTY, CONTROL);
    const change = await changeOf(scene.store, { cursor: tickAt(1) });
    await expect(scene.store.write(JOB, { ...change, view: { ...change.view, version: -1 } })).rejects.toMatchObject({
      code: 'ZK_UNCOMPARABLE_VERSION',
    });
    const session = olderBy(scene.session, scene.znodes.record(JOB), -1, []);
    const sessions = withSession(scene.sessions, session);
    const store = new ZookeeperJobStore({
      sessions,
      rootPath,
      service: 'Bank',
      clock: systemClock,
      observer: { observe: () => undefined },
    });
    expect(await store.load(JOB)).toEqual({ kind: 'unreadable', problem: expect.stringContaining('version is -1') as string });
  });
});

describe('resetClaim', () => {
  it('is carried out for a job that has the most of everything, in one transaction that ZooKeeper takes', async () => {
    await using scene = await openStore(server.connectString, '/reset');
    const { store, session, znodes } = scene;
    await store.create(JOB, EMPTY, largestControl());
    expect((await session.get(znodes.control(JOB))).data.length).toBeGreaterThan(0.95 * MAX_CONTROL_BYTES);
    const input = 'x'.repeat(65_534);
    const running = ['a', 'b', 'c', 'd'].map((id) => `running-${id}`);
    for (const id of running) {
      await store.addTrigger(JOB, triggerOf(id, { input }));
      const { view } = await changeOf(store, {});
      const entry = {
        ...entryOf(1),
        claim: `c-${id}`,
        tick: undefined,
        trigger: id,
        cause: 'trigger' as const,
        holder: heldBy('version~a'),
        election: 'e',
        token: 1n,
      };
      const change = await changeOf(
        store,
        { triggers: [], running: [...view.record.running, entry] },
        { triggers: [{ id, state: 'started' }] },
      );
      expect((await store.write(JOB, change)).kind).toBe('written');
    }
    for (const id of ['1', '2', '3', '4', '5', '6']) expect(await store.addTrigger(JOB, triggerOf(id, { input }))).toBe('added');
    // As an older version may have left it.
    const log = Array.from({ length: 50 }, (_, n) => verdictOf(n + 1, '\u0001'.repeat(400)));
    await session.set(znodes.verdicts(JOB), encodeLog(log), -1);
    expect((await session.get(znodes.verdicts(JOB))).data.length).toBeGreaterThan(0.9 * MAX_LOG_BYTES);
    await resetClaim({ store, clock: systemClock, address: '10.0.0.1:9090' }, JOB, 'anna');
    expect(viewIn(await store.load(JOB))?.record).toMatchObject({ running: [], triggers: [] });
    // Those that may have run lose their input; those that have not are kept whole, for whoever asks anew.
    for (const id of running)
      expect(await store.loadTrigger(JOB, id)).toMatchObject({ state: 'ended', verdict: { outcome: 'interrupted' } });
    for (const id of ['1', '6']) expect(await store.loadTrigger(JOB, id)).toMatchObject({ state: 'refused', input });
  });
});

/** As large as its codec lets it be. */
function largestControl(): JobControl {
  const audit = Array.from({ length: 50 }, (_, n) => ({
    atMs: n,
    by: '\u20ac'.repeat(MAX_BY_LENGTH),
    kind: 'other' as const,
    change: '\u20ac'.repeat(MAX_CHANGE_LENGTH),
  }));
  const control = (length: number): JobControl => ({
    ...CONTROL,
    audit,
    declared: Array.from({ length: 8 }, (_, n) => ({
      version: `${n}`,
      schedule: { cronTime: '*'.repeat(length), timeZone: 'UTC' },
      kind: 'cron',
      claim: 'tick',
      election: 'Bank:1',
      maxSilenceMs: undefined,
      disabled: false,
    })),
  });
  const left = MAX_CONTROL_BYTES - encodeControl(control(0)).length;
  return control(Math.floor(left / 8) - 10);
}
