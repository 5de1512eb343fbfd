import { NOBODY } from '../../../../src/zookeeper/jobs/record/job-record.js';
import { describe, expect, it } from 'vitest';
import type { ClusterJobs } from '../../../../src/zookeeper/api/cluster-jobs.js';
import type { JobVerdict } from '../../../../src/zookeeper/jobs/control/verdicts.js';
import { NO_RUN } from '../../../../src/zookeeper/jobs/record/verdict.js';
import { Application, withStore } from './application.js';
import { eventually } from '../../../support/eventually.js';
import { DAILY, declared, member, ms } from './kept-store.js';

describe('ClusterJobs where nothing is kept', () => {
  const { jobs, events } = new Application(undefined);

  it.each([
    ['list', () => jobs.list()],
    ['trigger', () => jobs.trigger('report')],
    ['pause', () => jobs.pause('report')],
    ['resume', () => jobs.resume('report')],
    ['reschedule', () => jobs.reschedule('report', null)],
    ['verdicts', () => jobs.verdicts('report')],
    ['why', () => jobs.why('report', new Date())],
    ['history', () => jobs.history('report')],
    ['resetClaim', () => jobs.resetClaim('report')],
    ['remove', () => jobs.remove('report')],
    ['alarms$', async () => jobs.alarms$()],
    ['jobs$', async () => jobs.jobs$()],
  ])('refuses %s and says what to use instead', async (method, call) => {
    await expect(call()).rejects.toMatchObject({
      code: 'ZK_NO_JOB_STORE',
      message: expect.stringContaining(`ClusterJobs.${method} needs`),
    });
    await expect(call()).rejects.toThrow(/runJob\(\).*standalone: true/);
  });

  it('still tells of the verdicts of this replica, until it is unsubscribed', () => {
    const told: JobVerdict[] = [];
    const subscription = jobs.verdicts$.subscribe((verdict) => told.push(verdict));
    events.verdicts.tell('report', { ...NO_RUN, outcome: 'ran', token: 7n });
    subscription.unsubscribe();
    events.verdicts.tell('report', { ...NO_RUN, outcome: 'skipped' });
    expect(told).toMatchObject([{ job: 'report', outcome: 'ran', fencingToken: '7' }]);
  });
});

it('answers what can be sent as JSON, with fencing tokens as text', async () => {
  const { application, store } = withStore();
  const run = {
    claim: 'c',
    trigger: undefined,
    cause: 'schedule',
    starts: 1,
    startedMs: 0,
    holder: NOBODY,
    election: 'e',
    token: 2n ** 60n,
  } as const;
  store.put('report', {
    ...store.record('report'),
    running: [{ ...run, tick: { dueMs: 0, nominalMs: 0 } }],
    recent: [{ ...NO_RUN, outcome: 'ran', token: 2n ** 60n }],
  });
  await store.saveNote('report', 'progress', Buffer.from('{"fraction":0.5,"atMs":0,"token":"1152921504606846976"}'));
  const fencingToken = '1152921504606846976';
  expect(JSON.parse(JSON.stringify(await application.jobs.list()))).toMatchObject([
    {
      running: [{ fencingToken }],
      lastVerdict: { fencingToken },
      progress: { fraction: 0.5, at: '1970-01-01T00:00:00.000Z', fencingToken },
    },
  ]);
  expect(JSON.parse(JSON.stringify(await application.jobs.verdicts('report')))).toMatchObject([{ fencingToken }]);
});

describe('ClusterJobs.add and remove', () => {
  it('add a job to this replica, and take it out again', async () => {
    const { application, store } = withStore();
    application.jobs.add({ name: 'extra', cronTime: '0 0 2 * * *', timeZone: 'UTC', misfire: 'skip' }, (run) => run.job);
    expect(application.names).toEqual(['report', 'extra']);
    await eventually(() => expect(application.told).toEqual(['report', 'extra']), { what: 'the others to be told' });
    expect(application.runs.get('extra')?.({ job: 'extra' })).toBe('extra');
    store.put('extra', {}, {});
    await application.jobs.remove('extra');
    expect(application.names).toEqual(['report']);
    await eventually(() => expect(application.told).toEqual(['report']), { what: 'the others to be told' });
    expect(await store.jobs()).toEqual(['report']);
  });

  it('cost what is added: all jobs are gone through, and told of, once for however many', async () => {
    const { application } = withStore();
    for (let i = 0; i < 1_000; i += 1) application.jobs.add({ name: `extra ${i}`, cronTime: '0 0 2 * * *' }, () => undefined);
    await eventually(() => expect(application.told).toHaveLength(1_001), { what: 'the others to be told' });
    expect(application.costs).toEqual({ told: 1, listed: 1 });
  });

  it('refuse a name that the application has, and a job that it has in its code', async () => {
    const { application } = withStore();
    expect(() => application.jobs.add({ name: 'report', cronTime: '0 0 2 * * *' }, () => undefined)).toThrow(/ZK_JOB_EXISTS/);
    await expect(application.jobs.remove('report')).rejects.toMatchObject({ code: 'ZK_JOB_IN_USE' });
  });

  it('list everything that is wrong with the options', () => {
    const { application } = withStore();
    const options = { name: 'a/b', cronTime: '* * * * *', election: 'x:y', claim: 'none', misfire: 'skip', overlap: 'no', bogus: 1 };
    expect(() => application.jobs.add(options as never, () => undefined)).toThrow(
      /5 problems:.*no option "bogus".*the name cannot be used.*election "x:y".*"overlap" must be.*always claims its ticks/s,
    );
    expect(application.names).toEqual(['report']);
  });

  it('say what was expected when there are no options, no function, or other things than texts', () => {
    const { application } = withStore();
    const run = (): void => undefined;
    expect(() => application.jobs.add('extra3' as never, run)).toThrow(
      /^ZK_JOB_SETUP: ClusterJobs\.add: expected an object with options \(name, .*\), received "extra3"\.$/,
    );
    expect(() => application.jobs.add({ name: 'extra', cronTime: '* * * * *' }, undefined as never)).toThrow(
      /ClusterJobs\.add\("extra"\): the second argument must be the function to run, received nothing/,
    );
    expect(() => application.jobs.add({ name: 5, cronTime: '* * * * *', election: 5 } as never, run)).toThrow(
      /2 problems:.*the name cannot be used: it is no text.*election 5 cannot be used: it is no text/s,
    );
    expect(application.names).toEqual(['report']);
  });

  it('refuse a schedule that cannot be used', () => {
    const { application } = withStore();
    expect(() => application.jobs.add({ name: 'extra', cronTime: '61 * * * * *' }, () => undefined)).toThrow(/ZK_BAD_SCHEDULE/);
  });

  it('take an instant, also at a start after it, when what was due may have to be made up for', () => {
    const { application } = withStore();
    const add = (name: string, cronTime: string | Date): void => application.jobs.add({ name, cronTime }, () => undefined);
    add('once', '2020-11-21T09:00:00Z');
    add('later', new Date(Date.now() + 60_000));
    expect(application.names).toEqual(['report', 'once', 'later']);
  });
});

describe('who has ordered what', () => {
  it('is told in the history of the job, oldest first', async () => {
    const { application, store } = withStore();
    const { jobs } = application;
    const [first, second] = [store.clockMs, store.clockMs + 1_000];
    await jobs.pause('report', { by: 'anna' });
    store.clockMs = second;
    await jobs.resume('report');
    expect(await jobs.history('report')).toEqual([
      { at: new Date(first), by: 'anna at 10.0.0.1:10', change: 'paused' },
      { at: new Date(second), by: '10.0.0.1:10', change: 'resumed' },
    ]);
    store.damage('report', 'it is empty');
    expect(await jobs.history('report')).toHaveLength(2);
    await expect(jobs.history('repot')).rejects.toMatchObject({ code: 'ZK_UNKNOWN_JOB', similar: ['report'] });
  });

  it('has no entries where nothing was declared', async () => {
    const { application, store } = withStore();
    store.put('bare', {});
    expect(await application.jobs.history('bare')).toEqual([]);
  });

  it('is logged once for each order that has changed something, on the replica that was asked', async () => {
    const { application, store } = withStore();
    const { jobs, observed } = application;
    await jobs.pause('report', { by: 'anna' });
    await jobs.pause('report', { by: 'bert' });
    await jobs.resume('report');
    await jobs.resume('report');
    await jobs.reschedule('report', { cronTime: '0 0 2 * * *' }, { by: 'anna' });
    await jobs.resetClaim('report');
    jobs.add({ name: 'extra', cronTime: '0 0 2 * * *' }, () => undefined);
    store.put('extra', {}, {});
    store.alive = [member('1.0', ['report', 'extra'], '10.0.0.2:20')];
    await jobs.remove('extra');
    store.alive = [];
    await jobs.remove('extra');
    expect(observed.map(({ message }) => message)).toEqual([
      'Job "report": paused by anna at 10.0.0.1:10.',
      'Job "report": resumed by 10.0.0.1:10.',
      'Job "report": rescheduled to "0 0 2 * * *" (UTC), before "0 0 * * * *" (UTC), by anna at 10.0.0.1:10.',
      'Job "report": claims reset: 0 running, 0 due, 0 triggers, by 10.0.0.1:10.',
      'Job "extra": taken out of this replica by 10.0.0.1:10.',
      'Job "extra": removed by 10.0.0.1:10.',
    ]);
    expect(observed[0]).toMatchObject({ level: 'info', event: 'job.ordered', fields: { job: 'report', by: 'anna at 10.0.0.1:10' } });
  });

  it('is logged when a trigger begins to wait, again when one that was taken back is asked for anew, and not when it is only repeated', async () => {
    const { application, store } = withStore();
    const { jobs, observed } = application;
    const ask = (timeoutMs: number): Promise<unknown> =>
      jobs.trigger('report', { idempotencyKey: 'k1', by: 'anna', timeoutMs }).catch((thrown: unknown) => thrown);
    const told = { event: 'job.ordered', message: 'Job "report": trigger k1 asked for by anna at 10.0.0.1:10.' };
    await ask(1);
    expect(observed).toMatchObject([told]);
    await ask(1);
    expect(observed).toMatchObject([told, told]);
    const asked = ask(5_000);
    await eventually(() => expect(observed).toHaveLength(3), { what: 'the trigger to wait' });
    const again = ask(5_000);
    await store.write('report', {
      view: { record: store.record('report'), version: store.kept.get('report')?.view?.version ?? 0, createdMs: 0, czxid: 1n },
      record: { ...store.record('report'), triggers: [] },
      verdicts: [],
      triggers: [{ id: 'k1', state: 'started' }],
      fence: undefined,
    });
    expect(await Promise.all([asked, again])).toMatchObject([{ id: 'k1' }, { id: 'k1' }]);
    expect(observed).toHaveLength(3);
  });
});

it('lists what the master does not have as a problem', async () => {
  const { application, store } = withStore();
  store.put('extra', { schedule: { ...DAILY, sinceMs: undefined } }, { declared: [declared('1.0')] }, 0);
  store.alive = [member('1.0', ['report'], '10.0.0.1:10'), member('1.0', ['report', 'extra'], '10.0.0.2:20')];
  expect(await application.jobs.list()).toMatchObject([
    {
      job: 'extra',
      problem: expect.stringMatching(/^The present master, 10\.0\.0\.1:10 .*does not have job "extra".*10\.0\.0\.2:20 \(1\.0\)/),
    },
    { job: 'report', problem: undefined },
  ]);
  store.alive = [member('1.0', ['report', 'extra'], '10.0.0.1:10')];
  expect(await application.jobs.list()).toMatchObject([{ problem: undefined }, { problem: undefined }]);
});

it('asks the election of a job for its master, to say why a tick waits', async () => {
  const { application, store } = withStore();
  const tickMs = Math.floor(Date.now() / 3_600_000) * 3_600_000;
  store.clockMs = Math.max(Date.now(), tickMs + 1);
  expect(await application.jobs.why('report', new Date(tickMs).toISOString())).toMatch(
    /by the master, 10\.0\.0\.1:10 \(of "Accounts:1\.0"\)/,
  );
  expect(await application.jobs.why('report', ms('2026-11-21T10:00:30Z'))).toMatch(/^Not a tick/);
});

describe('a signal that aborts ends the whole wait, with its reason', () => {
  const reason = new Error('the client has gone');
  const orders: [string, (jobs: ClusterJobs, options: { signal: AbortSignal }) => Promise<unknown>][] = [
    ['pause', (jobs, options) => jobs.pause('report', options)],
    ['resume', (jobs, options) => jobs.resume('report', options)],
    ['reschedule', (jobs, options) => jobs.reschedule('report', DAILY, options)],
    ['resetClaim', (jobs, options) => jobs.resetClaim('report', options)],
    ['remove', (jobs, options) => jobs.remove('extra', options)],
  ];
  const calls: typeof orders = [
    ...orders,
    ['ready', (jobs, options) => jobs.ready(options)],
    ['list', (jobs, options) => jobs.list(options)],
    ['verdicts', (jobs, options) => jobs.verdicts('report', options)],
    ['history', (jobs, options) => jobs.history('report', options)],
    ['why', (jobs, options) => jobs.why('report', 0, options)],
  ];

  it.each(calls)('of %s, before it is sent', async (_, call) => {
    const { application, store } = withStore();
    const before = store.writes;
    await expect(call(application.jobs, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect([store.writes, application.observed]).toEqual([before, []]);
  });

  /** ZooKeeper takes what it is sent, and does not answer. */
  function silent(): ReturnType<typeof withStore> & { readonly answer: () => void } {
    const { application, store } = withStore();
    const paused = { ...store.record('report'), pausedMs: 1 };
    store.put('extra', paused, { declared: [declared('1.0')] });
    const waiting: (() => void)[] = [];
    const load = store.load.bind(store);
    store.load = (job) => new Promise((resolve) => waiting.push(() => resolve(load(job))));
    store.jobs = () => new Promise(() => undefined);
    store.members = store.jobs as never;
    const answer = (): void => {
      store.load = load;
      for (const each of waiting.splice(0)) each();
    };
    return { application, store, answer };
  }

  it.each(calls.filter(([name]) => name !== 'ready'))('of %s, while the answer is waited for', async (_, call) => {
    const { application } = silent();
    const caller = new AbortController();
    const called = call(application.jobs, { signal: caller.signal });
    await Promise.resolve();
    caller.abort(reason);
    await expect(called).rejects.toBe(reason);
  });

  it.each(orders.filter(([name]) => name !== 'remove'))('of %s, and nothing is sent after it', async (_, call) => {
    const { application, store, answer } = silent();
    const caller = new AbortController();
    const called = call(application.jobs, { signal: caller.signal });
    await Promise.resolve();
    caller.abort(reason);
    await expect(called).rejects.toBe(reason);
    answer();
    await new Promise((resolve) => setImmediate(resolve));
    expect([store.writes, application.observed]).toEqual([0, []]);
  });
});
