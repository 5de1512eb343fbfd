import { describe, expect, it } from 'vitest';
import { register, type Registered } from '../../../../src/zookeeper/jobs/control/registration.js';
import type { KnownRun } from '../../../../src/zookeeper/jobs/record/changes.js';
import { heldBy } from '../../../../src/zookeeper/jobs/record/job-record.js';
import { viewIn } from '../../../../src/zookeeper/jobs/persistence/job-store.js';
import { changeInWords, MAX_DECLARATIONS, type Declaration } from '../../../../src/zookeeper/jobs/record/job-control.js';
import type { Tick } from '../../../../src/zookeeper/jobs/schedule/tick.js';
import { PausesNoted } from './pauses-noted.js';
import { systemClock } from '../../../../src/zookeeper/support/clock.js';
import { DAILY, declared, HOURLY, KeptStore, member, ms, tick } from './kept-store.js';

const NOON = ms('2026-11-21T12:00:30Z');

class Cluster {
  readonly store = new KeptStore(NOON);

  /** A replica of this version starts. */
  boot(declaration: Declaration, known: { cursor?: Tick; running?: KnownRun[] } = {}): Promise<Registered> {
    const { cursor, running = [] } = known;
    return register(this.store, 'payouts', { declaration, by: '10.0.0.7:90', known: { cursor, running }, clock: systemClock });
  }

  alive(...versions: string[]): void {
    this.store.alive = versions.map((version) => member(version, ['payouts']));
  }

  get schedule(): unknown {
    return this.store.record('payouts').schedule;
  }
}

const OLD = declared('1.0');
const NEW = declared('1.1', { schedule: DAILY });

describe('the schedule in force', () => {
  it('is that of the code when the job is new, from when its record was made', async () => {
    const cluster = new Cluster();
    expect(await cluster.boot(OLD)).toMatchObject({ change: 'created' });
    expect(cluster.schedule).toEqual({ ...HOURLY, sinceMs: undefined });
    expect(await cluster.boot(OLD)).toEqual({ change: 'none', note: undefined });
    expect(cluster.store.writes).toBe(1);
  });

  it('changes with the first replica of a new version, and stays when one of the old version starts again', async () => {
    const cluster = new Cluster();
    cluster.alive('1.0', '1.1');
    await cluster.boot(OLD);
    expect(await cluster.boot(NEW)).toMatchObject({ change: 'in force', note: expect.stringContaining('"0 0 2 * * *"') });
    expect(cluster.schedule).toEqual({ ...DAILY, sinceMs: NOON });
    expect(await cluster.boot(OLD)).toMatchObject({ change: 'none', note: expect.stringContaining('of version 1.1 is in force') });
    expect(cluster.schedule).toEqual({ ...DAILY, sinceMs: NOON });
  });

  it('goes back when no replica of the newer version lives any more', async () => {
    const cluster = new Cluster();
    cluster.alive('1.0', '1.1');
    await cluster.boot(OLD);
    await cluster.boot(NEW);
    cluster.alive('1.0');
    cluster.store.clockMs += 60_000;
    expect(await cluster.boot(OLD)).toMatchObject({ change: 'in force' });
    expect(cluster.schedule).toEqual({ ...HOURLY, sinceMs: NOON + 60_000 });
  });

  describe('after a roll-back, when the newer version was only away for a moment', () => {
    const DUE = ms('2026-11-22T02:00:00Z');

    /** Version 1.1 is away at 02:00, when its daily tick is due, and 1.0 has taken its place. */
    async function away(old: Declaration): Promise<Cluster> {
      const cluster = new Cluster();
      cluster.alive('1.0', '1.1');
      await cluster.boot(old);
      await cluster.boot(NEW);
      cluster.store.clockMs = DUE - 30_000;
      cluster.alive('1.0');
      expect(await cluster.boot(old)).toMatchObject({ change: 'in force' });
      cluster.alive('1.0', '1.1');
      return cluster;
    }

    it('goes on as if it had never been gone: what fell due meanwhile is due', async () => {
      const cluster = await away(declared('1.0', { schedule: { cronTime: '0 0 5 * * *', timeZone: 'UTC' } }));
      cluster.store.clockMs = DUE + 30_000;
      expect(await cluster.boot(NEW)).toMatchObject({ change: 'in force' });
      const { schedule, cursor, recent } = cluster.store.record('payouts');
      expect(schedule).toEqual({ ...DAILY, sinceMs: DUE - 30_000 });
      expect([cursor, recent.filter(({ tick: about }) => about?.dueMs === DUE)]).toEqual([undefined, []]);
      expect(cluster.store.control('payouts').inForce).toEqual({ from: 'code', version: '1.1' });
      expect(await cluster.boot(OLD)).toMatchObject({ change: expect.not.stringMatching('created') });
    });

    it('gives a verdict to what lies behind a tick that was decided meanwhile, once', async () => {
      const cluster = await away(declared('1.0', { schedule: { cronTime: '10 * * * * *', timeZone: 'UTC' } }));
      const { store } = cluster;
      store.put(
        'payouts',
        { ...store.record('payouts'), cursor: { dueMs: DUE + 10_000, nominalMs: DUE + 10_000 } },
        store.control('payouts'),
      );
      store.clockMs = DUE + 30_000;
      await cluster.boot(NEW);
      const { cursor, recent } = store.record('payouts');
      expect(cursor?.dueMs).toBe(DUE + 10_000);
      expect(recent.filter(({ tick: about }) => about?.dueMs === DUE)).toMatchObject([{ outcome: 'missed', reason: 'late', count: 1 }]);
      await cluster.boot(NEW);
      expect(store.record('payouts').recent).toHaveLength(recent.length);
    });

    it('gives no second verdict to a tick of both schedules', async () => {
      const cluster = await away(OLD);
      const { store } = cluster;
      store.put('payouts', { ...store.record('payouts'), cursor: { dueMs: DUE, nominalMs: DUE } }, store.control('payouts'));
      store.clockMs = DUE + 30_000;
      const before = store.record('payouts').recent;
      await cluster.boot(NEW);
      expect(store.record('payouts')).toMatchObject({ recent: before, schedule: DAILY });
    });

    it('counts from now when it comes back after hours, as with a deploy', async () => {
      const cluster = await away(declared('1.0', { schedule: { cronTime: '0 0 5 * * *', timeZone: 'UTC' } }));
      cluster.store.clockMs = DUE + 2 * 3_600_000;
      await cluster.boot(NEW);
      expect(cluster.schedule).toEqual({ ...DAILY, sinceMs: cluster.store.clockMs });
    });

    it('comes back also when another option of the older version has changed meanwhile', async () => {
      const cluster = await away(OLD);
      await cluster.boot(declared('1.0', { maxSilenceMs: 5_000 }));
      await cluster.boot(NEW);
      expect(cluster.schedule).toMatchObject(DAILY);
      await cluster.boot(declared('1.0', { maxSilenceMs: 6_000 }));
      expect(cluster.schedule).toMatchObject(DAILY);
    });
  });

  it('is not held by a replica that never becomes master', async () => {
    const cluster = new Cluster();
    cluster.alive('1.0');
    await cluster.boot(OLD);
    await cluster.boot(NEW);
    cluster.store.alive.push({ name: 'observer~1', address: 'x', version: '1.1', jobs: [] });
    expect(await cluster.boot(OLD)).toMatchObject({ change: 'in force' });
  });

  it('goes on without a gap when the new version has the same one', async () => {
    const cluster = new Cluster();
    cluster.alive('1.0', '1.1');
    await cluster.boot(OLD);
    cluster.store.clockMs += 60_000;
    await cluster.boot(declared('1.1'));
    expect(cluster.schedule).toEqual({ ...HOURLY, sinceMs: undefined });
    expect(cluster.store.control('payouts').inForce).toEqual({ from: 'code', version: '1.1' });
  });

  it('changes with other code under the same version', async () => {
    const cluster = new Cluster();
    cluster.alive('1.0');
    await cluster.boot(OLD);
    expect(await cluster.boot(declared('1.0', { schedule: DAILY }))).toMatchObject({ change: 'in force' });
    expect(cluster.schedule).toEqual({ ...DAILY, sinceMs: NOON });
  });

  it('is told of loudly, on both sides, when replicas of one version have it in different time zones', async () => {
    const cluster = new Cluster();
    cluster.alive('1.0');
    const berlin = declared('1.0', { schedule: { ...DAILY, timeZone: 'Europe/Berlin' } });
    const utc = declared('1.0', { schedule: { ...DAILY, timeZone: 'UTC' } });
    expect((await cluster.boot(berlin)).zonesDiffer).toBeUndefined();
    expect((await cluster.boot(utc)).zonesDiffer).toMatch(
      /another replica of version 1\.0 has it in the time zone Europe\/Berlin, this one in UTC, which is in force now\. .*option timeZone of ZookeeperModule/u,
    );
    // The master, which sees that another schedule than its own is in force.
    expect((await cluster.boot(berlin)).zonesDiffer).toMatch(/in the time zone UTC, this one in Europe\/Berlin/u);
    expect((await cluster.boot(berlin)).zonesDiffer).toBeUndefined();
    expect((await cluster.boot(declared('1.1', { schedule: { ...DAILY, timeZone: 'UTC' } }))).zonesDiffer).toBeUndefined();
  });

  it('is told of when it stays in force in another time zone than the one of this code', async () => {
    const cluster = new Cluster();
    cluster.alive('1.0', '1.1');
    const utc = { ...DAILY, timeZone: 'UTC' };
    const old = declared('1.0', { schedule: { ...DAILY, timeZone: 'Europe/Berlin' } });
    await cluster.boot(old);
    await cluster.boot(declared('1.1', { schedule: utc }));
    // A standby of the old version, which starts again.
    const { change, zonesDiffer } = await cluster.boot(old);
    expect(change).toBe('none');
    expect(zonesDiffer).toMatch(
      /in force in the time zone UTC, by the code of version 1\.1; this replica, of version 1\.0, has it in Europe\/Berlin\./u,
    );
    expect((await cluster.boot(declared('1.1', { schedule: utc }))).zonesDiffer).toBeUndefined();
    // Another expression, or a schedule that somebody has ordered, is no matter of zones.
    await cluster.boot(declared('1.2', { schedule: HOURLY }));
    expect((await cluster.boot(old)).zonesDiffer).toBeUndefined();
  });

  it('is told of also while a reschedule is in force', async () => {
    const cluster = new Cluster();
    cluster.alive('1.0');
    await cluster.boot(declared('1.0', { schedule: { ...DAILY, timeZone: 'Europe/Berlin' } }));
    const { store } = cluster;
    store.put(
      'payouts',
      { ...store.record('payouts'), schedule: { ...HOURLY, sinceMs: NOON } },
      { ...store.control('payouts'), inForce: { from: 'control' } },
    );
    const { zonesDiffer } = await cluster.boot(declared('1.0', { schedule: { ...DAILY, timeZone: 'UTC' } }));
    expect(zonesDiffer).toMatch(/in the time zone Europe\/Berlin, this one in UTC; neither is in force while a reschedule is\./u);
  });

  it('does not change with another option of an old version', async () => {
    const cluster = new Cluster();
    cluster.alive('1.0', '1.1');
    await cluster.boot(OLD);
    await cluster.boot(NEW);
    expect(await cluster.boot(declared('1.0', { maxSilenceMs: 5_000 }))).toMatchObject({ change: 'declared' });
    expect(cluster.schedule).toEqual({ ...DAILY, sinceMs: NOON });
    expect(cluster.store.control('payouts').declared.find(({ version }) => version === '1.0')?.maxSilenceMs).toBe(5_000);
  });

  it('stays, through every deploy, when an operator has ordered it', async () => {
    const cluster = new Cluster();
    await cluster.boot(OLD);
    const { store } = cluster;
    store.put('payouts', store.record('payouts'), {
      ...store.control('payouts'),
      inForce: { from: 'control' },
      audit: [{ atMs: NOON, by: 'anna at x', ...changeInWords('rescheduled', 'something') }],
    });
    const registered = await cluster.boot(NEW);
    expect(registered).toMatchObject({
      change: 'overridden',
      note: expect.stringMatching(/ordered by reschedule by anna at x .*version 1\.1 says "0 0 2/),
    });
    expect(cluster.schedule).toMatchObject(HOURLY);
    expect(store.control('payouts').declared).toHaveLength(2);
  });

  it('leaves the verdict missed to ticks of the old one that are due, and never brings decided ones back', async () => {
    const cluster = new Cluster();
    await cluster.boot(OLD);
    cluster.store.clockMs = ms('2026-11-21T14:30:00Z');
    await cluster.boot(NEW);
    expect(cluster.store.record('payouts')).toMatchObject({
      recent: [{ outcome: 'missed', reason: 'late', tick: tick('2026-11-21T13:00:00Z'), until: tick('2026-11-21T14:00:00Z'), count: 2 }],
      cursor: tick('2026-11-21T14:00:00Z'),
    });
  });
});

describe('the schedule in force, beside decisions and disabled versions', () => {
  it('counts from behind what a master with a fast clock has decided', async () => {
    const cluster = new Cluster();
    await cluster.boot(OLD);
    const { store } = cluster;
    const decided = tick('2026-11-21T13:00:00Z');
    store.put('payouts', { ...store.record('payouts'), cursor: decided }, store.control('payouts'));
    store.clockMs = decided.dueMs - 20_000;
    await cluster.boot(NEW);
    expect(store.record('payouts')).toMatchObject({ cursor: decided, schedule: { ...DAILY, sinceMs: decided.dueMs } });
  });

  it('counts anew when it is enabled again, also under the same version, and gives what was due before its verdict when it is disabled', async () => {
    const cluster = new Cluster();
    const { store } = cluster;
    await cluster.boot(OLD);
    store.clockMs = ms('2026-11-21T13:30:00Z');
    expect(await cluster.boot({ ...OLD, disabled: true })).toMatchObject({ change: 'in force', note: expect.stringContaining('disabled') });
    expect(store.record('payouts').recent).toMatchObject([{ outcome: 'missed', tick: tick('2026-11-21T13:00:00Z'), count: 1 }]);
    store.clockMs = ms('2026-11-21T17:30:00Z');
    await cluster.boot(OLD);
    expect(cluster.schedule).toEqual({ ...HOURLY, sinceMs: store.clockMs });
    expect(store.record('payouts').recent).toHaveLength(1);
  });

  it('gives what is undecided its verdict when a version that had it disabled is rolled back: the older version has run it meanwhile', async () => {
    const cluster = new Cluster();
    const { store } = cluster;
    cluster.alive('1.0', '1.1');
    await cluster.boot(OLD);
    await cluster.boot(declared('1.1', { disabled: true }));
    // By the master of 1.0, which goes on; its successor starts just after 14:00.
    store.put('payouts', { ...store.record('payouts'), cursor: tick('2026-11-21T13:00:00Z') }, store.control('payouts'));
    cluster.alive('1.0');
    store.clockMs = ms('2026-11-21T14:00:03Z');
    await cluster.boot(OLD);
    expect(store.record('payouts')).toMatchObject({
      recent: [{ outcome: 'missed', reason: 'late', tick: tick('2026-11-21T14:00:00Z'), count: 1 }],
      cursor: tick('2026-11-21T14:00:00Z'),
      schedule: { ...HOURLY, sinceMs: store.clockMs },
    });
  });

  it('counts anew when it is enabled again while an operator has ordered another', async () => {
    const cluster = new Cluster();
    const { store } = cluster;
    await cluster.boot({ ...OLD, disabled: true });
    store.put(
      'payouts',
      { ...store.record('payouts'), schedule: { ...DAILY, sinceMs: NOON } },
      { ...store.control('payouts'), inForce: { from: 'control' } },
    );
    store.clockMs += 3_600_000;
    await cluster.boot(declared('1.1'));
    expect(cluster.schedule).toEqual({ ...DAILY, sinceMs: store.clockMs });
  });
});

describe('a declaration', () => {
  it('is kept for a limited number of versions, those that live and the one in force first', async () => {
    const cluster = new Cluster();
    cluster.alive('0');
    for (let version = 0; version <= MAX_DECLARATIONS + 2; version += 1) await cluster.boot(declared(String(version)));
    const versions = cluster.store.control('payouts').declared.map(({ version }) => version);
    expect(versions).toHaveLength(MAX_DECLARATIONS);
    expect(versions[0]).toBe('0');
    expect(versions.at(-1)).toBe(String(MAX_DECLARATIONS + 2));
  });

  it('goes into a control node that somebody has deleted', async () => {
    const cluster = new Cluster();
    await cluster.boot(OLD);
    const kept = cluster.store.kept.get('payouts');
    if (kept !== undefined) kept.control = undefined;
    await cluster.boot(OLD);
    expect(cluster.store.control('payouts')).toMatchObject({ declared: [OLD], inForce: { version: '1.0' } });
    expect(cluster.schedule).toEqual({ ...HOURLY, sinceMs: undefined });
  });

  it('asks who lives only where that matters: not for a new job, and not for a new version', async () => {
    const cluster = new Cluster();
    let asked = 0;
    cluster.store.members = () => {
      asked += 1;
      return Promise.resolve([member('1.0', []), member('1.1', [])]);
    };
    await cluster.boot(OLD);
    await cluster.boot(NEW);
    await cluster.boot(NEW);
    expect(asked).toBe(0);
    await cluster.boot(OLD);
    expect(asked).toBe(1);
  });

  it('changes nothing of a damaged record', async () => {
    const cluster = new Cluster();
    cluster.store.damage('payouts', 'it is empty');
    expect(await cluster.boot(OLD)).toEqual({ change: 'none', note: undefined });
    expect(cluster.store.writes).toBe(0);
  });
});

describe('replicas that declare one job at once', () => {
  it('pause longer and longer when others were first each time', async () => {
    const { store } = new Cluster();
    const clock = new PausesNoted();
    store.put('payouts', {}, {});
    store.beforeWrite = () => store.put('payouts', store.record('payouts'));
    const declaring = register(store, 'payouts', { declaration: OLD, by: 'a:1', known: { cursor: undefined, running: [] }, clock });
    await expect(declaring).rejects.toMatchObject({ code: 'ZK_JOB_CONTENDED' });
    clock.mustHaveGrown();
  });
});

describe('a record that was deleted', () => {
  const run = {
    trigger: undefined,
    cause: 'schedule',
    starts: 1,
    startedMs: NOON,
    holder: heldBy('version~x'),
    election: 'e',
    token: 3n,
  } as const;
  const entry = { ...run, claim: 'c', tick: tick('2026-11-21T12:00:00Z') };
  const cursor = tick('2026-11-21T12:00:00Z');

  it.each([
    ['by the master itself', async (): Promise<void> => undefined],
    ['by a standby that knows nothing', async (cluster: Cluster): Promise<void> => void (await cluster.boot(OLD))],
  ])('comes back with what its master knows, after it was made anew %s', async (_, before) => {
    const cluster = new Cluster();
    cluster.store.clockMs = ms('2026-11-21T14:30:00Z');
    await before(cluster);
    await cluster.boot(OLD, { cursor, running: [{ entry, czxid: 77n }] });
    expect(cluster.store.record('payouts')).toMatchObject({
      running: [entry],
      cursor: tick('2026-11-21T14:00:00Z'),
      recent: [
        { outcome: 'missed', reason: 'record lost', tick: tick('2026-11-21T13:00:00Z'), until: tick('2026-11-21T14:00:00Z'), count: 2 },
      ],
    });
  });

  it('is not mixed up with one that others have decided in since', async () => {
    const cluster = new Cluster();
    await cluster.boot(OLD);
    cluster.store.put('payouts', { ...cluster.store.record('payouts'), cursor: tick('2026-11-21T13:00:00Z') });
    const view = viewIn(await cluster.store.load('payouts'));
    await cluster.boot(OLD, { cursor, running: [{ entry, czxid: view?.czxid ?? 0n }] });
    expect(cluster.store.record('payouts')).toMatchObject({ running: [], recent: [], cursor: tick('2026-11-21T13:00:00Z') });
  });
});
