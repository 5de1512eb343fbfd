import { viewIn } from '../../../src/zookeeper/jobs/persistence/job-store.js';
import { heldBy } from '../../../src/zookeeper/jobs/record/job-record.js';
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { list } from '../../../src/zookeeper/jobs/control/list.js';
import { pause, resume } from '../../../src/zookeeper/jobs/control/pause.js';
import { reschedule } from '../../../src/zookeeper/jobs/control/reschedule.js';
import { resetClaim } from '../../../src/zookeeper/jobs/control/reset.js';
import { trigger } from '../../../src/zookeeper/jobs/control/trigger.js';
import { verdicts } from '../../../src/zookeeper/jobs/control/verdicts.js';
import { why } from '../../../src/zookeeper/jobs/control/why.js';
import { endOf } from '../../../src/zookeeper/jobs/schedule/tick.js';
import { type Admin, startAdmin } from '../../support/admin.js';
import { eventually, failureOf } from '../../support/eventually.js';
import { startServer, type ZooKeeperServer } from '../../support/zookeeper.js';
import { HOURLY, JOB, Replica, SERVICE } from './control-replica.js';

const DAILY = { cronTime: '0 0 2 * * *', timeZone: 'UTC' };

let server: ZooKeeperServer;
let admin: Admin;
let rootPath: string;
const open: AsyncDisposable[] = [];

beforeAll(async () => {
  server = await startServer();
  admin = await startAdmin(server.connectString);
});

afterAll(async () => {
  for (const each of open) await each[Symbol.asyncDispose]();
  await admin[Symbol.asyncDispose]();
  await server.dispose();
});

beforeEach(() => {
  rootPath = `/${randomUUID()}`;
});

const start = (version: string): Promise<Replica> => Replica.start(version, { connectString: server.connectString, admin, rootPath, open });

describe('orders from several replicas', () => {
  it('are all carried out and all noted, also when they meet', async () => {
    const [a, b] = [await start('1.0'), await start('1.0')];
    await a.boot();
    const orders = [
      ...Array.from({ length: 5 }, (_, i) => reschedule(a.parts, JOB, { cronTime: `${i} 0 3 * * *` }, `anna ${i}`)),
      ...Array.from({ length: 5 }, (_, i) => reschedule(b.parts, JOB, { cronTime: `${i} 30 4 * * *` }, `bert ${i}`)),
      pause(b.parts, JOB, 'carl'),
      pause(a.parts, JOB, 'dora'),
    ];
    const done = await Promise.all(orders);
    expect(done.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => true));
    expect(done.slice(10).filter(Boolean)).toHaveLength(1);
    const record = await a.record();
    const { audit, inForce } = await b.control();
    const changes = audit.map(({ change }) => change);
    expect(changes.filter((change) => change.startsWith('rescheduled'))).toHaveLength(10);
    expect(changes.filter((change) => change === 'paused')).toHaveLength(1);
    expect(inForce).toEqual({ from: 'control' });
    expect(record.pausedMs).toBeDefined();
    const last = changes.findLast((change) => change.startsWith('rescheduled'));
    expect(last).toContain(`to "${record.schedule?.cronTime}"`);
  });

  it('pause and resume from any of them', async () => {
    const [a, b] = [await start('1.0'), await start('1.0')];
    await a.boot({ schedule: { cronTime: '* * * * * *', timeZone: 'UTC' } });
    expect(await pause(a.parts, JOB, 'anna')).toBe(true);
    await eventually(
      async () => expect(await verdicts(b.parts.store, JOB)).toMatchObject([{ reason: 'paused', by: `anna at ${a.parts.address}` }]),
      {
        what: 'a tick of the pause',
      },
    );
    expect(await resume(b.parts, JOB)).toBe(true);
    const { recent, cursor, resumedMs } = await a.record();
    expect(recent.at(-1)).toMatchObject({ outcome: 'skipped', reason: 'paused' });
    expect(cursor).toEqual(endOf(resumedMs ?? 0));
  });

  it('tell why and list the same on each', async () => {
    const [a, b] = [await start('1.0'), await start('1.0')];
    await a.boot();
    await pause(a.parts, JOB, 'anna');
    const statuses = await Promise.all([a, b].map(({ parts }) => list(parts.store, new Set())));
    expect(statuses[0]).toEqual(statuses[1]);
    expect(statuses[0]).toMatchObject([{ job: JOB, orphaned: false, paused: { by: `anna at ${a.parts.address}` } }]);
    const parts = { ...b.parts, maxClockSkewMs: 30_000, own: new Set<string>(), masterOf: () => Promise.resolve(undefined) };
    expect(await why(parts, JOB, new Date(Date.now() + 86_400_000))).toMatch(/^Not a tick|paused by anna/);
  });
});

describe('triggers', () => {
  it('start once for one key, whichever replicas ask', async () => {
    const [a, b] = [await start('1.0'), await start('1.0')];
    await a.boot();
    const asked = [a, b, a].map(({ parts }) => trigger(parts, JOB, { idempotencyKey: 'invoice-7', input: { invoice: 7 } }));
    expect(await a.startTrigger()).toBe('invoice-7');
    expect(await Promise.all(asked)).toMatchObject([{ id: 'invoice-7' }, { id: 'invoice-7' }, { id: 'invoice-7' }]);
    await trigger(b.parts, JOB, { idempotencyKey: 'invoice-7' });
    expect((await a.record()).triggers).toEqual([]);
  });

  it('that were taken back are not there for any master to start', async () => {
    const replica = await start('1.0');
    await replica.boot();
    const failures = await Promise.all(Array.from({ length: 4 }, (_, i) => failureOf(trigger(replica.parts, JOB, { timeoutMs: i * 20 }))));
    expect(failures.map((failure) => (failure as { code?: string }).code)).toEqual(
      Array.from({ length: 4 }, () => 'ZK_TRIGGER_NOT_ACCEPTED'),
    );
    expect((await replica.record()).triggers).toEqual([]);
    const told = await verdicts(replica.parts.store, JOB);
    expect(told.filter(({ reason }) => reason === 'withdrawn')).toHaveLength(4);
  });

  it('are either started or taken back, when both are tried at once', async () => {
    const [master, caller] = [await start('1.0'), await start('1.0')];
    await master.boot();
    for (let round = 0; round < 20; round += 1) {
      const asked = trigger(caller.parts, JOB, { timeoutMs: round, idempotencyKey: `round-${round}` }).then(
        () => 'started',
        (thrown: unknown) => (thrown as { code?: string }).code,
      );
      const view = viewIn(await master.parts.store.load(JOB));
      const isWaiting = view?.record.triggers.includes(`round-${round}`) === true;
      const record = view && { ...view.record, triggers: [] };
      const start = view && record && isWaiting;
      const written = start
        ? await master.parts.store.write(JOB, {
            view,
            record,
            verdicts: [],
            triggers: [{ id: `round-${round}`, state: 'started' }],
            fence: undefined,
          })
        : undefined;
      expect(await asked).toBe(written?.kind === 'written' ? 'started' : 'ZK_TRIGGER_NOT_ACCEPTED');
    }
  });
});

describe('the schedule in force', () => {
  it('follows a rolling deploy, does not flap with restarts of the old version, and follows the roll-back', async () => {
    const [old, another] = [await start('1.0'), await start('1.0')];
    expect(await old.boot()).toMatchObject({ change: 'created' });
    expect(await another.boot()).toMatchObject({ change: 'none' });
    const next = await start('1.1');
    expect(await next.boot({ schedule: DAILY })).toMatchObject({ change: 'in force' });
    const since = (await old.record()).schedule?.sinceMs;
    expect(await another.boot()).toMatchObject({ change: 'none' });
    expect((await old.record()).schedule).toEqual({ ...DAILY, sinceMs: since });
    await next.stop();
    expect(await old.boot()).toMatchObject({ change: 'in force' });
    expect((await old.record()).schedule).toMatchObject(HOURLY);
    expect((await old.control()).audit.map(({ by }) => by)).toEqual([next.parts.address, old.parts.address]);
  });

  it('is made once when all replicas start at the same time', async () => {
    const replicas = await Promise.all(Array.from({ length: 4 }, (_, i) => start(`1.${i}`)));
    await Promise.all(replicas.map((replica) => replica.boot()));
    const [first] = replicas;
    const control = await first?.control();
    expect(control?.declared.map(({ version }) => version).sort()).toEqual(['1.0', '1.1', '1.2', '1.3']);
    expect(await first?.record()).toMatchObject({ schedule: { ...HOURLY, sinceMs: undefined }, cursor: undefined });
  });

  it('stays as ordered through deploys, and goes back to the code on request', async () => {
    const old = await start('1.0');
    await old.boot();
    await reschedule(old.parts, JOB, { cronTime: '0 15 * * * *' }, 'anna');
    const next = await start('1.1');
    expect(await next.boot({ schedule: DAILY })).toMatchObject({ change: 'overridden', note: expect.stringContaining('anna') });
    expect((await next.record()).schedule?.cronTime).toBe('0 15 * * * *');
    await reschedule(old.parts, JOB, null);
    expect((await next.record()).schedule).toMatchObject(DAILY);
  });

  it('changes with other code under the same version', async () => {
    const replica = await start('1.0');
    await replica.boot();
    expect(await replica.boot({ schedule: DAILY })).toMatchObject({ change: 'in force' });
  });
});

it('makes a damaged record anew, once, and leaves the control node and the checkpoint', async () => {
  const [a, b] = [await start('1.0'), await start('1.0')];
  await a.boot();
  await a.parts.store.saveNote(JOB, 'checkpoint', Buffer.from('{"lastCommit":7}'), undefined);
  await admin.set(`${rootPath}/jobs/${SERVICE}/${JOB}`, 'nonsense');
  expect(await a.boot()).toMatchObject({ change: 'none' });
  await expect(pause(a.parts, JOB)).rejects.toMatchObject({ code: 'ZK_JOB_RECORD' });
  await Promise.all([a, b].map(({ parts }) => resetClaim(parts, JOB)));
  expect((await a.record()).schedule).toMatchObject(HOURLY);
  expect(await a.parts.store.loadNote(JOB, 'checkpoint')).toEqual({ lastCommit: 7 });
  expect((await a.control()).audit).toHaveLength(2);
});

it('goes on with a control node and a progress that somebody has written over', async () => {
  const replica = await start('1.0');
  await replica.boot();
  const { store } = replica.parts;
  await store.saveNote(JOB, 'progress', Buffer.from('{"fraction":0.5,"atMs":0,"token":"1"}'), undefined);
  const view = viewIn(await store.load(JOB));
  if (view === undefined) throw new Error('There is no record.');
  const run = {
    claim: randomUUID(),
    trigger: 't',
    cause: 'trigger',
    starts: 1,
    startedMs: Date.now(),
    holder: heldBy('gone'),
    election: 'e',
    token: 1n,
  } as const;
  await store.write(JOB, {
    view,
    record: { ...view.record, running: [{ ...run, tick: undefined }] },
    verdicts: [],
    triggers: [],
    fence: undefined,
  });
  expect(await list(store, new Set())).toMatchObject([{ progress: { fraction: 0.5 } }]);
  for (const node of ['control', 'progress']) await admin.set(`${rootPath}/jobs/${SERVICE}/${JOB}/${node}`, 'nonsense');
  expect(await pause(replica.parts, JOB)).toBe(true);
  await replica.boot();
  expect(await replica.control()).toMatchObject({
    declared: [{ version: '1.0' }],
    inForce: { version: '1.0' },
    audit: [{ change: 'paused' }],
  });
  expect(await list(store, new Set())).toMatchObject([{ job: JOB, kind: 'cron', problem: undefined, progress: undefined }]);
});
