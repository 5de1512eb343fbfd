import { heldBy } from '../../../../src/zookeeper/jobs/record/job-record.js';
import { describe, expect, it } from 'vitest';
import { pause, resume } from '../../../../src/zookeeper/jobs/control/pause.js';
import { resetClaim } from '../../../../src/zookeeper/jobs/control/reset.js';
import { removeRecord } from '../../../../src/zookeeper/jobs/control/remove.js';
import { verdicts } from '../../../../src/zookeeper/jobs/control/verdicts.js';
import { endOf } from '../../../../src/zookeeper/jobs/schedule/tick.js';
import { systemClock } from '../../../../src/zookeeper/support/clock.js';
import { DAILY, declared, HOURLY, member, ms, tick } from './kept-store.js';
import { NOON, said, scene } from './payouts.js';

describe('pause and resume', () => {
  it('notes who gave each order and when, and changes nothing when it is repeated', async () => {
    const { store, parts } = scene();
    expect(await pause(parts, 'payouts', 'anna')).toBe(true);
    expect(await pause(parts, 'payouts', 'bert')).toBe(false);
    expect(store.record('payouts').pausedMs).toBe(NOON);
    expect(await resume(parts, 'payouts')).toBe(true);
    expect(await resume(parts, 'payouts')).toBe(false);
    expect(store.control('payouts').audit).toEqual([
      { atMs: NOON, by: 'anna at 10.0.0.7:90', kind: 'paused', change: 'paused' },
      { atMs: NOON, by: '10.0.0.7:90', kind: 'resumed', change: 'resumed' },
    ]);
  });

  it('gives one verdict to the ticks of the pause and one to those that were due before, and makes up for none', async () => {
    const { store, parts } = scene();
    store.clockMs = ms('2026-11-21T14:30:00Z');
    await pause(parts, 'payouts');
    store.clockMs = ms('2026-11-21T17:10:00Z');
    await resume(parts, 'payouts');
    expect(said(store)).toEqual(['missed late 13:00..14:00 2', 'skipped paused 15:00..17:00 3']);
    expect(store.record('payouts')).toMatchObject({ pausedMs: undefined, resumedMs: store.clockMs, cursor: endOf(store.clockMs) });
  });

  it('shows the pause among the verdicts while it lasts', async () => {
    const { store, parts } = scene();
    await pause(parts, 'payouts', 'anna');
    expect(await verdicts(store, 'payouts')).toEqual([]);
    store.clockMs = ms('2026-11-21T14:30:00Z');
    expect(await verdicts(store, 'payouts')).toMatchObject([
      {
        outcome: 'skipped',
        reason: 'paused',
        scheduledTime: new Date('2026-11-21T13:00:00Z'),
        until: new Date('2026-11-21T14:00:00Z'),
        count: 2,
        by: 'anna at 10.0.0.7:90',
      },
    ]);
    expect(store.record('payouts').recent).toEqual([]);
  });

  it('pauses a job without slots, and gives no verdicts for it', async () => {
    const { store, parts } = scene();
    store.put('sweep', {}, {});
    await pause(parts, 'sweep');
    store.clockMs += 86_400_000;
    await resume(parts, 'sweep');
    expect(store.record('sweep')).toMatchObject({ recent: [], cursor: undefined });
  });

  it('decides anew when the record has moved meanwhile, and loses neither change', async () => {
    const { store, parts } = scene();
    let moves = 3;
    store.beforeWrite = () => {
      if (moves-- > 0) store.put('payouts', { ...store.record('payouts'), succeededMs: moves });
    };
    await pause(parts, 'payouts');
    expect(store.record('payouts')).toMatchObject({ pausedMs: NOON, succeededMs: 0 });
  });

  it('gives up, with nothing changed, when the record never stands still', async () => {
    const { store, parts } = scene();
    const clock = { ...systemClock, after: (_: number, run: () => void) => systemClock.after(0, run) };
    store.beforeWrite = () => store.put('payouts', store.record('payouts'));
    await expect(pause({ ...parts, clock }, 'payouts')).rejects.toMatchObject({ code: 'ZK_JOB_CONTENDED' });
    expect(store.writes).toBe(0);
  });

  it('says so when there is no connection', async () => {
    const { store, parts } = scene();
    store.isDetached = true;
    await expect(pause(parts, 'payouts')).rejects.toMatchObject({ code: 'ZK_ORDER_NOT_SENT' });
  });

  it('makes the control node anew when somebody has deleted it', async () => {
    const { store, parts } = scene();
    const kept = store.kept.get('payouts');
    if (kept !== undefined) kept.control = undefined;
    expect(await pause(parts, 'payouts')).toBe(true);
    expect(store.control('payouts').audit).toHaveLength(1);
  });

  it('names the jobs that may have been meant', async () => {
    const { parts } = scene();
    await expect(pause(parts, 'Payout')).rejects.toMatchObject({ code: 'ZK_UNKNOWN_JOB', similar: ['payouts'] });
  });

  it('says of a damaged record how to repair it', async () => {
    const { store, parts } = scene();
    store.damage('payouts', 'it is empty');
    await expect(pause(parts, 'payouts')).rejects.toMatchObject({ code: 'ZK_JOB_RECORD' });
  });
});

describe('resetClaim', () => {
  it('gives a verdict to everything that it forgets', async () => {
    const { store, parts } = scene();
    const run = {
      claim: 'c',
      trigger: undefined,
      cause: 'schedule',
      starts: 1,
      startedMs: NOON,
      holder: heldBy('version~x'),
      election: 'e',
      token: 3n,
    } as const;
    store.put(
      'payouts',
      { ...store.record('payouts'), running: [{ ...run, tick: tick('2026-11-21T12:00:00Z') }] },
      store.control('payouts'),
    );
    await store.addTrigger('payouts', { id: 't1', input: 1, by: 'x', atMs: 0, state: 'waiting', verdict: undefined });
    store.clockMs = ms('2026-11-21T14:30:00Z');
    await resetClaim(parts, 'payouts', 'anna');
    expect(said(store)).toEqual(['interrupted reset 12:00..- 1', 'missed reset 13:00..14:00 2', 'skipped reset -..- 1']);
    expect(store.record('payouts')).toMatchObject({ running: [], triggers: [], cursor: endOf(store.clockMs) });
    expect(await store.loadTrigger('payouts', 't1')).toMatchObject({ state: 'refused', verdict: { reason: 'reset' } });
    expect(store.control('payouts').audit.at(-1)).toMatchObject({
      by: 'anna at 10.0.0.7:90',
      change: 'claims reset: 1 running, 2 due, 1 triggers',
    });
  });

  it('makes a damaged record anew, with the schedule of the code', async () => {
    const { store, parts } = scene();
    store.put('payouts', {}, { declared: [declared('1.0')], inForce: { from: 'control' } });
    store.damage('payouts', 'it is empty');
    await resetClaim(parts, 'payouts');
    expect(store.record('payouts')).toMatchObject({ schedule: { ...HOURLY, sinceMs: NOON }, cursor: endOf(NOON) });
    expect(store.control('payouts').inForce).toEqual({ from: 'code', version: '1.0' });
  });
});

describe('resetClaim of a damaged record', () => {
  it('puts the schedule of the code into the record and in force at once, and leaves an order of somebody who was first', async () => {
    const { store, parts } = scene();
    store.put('payouts', {}, { declared: [declared('1.0')], inForce: { from: 'control' } });
    store.damage('payouts', 'it is empty');
    let between = 0;
    store.beforeWrite = () => {
      between += 1;
      // Whoever looks between two writes of it sees either nothing changed or both.
      expect([store.kept.get('payouts')?.problem, store.control('payouts').inForce]).toEqual(['it is empty', { from: 'control' }]);
      const { control } = store.kept.get('payouts') ?? expect.fail();
      // Another operator changes the control node meanwhile: both are decided anew.
      if (between === 1 && control !== undefined) store.kept.get('payouts')!.control = { ...control, version: control.version + 1_000 };
    };
    await resetClaim(parts, 'payouts', 'anna');
    expect(between).toBe(2);
    expect(store.record('payouts').schedule).toEqual({ ...HOURLY, sinceMs: NOON });
    expect(store.control('payouts')).toMatchObject({
      inForce: { from: 'code', version: '1.0' },
      audit: [{ by: 'anna at 10.0.0.7:90', change: 'claims reset: the record could not be read, and was made anew' }],
    });
  });

  it('is a reset like any other when somebody else was first, and leaves the schedule that he has ordered', async () => {
    const { store, parts } = scene();
    store.put('payouts', {}, { declared: [declared('1.0')], inForce: { from: 'control' } });
    const { control } = store.kept.get('payouts') ?? expect.fail();
    store.damage('payouts', 'it is empty');
    store.beforeWrite = () => {
      store.beforeWrite = () => undefined;
      store.kept.get('payouts')!.problem = undefined;
      store.put('payouts', { schedule: { ...DAILY, sinceMs: 1 } }, control?.control);
    };
    await resetClaim(parts, 'payouts', 'anna');
    expect(store.record('payouts').schedule).toEqual({ ...DAILY, sinceMs: 1 });
    expect(store.control('payouts').inForce).toEqual({ from: 'control' });
    expect(store.control('payouts').audit).toMatchObject([{ change: expect.stringContaining('0 running') as string }]);
  });

  it('does not let a job start that was paused, and not resumed', async () => {
    const { store, parts } = scene();
    await pause(parts, 'payouts');
    store.clockMs += 1_000;
    store.damage('payouts', 'it is empty');
    await resetClaim(parts, 'payouts');
    expect(store.record('payouts').pausedMs).toBe(NOON);
    await resume(parts, 'payouts');
    store.damage('payouts', 'it is empty');
    await resetClaim(parts, 'payouts');
    expect(store.record('payouts').pausedMs).toBeUndefined();
  });

  it('refuses the triggers that wait below it, and ends those that were started', async () => {
    const { store, parts } = scene();
    for (const [id, state] of [
      ['w', 'waiting'],
      ['s', 'started'],
    ] as const)
      await store.addTrigger('payouts', { id, input: 1, by: 'x', atMs: 0, state, verdict: undefined });
    store.damage('payouts', 'it is empty');
    await resetClaim(parts, 'payouts');
    const verdict = { reason: 'reset', cause: 'trigger', by: '10.0.0.7:90' };
    const [waited, started] = await Promise.all(['w', 's'].map((id) => store.loadTrigger('payouts', id)));
    expect(waited).toMatchObject({ state: 'refused', verdict: { ...verdict, outcome: 'skipped', trigger: 'w' } });
    expect(started).toMatchObject({ state: 'ended', verdict: { ...verdict, outcome: 'interrupted', trigger: 's' } });
  });
});

describe('remove', () => {
  const self = { address: '10.0.0.1:10', version: '1.0' };

  it('leaves the record to the last replica that has added the job', async () => {
    const { store } = scene();
    const other = member('1.0', ['payouts'], '10.0.0.2:20');
    store.alive = [member('1.0', ['payouts'], self.address), other];
    await removeRecord(store, 'payouts', { ...self, isAdded: true, isOwn: false });
    expect(await store.jobs()).toEqual(['payouts']);
    store.alive = [member('1.0', ['payouts'], self.address)];
    await removeRecord(store, 'payouts', { ...self, isAdded: true, isOwn: false });
    expect(await store.jobs()).toEqual([]);
  });

  it('says of a job that others have added that it has to be removed there, too', async () => {
    const { store } = scene();
    store.put('payouts', {}, { declared: [declared('0.9', { kind: 'cron' }), declared('1.0', { kind: 'added' })] });
    const removed = removeRecord(store, 'payouts', { ...self, isAdded: false, isOwn: false });
    await expect(removed).rejects.toThrow(
      /added at run time on 10\.0\.0\.1:10 \(1\.0\), and is still there\. Call ClusterJobs\.remove\("payouts"\) there, too/,
    );
  });

  it('says of a job that some have in their code to pause it or to deploy without it', async () => {
    const { store } = scene();
    store.alive = [member('1.0', ['payouts']), member('1.1', ['payouts'])];
    store.put('payouts', {}, { declared: [declared('1.0', { kind: 'added' }), declared('1.1')] });
    const removed = removeRecord(store, 'payouts', { ...self, isAdded: false, isOwn: false });
    await expect(removed).rejects.toThrow(/in the code of .*Pause it, or deploy a version without it first/);
  });

  it('names both ways where nothing tells how living replicas have the job, and does not guess', async () => {
    const { store } = scene();
    store.alive = [member('1.0', ['payouts']), member('1.1', ['payouts'])];
    for (const declarations of [[declared('0.9')], []]) {
      store.put('payouts', {}, { declared: declarations });
      const removed = removeRecord(store, 'payouts', { ...self, isAdded: false, isOwn: false });
      await expect(removed).rejects.toThrow(
        /10\.0\.0\.1:10 \(1\.0\), 10\.0\.0\.1:11 \(1\.1\) still have it, and nothing tells whether .*Call ClusterJobs\.remove\("payouts"\) there, too.* If not, pause it, or deploy/,
      );
    }
  });

  it('refuses a job that living replicas have in their code, and removes an orphaned one', async () => {
    const { store } = scene();
    await expect(removeRecord(store, 'payouts', { ...self, isAdded: false, isOwn: false })).rejects.toMatchObject({
      code: 'ZK_JOB_IN_USE',
      replicas: ['10.0.0.1:10 (1.0)'],
    });
    await expect(removeRecord(store, 'payouts', { ...self, isAdded: false, isOwn: true })).rejects.toMatchObject({ code: 'ZK_JOB_IN_USE' });
    store.alive = [];
    await removeRecord(store, 'payouts', { ...self, isAdded: false, isOwn: false });
    await expect(removeRecord(store, 'payouts', { ...self, isAdded: false, isOwn: false })).rejects.toMatchObject({
      code: 'ZK_UNKNOWN_JOB',
    });
  });
});
