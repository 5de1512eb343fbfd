import { Injectable, type Type } from '@nestjs/common';
import { Cron, Interval, ScheduleModule } from '@nestjs/schedule';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  ClusterJobs,
  type JobRun,
  type JobVerdict,
  MasterElection,
  MasterOnly,
  type SilenceAlarm,
  ZookeeperModule,
} from '../../../src/index.js';
import { eventually } from '../../support/eventually.js';
import { startServer, type ZooKeeperServer } from '../../support/zookeeper.js';
import { boot, closeAll, type Running } from './app.js';

let server: ZooKeeperServer;
let services = 0;
let service = '';

beforeAll(async () => {
  server = await startServer();
});
beforeEach(() => {
  service = `Orders${++services}`;
  seen.length = 0;
  held.clear();
  failures = 0;
});
afterEach(async () => {
  release();
  await closeAll();
});
afterAll(() => server.dispose());

interface Seen {
  readonly job: string;
  readonly replica: string;
  readonly run: JobRun;
}

/** What has run, on whichever replica of this process. */
const seen: Seen[] = [];
/** Ends of runs that go on until `release`. */
const held = new Set<() => void>();
let failures = 0;

function release(): void {
  for (const end of held) end();
  held.clear();
}

/** Passes its arguments on, after having done something else first, as decorators for transactions do. */
function Wrapped(): MethodDecorator {
  return (_target, _key, descriptor) => {
    const inner = descriptor.value as unknown as (this: unknown, ...args: unknown[]) => unknown;
    (descriptor as PropertyDescriptor).value = Object.assign(async function (this: unknown, ...args: unknown[]) {
      await Promise.resolve();
      return inner.apply(this, args);
    });
    for (const key of Reflect.getOwnMetadataKeys(inner) as unknown[])
      Reflect.defineMetadata(key, Reflect.getOwnMetadata(key, inner), (descriptor as PropertyDescriptor).value as object);
  };
}

abstract class Jobs {
  abstract readonly replica: string;

  @Cron('* * * * * *', { name: 'second' })
  @MasterOnly()
  second(run: JobRun): void {
    this.note('second', run);
  }

  @Wrapped()
  @Cron('* * * * * *', { name: 'wrapped' })
  @MasterOnly()
  async wrapped(run: JobRun): Promise<void> {
    this.note('wrapped', run);
  }

  @Cron('0 0 5 1 1 *', { name: 'yearly', timeZone: 'UTC' })
  @MasterOnly()
  async yearly(run: JobRun): Promise<unknown> {
    this.note('yearly', run);
    const input = run.input as { hold?: boolean; fail?: boolean; count?: boolean; result?: unknown } | undefined;
    if (input?.hold === true) await new Promise<void>((resolve) => held.add(resolve));
    if (input?.fail === true) throw new Error('no money');
    if (input?.count === true) {
      const { runs } = (await run.checkpoint.get<{ runs: number }>()) ?? { runs: 0 };
      await run.checkpoint.set({ runs: runs + 1 });
      run.progress(0.5, `run ${runs + 1}`);
    }
    return input?.result;
  }

  @Cron('0 0 5 1 1 *', { name: 'retrying', timeZone: 'UTC' })
  @MasterOnly({ retry: { attempts: 3, backoffMs: 10 } })
  retrying(run: JobRun): void {
    this.note('retrying', run);
    if (++failures < 3) throw new Error(`failure ${failures}`);
  }

  @Cron('0 0 5 1 1 *', { name: 'slow', timeZone: 'UTC' })
  @MasterOnly({ timeoutMs: 100 })
  async slow(run: JobRun): Promise<void> {
    this.note('slow', run);
    await new Promise((resolve) => run.signal.addEventListener('abort', resolve, { once: true }));
    run.signal.throwIfAborted();
  }

  @Cron('0 0 5 1 1 *', { name: 'silent', timeZone: 'UTC' })
  @MasterOnly({ maxSilenceMs: 1_000 })
  silent(run: JobRun): void {
    this.note('silent', run);
  }

  @Interval('often', 100)
  @MasterOnly()
  often(run: JobRun): void {
    this.note('often', run);
  }

  private note(job: string, run: JobRun): void {
    seen.push({ job, replica: this.replica, run });
  }
}

async function start(replica: string, version = '1', providers: readonly Type[] = []): Promise<Running & { readonly jobs: ClusterJobs }> {
  @Injectable()
  class TheJobs extends Jobs {
    readonly replica = replica;
  }
  const running = await boot({
    imports: [
      ScheduleModule.forRoot(),
      ZookeeperModule.forRoot({
        connectString: server.connectString,
        service,
        version,
        address: `${replica}.test:1`,
        sessionTimeoutMs: 9_000,
      }),
    ],
    providers: [TheJobs, ...providers],
  });
  return { ...running, jobs: running.app.get(ClusterJobs) };
}

/** A master and a standby. */
async function startTwo(): Promise<{ readonly master: ClusterJobs; readonly standby: ClusterJobs; readonly apps: readonly Running[] }> {
  const first = await start('a');
  await eventually(() => expect(first.app.get(MasterElection).isMaster()).toBe(true), { what: 'the first to be master' });
  const second = await start('b');
  await eventually(() => expect(second.app.get(MasterElection).mastership().kind).toBe('standby'), { what: 'the second to stand by' });
  return { master: first.jobs, standby: second.jobs, apps: [first, second] };
}

function runsOf(job: string): readonly Seen[] {
  return seen.filter((each) => each.job === job);
}

/** Nest has one logger for a process: the one of the application that was made last. */
function logged(apps: readonly Running[], text: string): string[] {
  return apps.flatMap(({ log }) => log.with(text));
}

async function lastVerdict(jobs: ClusterJobs, job: string): Promise<JobVerdict | undefined> {
  return (await jobs.verdicts(job)).at(-1);
}

describe('control, from any replica', () => {
  it('pauses a job at once on the master, explains each tick, and resumes it without making up', async () => {
    const { standby, apps } = await startTwo();
    await eventually(() => expect(runsOf('second').length).toBeGreaterThan(1), { what: 'runs' });
    expect(await standby.pause('second', { by: 'anna' })).toBe(true);
    expect(logged(apps, 'event=job.ordered')).toEqual([expect.stringMatching(/^log Job "second": paused by anna at b\.test:1\./)]);
    expect((await standby.history('second')).at(-1)).toMatchObject({ change: 'paused', by: 'anna at b.test:1' });
    const last = runsOf('second').length;
    const inPause = new Date(Math.floor(Date.now() / 1_000) * 1_000 + 1_000);
    const others = runsOf('often').length;
    await eventually(() => expect(Date.now()).toBeGreaterThan(inPause.getTime() + 2_000), { what: 'some ticks to be due' });
    await eventually(() => expect(runsOf('often').length).toBeGreaterThan(others), { what: 'another job to run' });
    expect(runsOf('second').length - last).toBeLessThanOrEqual(1);
    expect(await standby.why('second', inPause)).toMatch(/paused/);
    expect((await standby.list()).find(({ job }) => job === 'second')?.paused?.by).toMatch(/anna/);
    expect(await standby.resume('second')).toBe(true);
    await eventually(() => expect(runsOf('second').length).toBeGreaterThan(last + 2), { what: 'runs again' });
    expect(runsOf('second').every(({ run }) => run.scheduledTime?.getTime() !== inPause.getTime())).toBe(true);
    expect(await standby.why('second', inPause)).toMatch(/^Skipped: the job was paused/);
    const verdicts = await standby.verdicts('second');
    expect(verdicts.filter(({ reason }) => reason === 'paused')).toHaveLength(1);
  });

  it('pauses a job without ticks, too', async () => {
    const { standby } = await startTwo();
    await eventually(() => expect(runsOf('often').length).toBeGreaterThan(2), { what: 'runs' });
    await standby.pause('often');
    let before = -1;
    await eventually(
      () => {
        const now = runsOf('often').length;
        const stands = now === before;
        before = now;
        expect(stands).toBe(true);
      },
      { what: 'no more runs', everyMs: 500 },
    );
    await standby.resume('often');
    await eventually(() => expect(runsOf('often').length).toBeGreaterThan(before), { what: 'runs again' });
  });

  it('triggers a run on the master with its input, also of a paused job, once for each key', async () => {
    const { standby, apps } = await startTwo();
    await standby.pause('yearly');
    const done = await standby.trigger('yearly', { input: { amount: 7 }, idempotencyKey: 'invoice-7', wait: 'done', by: 'anna' });
    const triggeredBy = 'anna at b.test:1';
    expect(done).toMatchObject({ id: 'invoice-7', verdict: { outcome: 'ran', cause: 'trigger', triggeredBy } });
    expect(await lastVerdict(standby, 'yearly')).toMatchObject({ trigger: 'invoice-7', triggeredBy });
    expect((await standby.history('yearly')).slice(-2)).toMatchObject([
      { change: 'paused', by: 'b.test:1' },
      { change: 'trigger invoice-7 asked for', by: triggeredBy },
    ]);
    expect(await standby.trigger('yearly', { input: { amount: 7 }, idempotencyKey: 'invoice-7', wait: 'done' })).toMatchObject({
      id: 'invoice-7',
    });
    expect(runsOf('yearly').map(({ replica, run }) => [replica, run.cause, run.input])).toEqual([['a', 'trigger', { amount: 7 }]]);
    expect(logged(apps, 'trigger invoice-7 asked for by anna at b.test:1.')).toHaveLength(1);
  });

  it('refuses a trigger of a job that is running, and says so', async () => {
    const { standby } = await startTwo();
    await standby.trigger('yearly', { input: { hold: true } });
    await expect(standby.trigger('yearly')).rejects.toThrow('ZK_TRIGGER_REFUSED');
    release();
    await eventually(async () => expect((await lastVerdict(standby, 'yearly'))?.outcome).toBe('ran'), { what: 'the verdict' });
    expect((await standby.verdicts('yearly')).map(({ outcome, reason }) => [outcome, reason])).toEqual([
      ['skipped', 'overlap'],
      ['ran', undefined],
    ]);
  });

  it('answers with the verdict of a run that fails, and the job goes on', async () => {
    const { standby, apps } = await startTwo();
    const { verdict } = await standby.trigger('yearly', { input: { fail: true }, wait: 'done' });
    expect(verdict).toMatchObject({ outcome: 'failed', error: 'no money' });
    expect(logged(apps, 'event=run.failed').join()).toMatch(/"yearly".*no money.*token=\d+.*Error: no money/s);
    expect((await standby.trigger('yearly', { wait: 'done' })).verdict?.outcome).toBe('ran');
  });

  it('answers on a standby what the run has returned on the master, or why that is left out', async () => {
    const { standby } = await startTwo();
    const result = { paid: [{ invoice: 7 }], at: '2026-11-21' };
    const asked = { input: { result }, idempotencyKey: 'pay', wait: 'done' } as const;
    expect(await standby.trigger('yearly', asked)).toMatchObject({ result, verdict: { outcome: 'ran' } });
    expect(await standby.trigger('yearly', asked)).toMatchObject({ result });
    const long = await standby.trigger('yearly', { input: { result: 'x'.repeat(65_510) }, wait: 'done' });
    expect(long).toMatchObject({ result: 'x'.repeat(65_510) });
    const nothing = await standby.trigger('yearly', { wait: 'done' });
    expect([nothing.result, nothing.resultLeftOut]).toEqual([undefined, undefined]);
    const failed = await standby.trigger('yearly', { input: { fail: true, result }, wait: 'done' });
    expect([failed.verdict?.outcome, failed.result]).toEqual(['failed', undefined]);
  });

  it('puts another schedule in force everywhere, and refuses one that cannot be read', async () => {
    const { standby } = await startTwo();
    await expect(standby.reschedule('yearly', { cronTime: '99 * * * * *' })).rejects.toThrow(/ZK_BAD_SCHEDULE.*99/);
    await standby.reschedule('yearly', { cronTime: '* * * * * *' });
    await eventually(() => expect(runsOf('yearly').length).toBeGreaterThan(1), { what: 'runs by the new schedule' });
    await standby.reschedule('yearly', null);
    const status = (await standby.list()).find(({ job }) => job === 'yearly');
    expect(status?.schedule).toMatchObject({ cronTime: '0 0 5 1 1 *', from: 'code' });
    await expect(standby.reschedule('often', { cronTime: '* * * * * *' })).rejects.toThrow('ZK_NO_SLOTS');
  });

  it('adds a job at run time that runs once for each tick, and takes it out again', async () => {
    const { master, standby } = await startTwo();
    const ticks: (number | undefined)[] = [];
    for (const jobs of [master, standby])
      jobs.add({ name: 'added', cronTime: '* * * * * *' }, (run) => void ticks.push(run.scheduledTime?.getTime()));
    await eventually(() => expect(ticks.length).toBeGreaterThan(2), { what: 'runs' });
    expect(new Set(ticks).size).toBe(ticks.length);
    expect(() => master.add({ name: 'second', cronTime: '* * * * * *' }, () => undefined)).toThrow('ZK_JOB_EXISTS');
    expect((await standby.list()).find(({ job }) => job === 'added')?.kind).toBe('added');
    await master.remove('added');
    await eventually(
      () => expect(master.remove('added')).rejects.toThrow(/added at run time on b\.test:1 .*remove\("added"\) there, too/),
      {
        what: 'the advice to remove it on the other, too',
      },
    );
    await standby.remove('added');
    await eventually(async () => expect((await standby.list()).map(({ job }) => job)).not.toContain('added'), { what: 'it to be gone' });
  });
});

describe('a job that is added while the application is being made', () => {
  it('must not have the name of a method', async () => {
    @Injectable()
    class Early {
      constructor(jobs: ClusterJobs) {
        jobs.add({ name: 'second', cronTime: '* * * * * *' }, () => undefined);
      }
    }
    await expect(start('a', '1', [Early])).rejects.toThrow(/Two jobs have the name "second": .*and one of ClusterJobs\.add/);
  });

  it('is removed for good, also where there is no ZooKeeper', async () => {
    const { app } = await boot({
      imports: [ScheduleModule.forRoot(), ZookeeperModule.forRoot({ service, version: '1', standalone: true })],
      providers: [],
    });
    const jobs = app.get(ClusterJobs);
    for (const name of ['one', 'two', 'three']) jobs.add({ name, cronTime: '* * * * * *' }, () => undefined);
    await eventually(async () => expect(await jobs.list()).toHaveLength(3), { what: 'the jobs' });
    for (const name of ['one', 'two', 'three']) await jobs.remove(name);
    expect(await jobs.list()).toEqual([]);
  });

  it('goes when the last of two replicas removes it, however many are removed in a row', async () => {
    const names = ['one', 'two', 'three', 'four'];
    const replicas = [await start('a'), await start('b')];
    for (const { jobs } of replicas) for (const name of names) jobs.add({ name, cronTime: '0 0 0 1 1 *' }, () => undefined);
    const added = (list: readonly { readonly job: string }[]): string[] => list.map(({ job }) => job).filter((job) => names.includes(job));
    await eventually(async () => expect(added((await replicas[0]?.jobs.list()) ?? [])).toHaveLength(4), { what: 'the jobs' });
    // The first removal is told at once, and those after it together, some time later.
    for (const { jobs } of replicas) {
      await jobs.remove('one');
      await Promise.all(names.slice(1).map((name) => jobs.remove(name)));
    }
    expect(added((await replicas[0]?.jobs.list()) ?? [])).toEqual([]);
  });

  it('goes when all replicas remove it at once', async () => {
    const replicas = [await start('a'), await start('b'), await start('c')];
    for (const { jobs } of replicas) jobs.add({ name: 'one', cronTime: '0 0 0 1 1 *' }, () => undefined);
    const names = async (): Promise<string[]> => ((await replicas[0]?.jobs.list()) ?? []).map(({ job }) => job);
    await eventually(async () => expect(await names()).toContain('one'), { what: 'the job' });
    await Promise.all(replicas.map(({ jobs }) => jobs.remove('one')));
    expect(await names()).not.toContain('one');
  });

  it('is told to the other replicas as one that lives', async () => {
    @Injectable()
    class Early {
      constructor(jobs: ClusterJobs) {
        jobs.add({ name: 'early', cronTime: '* * * * * *' }, () => undefined);
      }
    }
    await start('a', '1', [Early]);
    const other = await start('b');
    await eventually(async () => expect((await other.jobs.list()).find(({ job }) => job === 'early')).toMatchObject({ orphaned: false }), {
      what: 'the job in the list of another replica',
    });
  });
});

describe('a run', () => {
  it('goes through the decorators around it, and gets its JobRun', async () => {
    await startTwo();
    await eventually(() => expect(runsOf('wrapped').length).toBeGreaterThan(1), { what: 'runs' });
    const times = runsOf('wrapped').map(({ run }) => run.scheduledTime?.getTime());
    expect(times.every((time) => time !== undefined && time % 1_000 === 0)).toBe(true);
    expect(new Set(times).size).toBe(times.length);
  });

  it('is tried again under the same claim', async () => {
    const { standby } = await startTwo();
    const { verdict } = await standby.trigger('retrying', { wait: 'done' });
    expect(verdict).toMatchObject({ outcome: 'ran', attempt: 3 });
    expect(runsOf('retrying').map(({ run }) => run.attempt)).toEqual([1, 2, 3]);
  });

  it('fails when it takes longer than it may', async () => {
    const { standby } = await startTwo();
    const { verdict } = await standby.trigger('slow', { wait: 'done' });
    expect(verdict).toMatchObject({ outcome: 'failed', reason: 'timeout' });
    expect(verdict?.error).toMatch('ZK_RUN_TIMEOUT');
  });

  it('finds the checkpoint that the last one has set on another replica', async () => {
    const { standby, apps } = await startTwo();
    await standby.trigger('yearly', { input: { count: true }, wait: 'done' });
    await eventually(
      async () => expect((await standby.list()).find(({ job }) => job === 'yearly')?.progress).toMatchObject({ note: 'run 1' }),
      {
        what: 'the progress',
      },
    );
    await apps[0]?.app.close();
    await standby.trigger('yearly', { input: { count: true }, wait: 'done' });
    await eventually(
      async () => expect((await standby.list()).find(({ job }) => job === 'yearly')?.progress).toMatchObject({ note: 'run 2' }),
      {
        what: 'the progress of the second',
      },
    );
    expect(runsOf('yearly').map(({ replica }) => replica)).toEqual(['a', 'b']);
  });
});

describe('the monitor', () => {
  it('raises one alarm about a silent job, on a replica that is not master, and clears it', async () => {
    const { standby, apps } = await startTwo();
    const alarms: SilenceAlarm['kind'][] = [];
    const subscription = standby.alarms$({ everyMs: 100 }).subscribe(({ job, kind }) => {
      if (job === 'silent') alarms.push(kind);
    });
    await eventually(() => expect(alarms).toEqual(['raised']), { what: 'the alarm' });
    await eventually(() => expect(logged(apps, 'event=job.silent')).toHaveLength(1), { what: 'the line in the log of the master' });
    await standby.trigger('silent', { wait: 'done' });
    await eventually(() => expect(alarms.slice(0, 2)).toEqual(['raised', 'cleared']), { what: 'the end of the alarm' });
    await eventually(() => expect(logged(apps, 'event=job.heard').length).toBeGreaterThan(0), { what: 'the line that it is over' });
    subscription.unsubscribe();
  });

  it('tells of verdicts as they come, and lists a job that no replica has in its code any more', async () => {
    const { master, apps } = await startTwo();
    const told: string[] = [];
    const subscription = master.verdicts$.subscribe(({ job, outcome }) => told.push(`${job} ${outcome}`));
    await eventually(() => expect(told).toContain('second ran'), { what: 'a verdict' });
    subscription.unsubscribe();
    await Promise.all(apps.map(({ app }) => app.close()));
    const other = await boot({
      imports: [ZookeeperModule.forRoot({ connectString: server.connectString, service, version: '2', candidate: false })],
    });
    const jobs = other.app.get(ClusterJobs);
    await eventually(async () => expect((await jobs.list()).find(({ job }) => job === 'yearly')?.orphaned).toBe(true), {
      what: 'the orphan',
    });
    expect(await jobs.why('yearly', new Date('2020-01-01T05:00:00Z'))).toMatch(/before|orphan/i);
    await expect(jobs.pause('secnd')).rejects.toThrow(/ZK_UNKNOWN_JOB.*second/);
  });
});

describe('a job that the present master does not know', () => {
  it('is left for a master that does, and none of its ticks is lost', async () => {
    const shared = { connectString: server.connectString, service, electionScope: 'service' as const, sessionTimeoutMs: 9_000 };
    const old = await boot({
      imports: [ScheduleModule.forRoot(), ZookeeperModule.forRoot({ ...shared, version: '1', address: 'old.test:1' })],
    });
    await eventually(() => expect(old.app.get(MasterElection).isMaster()).toBe(true), { what: 'the old version to be master' });
    const ticks: (number | undefined)[] = [];
    const next = await boot({
      imports: [ScheduleModule.forRoot(), ZookeeperModule.forRoot({ ...shared, version: '2', address: 'new.test:1' })],
    });
    const jobs = next.app.get(ClusterJobs);
    jobs.add({ name: 'new', cronTime: '* * * * * *', misfire: 'run-all' }, (run) => void ticks.push(run.scheduledTime?.getTime()));
    const due = await eventually(
      async () => {
        const second = Math.floor(Date.now() / 1_000) * 1_000;
        const [status] = await jobs.list();
        if (second <= (status?.schedule?.since.getTime() ?? Infinity)) throw new Error('no tick has been due yet');
        return new Date(second);
      },
      { what: 'a tick to be due' },
    );
    expect(await jobs.why('new', due)).toMatch(/old\.test:1|version|due/i);
    expect(ticks).toEqual([]);
    await old.app.close();
    await eventually(() => expect(ticks).toContain(due.getTime()), { what: 'the tick to run on the new version' });
    await next.app.close();
    const sorted = ticks.map(Number).toSorted((a, b) => a - b);
    expect(sorted).toEqual(sorted.map((_, index) => (sorted[0] ?? 0) + index * 1_000));
  });
});
