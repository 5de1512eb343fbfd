import { changeInWords } from '../../../../src/zookeeper/jobs/record/job-control.js';
import { heldBy } from '../../../../src/zookeeper/jobs/record/job-record.js';
import { describe, expect, it } from 'vitest';
import type { SilenceAlarm } from '../../../../src/zookeeper/jobs/record/job-events.js';
import { list, type JobStatus } from '../../../../src/zookeeper/jobs/control/list.js';
import { watchAlarms, watchJobs } from '../../../../src/zookeeper/jobs/control/monitor.js';
import { NO_RUN } from '../../../../src/zookeeper/jobs/record/verdict.js';
import { eventually } from '../../../support/eventually.js';
import { HandClock } from '../../mastership/hand-clock.js';
import { DAILY, declared, HOURLY, KeptStore, member, ms, tick } from './kept-store.js';

const NOON = ms('2026-11-21T12:00:30Z');
const SCHEDULE = { ...HOURLY, sinceMs: undefined };
const LIMIT_MS = 3_600_000;
const CREATED_MS = ms('2026-11-01T00:00:00Z');

function cluster(): KeptStore {
  const store = new KeptStore(NOON);
  store.put('payouts', { schedule: SCHEDULE }, { declared: [declared('1.0', { maxSilenceMs: LIMIT_MS })] });
  store.alive = [member('1.0', ['payouts'])];
  return store;
}

describe('list', () => {
  it('says since when and where a run goes on for which ticks do not start', async () => {
    const store = cluster();
    const { name } = member('1.0', []);
    const startedMs = ms('2026-11-21T09:00:00.100Z');
    const run = { claim: 'c', trigger: undefined, cause: 'schedule', starts: 1, startedMs, election: 'e', token: 7n } as const;
    const running = [{ ...run, tick: tick('2026-11-21T09:00:00Z'), holder: heldBy(name) }];
    const problem =
      'Its ticks do not start, because the run of 2026-11-21T09:00:00.000Z has been going on since 2026-11-21T09:00:00.100Z on 10.0.0.1:10.';
    const skipped = { ...NO_RUN, outcome: 'skipped', reason: 'overlap', tick: tick('2026-11-21T12:00:00Z') } as const;
    const record = { schedule: SCHEDULE, running, cursor: skipped.tick };
    store.put('payouts', { ...record, recent: [skipped] }, { declared: [declared('1.0')] }, CREATED_MS);
    expect(await list(store, new Set())).toMatchObject([{ problem }]);
    // The next one waits: overlap 'queue-latest', or late ones.
    store.put('payouts', { ...record, cursor: tick('2026-11-21T11:00:00Z') }, { declared: [declared('1.0')] }, CREATED_MS);
    expect(await list(store, new Set())).toMatchObject([{ problem }]);
    // Others start beside it.
    store.put('payouts', record, { declared: [declared('1.0')] }, CREATED_MS);
    expect(await list(store, new Set())).toMatchObject([{ problem: undefined }]);
    store.put(
      'payouts',
      { ...record, running: [{ ...running[0], startedMs: NOON - 60_000 }], recent: [skipped] } as never,
      {
        declared: [declared('1.0')],
      },
      CREATED_MS,
    );
    expect(await list(store, new Set())).toMatchObject([{ problem: undefined }]);
  });

  it('tells of the schedule in force, what overrides it, the next times, runs, pause and the last verdict', async () => {
    const store = cluster();
    const { name } = member('1.0', []);
    const run = {
      claim: 'c',
      trigger: undefined,
      cause: 'schedule',
      starts: 2,
      startedMs: NOON,
      holder: heldBy(name),
      election: 'e',
      token: 7n,
    } as const;
    store.put(
      'payouts',
      {
        schedule: { ...DAILY, sinceMs: NOON },
        pausedMs: NOON,
        succeededMs: NOON,
        running: [{ ...run, tick: tick('2026-11-21T12:00:00Z') }],
      },
      {
        declared: [declared('1.0')],
        inForce: { from: 'control' },
        audit: [{ atMs: NOON, by: 'anna at x', ...changeInWords('paused') }],
      },
    );
    await store.saveNote('payouts', 'progress', Buffer.from(`{"fraction":0.5,"note":"half","atMs":${NOON},"token":"7"}`));
    const [status] = await list(store, new Set());
    expect(status).toMatchObject({
      job: 'payouts',
      kind: 'cron',
      claim: 'tick',
      elections: ['Accounts:1.0'],
      schedule: { ...DAILY, from: 'control', since: new Date(NOON) },
      codeSchedule: { ...HOURLY, version: '1.0' },
      paused: { since: new Date(NOON), by: 'anna at x' },
      running: [{ scheduledTime: new Date('2026-11-21T12:00:00Z'), replica: '10.0.0.1:10', attempt: 2, fencingToken: '7' }],
      succeededAt: new Date(NOON),
      progress: { fraction: 0.5, note: 'half', at: new Date(NOON), fencingToken: '7' },
      orphaned: false,
      disabled: false,
    });
    expect(status?.nextTimes.map((time) => time.toISOString().slice(8, 13))).toEqual(['22T02', '23T02', '24T02', '25T02', '26T02']);
  });

  it.each([
    ['no object', 5],
    ['a list', []],
    ['no fraction', { atMs: 0, token: '7' }],
    ['more than all of it', { fraction: 1.1, atMs: 0, token: '7' }],
    ['less than nothing of it', { fraction: -0.1, atMs: 0, token: '7' }],
    ['a note that is no text', { fraction: 1, note: 5, atMs: 0, token: '7' }],
    ['no time', { fraction: 1, token: '7' }],
    ['a time that no Date can be', { fraction: 1, atMs: 1e300, token: '7' }],
    ['a token that is no text', { fraction: 1, atMs: 0, token: 7 }],
    ['a token that is no number', { fraction: 1, atMs: 0, token: 'x' }],
  ])('tells of no progress where somebody has written over it by hand: %s', async (_, written) => {
    const store = cluster();
    await store.saveNote('payouts', 'progress', Buffer.from('{"fraction":1,"atMs":0,"token":"7"}'));
    expect((await list(store, new Set()))[0]?.progress).toEqual({ fraction: 1, note: undefined, at: new Date(0), fencingToken: '7' });
    await store.saveNote('payouts', 'progress', Buffer.from(JSON.stringify(written)));
    expect(await list(store, new Set())).toMatchObject([{ job: 'payouts', progress: undefined }]);
  });

  it('lists jobs that nobody has in the code as orphaned, and damaged ones with what is wrong', async () => {
    const store = cluster();
    store.put('old', { schedule: SCHEDULE }, { declared: [declared('0.9')] });
    store.put('mine', { schedule: SCHEDULE }, { declared: [declared('1.0', { disabled: true })] });
    store.damage('broken', 'it is empty');
    const found = await list(store, new Set(['mine']));
    expect(found.map(({ job, orphaned }) => [job, orphaned])).toEqual([
      ['broken', true],
      ['mine', false],
      ['old', true],
      ['payouts', false],
    ]);
    expect(found[0]).toMatchObject({ problem: 'it is empty', running: [] });
    expect(found[1]).toMatchObject({ disabled: true, nextTimes: [] });
  });

  it('takes a replica that cannot tell of all its jobs to have them', async () => {
    const store = cluster();
    store.alive = [member('1.0', undefined)];
    expect(await list(store, new Set())).toMatchObject([{ orphaned: false }]);
  });
});

describe('alarms', () => {
  it('are raised once and cleared once for each silence, also when no replica is left', async () => {
    const store = cluster();
    store.alive = [];
    const clock = new HandClock();
    const told: SilenceAlarm[] = [];
    const stop = watchAlarms({ store, clock, everyMs: 1_000 }, (alarm) => told.push(alarm));
    const look = async (): Promise<void> => {
      await eventually(() => expect(clock.waiting).toBeGreaterThan(0), { what: 'the end of a look', everyMs: 1 });
      clock.pass(1_000);
      await eventually(() => expect(clock.waiting).toBeGreaterThan(0), { what: 'the end of a look', everyMs: 1 });
    };
    await look();
    expect(told).toEqual([]);
    store.clockMs += LIMIT_MS + 1;
    await look();
    await look();
    expect(told).toEqual([{ job: 'payouts', kind: 'raised', silentSince: new Date(NOON), maxSilenceMs: LIMIT_MS }]);
    store.put('payouts', { ...store.record('payouts'), succeededMs: store.clockMs }, undefined, NOON);
    await look();
    await look();
    expect(told.map(({ kind }) => kind)).toEqual(['raised', 'cleared']);
    store.clockMs += LIMIT_MS + 1;
    await look();
    expect(told.map(({ kind }) => kind)).toEqual(['raised', 'cleared', 'raised']);
    stop();
    expect(clock.waiting).toBe(0);
  });

  it('are not raised about a paused or a disabled job', async () => {
    const store = cluster();
    store.put('payouts', { ...store.record('payouts'), pausedMs: NOON });
    store.put('off', { schedule: SCHEDULE }, { declared: [declared('1.0', { maxSilenceMs: LIMIT_MS, disabled: true })] });
    store.clockMs += 10 * LIMIT_MS;
    const clock = new HandClock();
    const told: SilenceAlarm[] = [];
    const stop = watchAlarms({ store, clock, everyMs: 1_000 }, (alarm) => told.push(alarm));
    await eventually(() => expect(clock.waiting).toBeGreaterThan(0), { what: 'the end of a look', everyMs: 1 });
    expect(told).toEqual([]);
    stop();
  });
});

it('tells of all jobs at once and again when something has changed, and survives a look that fails', async () => {
  const store = cluster();
  const clock = new HandClock();
  const told: (readonly JobStatus[])[] = [];
  const stop = watchJobs(
    { store, clock, everyMs: 1_000 },
    () => ({ own: new Set() }),
    (jobs) => told.push(jobs),
  );
  const look = async (): Promise<void> => {
    await eventually(() => expect(clock.waiting).toBeGreaterThan(0), { what: 'the end of a look', everyMs: 1 });
    clock.pass(1_000);
    await eventually(() => expect(clock.waiting).toBeGreaterThan(0), { what: 'the end of a look', everyMs: 1 });
  };
  await look();
  expect(told).toHaveLength(1);
  const { members } = store;
  store.members = () => Promise.reject(new Error('no connection'));
  await look();
  store.members = members;
  store.put('payouts', { ...store.record('payouts'), pausedMs: NOON });
  await look();
  expect(told).toHaveLength(2);
  expect(told[1]?.[0]?.paused).toBeDefined();
  stop();
});
