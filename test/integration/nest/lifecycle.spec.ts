import { Global, Injectable, Module } from '@nestjs/common';
import { Cron, Interval, ScheduleModule } from '@nestjs/schedule';
import { Test } from '@nestjs/testing';
import { afterEach, describe, expect, it } from 'vitest';
import {
  JobRun,
  MasterElection,
  MasterOnly,
  OnMasterElected,
  ZookeeperModule,
  type ZookeeperModuleOptions,
  type ZookeeperOptionsFactory,
} from '../../../src/index.js';
import { ELECTIONS, TestElections, ZookeeperTestingModule } from '../../../src/testing.js';
import { eventually } from '../../support/eventually.js';
import { boot, closeAll, fire, RecordingLogger } from './app.js';

afterEach(closeAll);

const NEVER = '0 0 0 1 1 *';
const standalone: ZookeeperModuleOptions = { service: 'A', version: '1', standalone: true };

/** A promise that the test settles. */
function gate(): { readonly opened: Promise<void>; open(): void } {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

describe('boot', () => {
  class Jobs {
    runs = 0;
    @Interval(5)
    @MasterOnly()
    tick(): void {
      this.runs += 1;
    }
  }

  it('joins the campaign after the last onApplicationBootstrap, however slow', async () => {
    const slow = gate();
    const seen: boolean[] = [];
    @Injectable()
    class Slow {
      constructor(private readonly election: MasterElection) {}
      async onApplicationBootstrap(): Promise<void> {
        await slow.opened;
        seen.push(this.election.isMaster());
      }
    }
    @Module({ providers: [Slow] })
    class Root {}
    const module = await Test.createTestingModule({
      imports: [ScheduleModule.forRoot(), ZookeeperModule.forRoot(standalone), Root],
      providers: [Jobs, Slow],
    })
      .setLogger(new RecordingLogger())
      .compile();
    const app = module.createNestApplication({ logger: false });
    const started = app.init();
    let ticks = 0;
    await eventually(() => expect((ticks += 1)).toBeGreaterThan(5), { what: 'the schedules to have fired meanwhile' });
    expect(app.get(MasterElection).isMaster()).toBe(false);
    expect(app.get(Jobs).runs).toBe(0);
    slow.open();
    await started;
    expect(seen).toEqual([false, false]);
    expect(app.get(MasterElection).isMaster()).toBe(true);
    await app.close();
  });

  it('never makes an application master that fails to start', async () => {
    class Crashing {
      onApplicationBootstrap(): void {
        throw new Error('no database');
      }
    }
    const elections = new TestElections({ master: false });
    let started = 0;
    elections.start = () => void (started += 1);
    const module = await Test.createTestingModule({
      imports: [ScheduleModule.forRoot(), ZookeeperModule.forRoot(standalone)],
      providers: [Jobs, Crashing],
    })
      .overrideProvider(ELECTIONS)
      .useValue(elections)
      .compile();
    const app = module.createNestApplication({ logger: false });
    await expect(app.init()).rejects.toThrow('no database');
    await app.close().catch(() => undefined);
    expect(started).toBe(0);
  });

  it('does not wait for ZooKeeper, and says so', async () => {
    const { app, log } = await boot({
      imports: [
        ScheduleModule.forRoot(),
        ZookeeperModule.forRoot({ connectString: '127.0.0.1:1', service: 'A', version: '1', address: '10.0.0.7:9090' }),
      ],
      providers: [Jobs],
    });
    expect(log.with('event=boot.done')).toEqual([
      expect.stringMatching(/^log .*does not wait for ZooKeeper.*service=A version=1 address=10\.0\.0\.7:9090 candidate=true/u),
    ]);
    expect(app.get(MasterElection).mastership()).toMatchObject({ kind: 'electing' });
    await expect(app.get(MasterElection).master()).rejects.toMatchObject({ code: expect.stringMatching(/^ZK_/u) as string });
  });

  it('says how much time a shutdown may take, when that is more than platforms usually grant', async () => {
    const { log } = await boot({ imports: [ZookeeperModule.forRoot({ ...standalone, drainTimeoutMs: 60_000 })] });
    expect(log.with('event=boot.grace')).toEqual([expect.stringContaining('65000 ms')]);
    const usual = await boot({ imports: [ZookeeperModule.forRoot(standalone)] });
    expect(usual.log.with('event=boot.grace')).toEqual([]);
  });

  it('is loud about standalone mode, and master of everything in it', async () => {
    const { app, log } = await boot({ imports: [ScheduleModule.forRoot(), ZookeeperModule.forRoot(standalone)], providers: [Jobs] });
    expect(log.with('warn STANDALONE')).toHaveLength(1);
    expect([app.get(MasterElection).isMaster(), app.get(MasterElection).isMaster('reports')]).toEqual([true, true]);
    await eventually(() => expect(app.get(Jobs).runs).toBeGreaterThan(0), { what: 'a run' });
  });

  it('never runs jobs with candidate: false, and then needs no ScheduleModule', async () => {
    const { app, log } = await boot({ imports: [ZookeeperModule.forRoot({ ...standalone, candidate: false })], providers: [Jobs] });
    expect(app.get(MasterElection).mastership()).toMatchObject({ kind: 'observing' });
    expect(log.with('never run here').length + log.with('STANDALONE').length).toBe(1);
  });

  it('refuses a second forRoot, naming both modules', async () => {
    @Module({ imports: [ZookeeperModule.forRoot(standalone)] })
    class Feature {}
    await expect(boot({ imports: [ZookeeperModule.forRoot(standalone), Feature] })).rejects.toThrow(
      /ZookeeperModule and ZookeeperModule are imported/u,
    );
    await expect(
      boot({ imports: [ZookeeperModule.forRoot(standalone), ZookeeperTestingModule.forRoot({ master: true })] }),
    ).rejects.toThrow(/ZookeeperModule and ZookeeperTestingModule/u);
  });

  it('names enableShutdownHooks() when nobody listens to SIGTERM', async () => {
    const listeners = process.listeners('SIGTERM');
    process.removeAllListeners('SIGTERM');
    try {
      const without = await boot({ imports: [ZookeeperModule.forRoot(standalone)] });
      await eventually(() => expect(without.log.with('app.enableShutdownHooks()')).toHaveLength(1), { what: 'the warning' });
      const { app, log } = await boot({ imports: [ZookeeperModule.forRoot(standalone)] });
      app.enableShutdownHooks();
      await eventually(() => expect(log.with('event=boot.shutdown-hooks')).toHaveLength(1), { what: 'the second check' });
      expect(log.with('app.enableShutdownHooks()')).toEqual([]);
    } finally {
      for (const listener of listeners) process.on('SIGTERM', listener);
    }
  });
});

describe('forRootAsync', () => {
  @Injectable()
  class Config implements ZookeeperOptionsFactory {
    createZookeeperOptions(): ZookeeperModuleOptions {
      return standalone;
    }
  }
  @Module({ providers: [Config], exports: [Config] })
  class ConfigModule {}

  it.each([
    ['useFactory', { imports: [ConfigModule], inject: [Config], useFactory: async (config: Config) => config.createZookeeperOptions() }],
    ['useClass', { useClass: Config }],
    ['useExisting', { imports: [ConfigModule], useExisting: Config }],
  ])('takes %s', async (_name, options) => {
    const { app } = await boot({ imports: [ZookeeperModule.forRootAsync(options)] });
    expect(app.get(MasterElection).isMaster()).toBe(true);
  });

  it('fails at boot with what is wrong in the options that were made', async () => {
    await expect(boot({ imports: [ZookeeperModule.forRootAsync({ useFactory: () => ({}) as ZookeeperModuleOptions })] })).rejects.toThrow(
      /3 problems.*\n.*connectString.*\n.*service.*\n.*version/u,
    );
  });

  it('wants exactly one way', () => {
    expect(() => ZookeeperModule.forRootAsync({})).toThrow(/exactly one of/u);
    expect(() => ZookeeperModule.forRootAsync({ useClass: Config, useFactory: () => standalone })).toThrow(/exactly one of/u);
  });
});

describe('shutdown', () => {
  const events: string[] = [];

  @Injectable()
  class Database {
    onModuleDestroy(): void {
      events.push('database closed');
    }
  }
  @Global()
  @Module({ providers: [Database], exports: [Database] })
  class DatabaseModule {}

  class Jobs {
    readonly started = gate();
    readonly goOn = gate();
    aborted: unknown;

    @Cron(NEVER, { name: 'job' })
    @MasterOnly()
    async work(run: JobRun): Promise<void> {
      run.signal.addEventListener('abort', () => (this.aborted = run.signal.reason));
      this.started.open();
      await this.goOn.opened;
      events.push(`run over, still master: ${!run.signal.aborted}`);
    }

    @Cron(NEVER, { name: 'obedient' })
    @MasterOnly()
    async obey(run: JobRun): Promise<void> {
      this.started.open();
      await new Promise((_resolve, reject) => run.signal.addEventListener('abort', () => reject(run.signal.reason as Error)));
    }

    onModuleDestroy(): void {
      events.push('jobs destroyed');
    }
  }

  const imports = (drainTimeoutMs: number): NonNullable<Parameters<typeof boot>[0]['imports']> => [
    DatabaseModule,
    ScheduleModule.forRoot(),
    ZookeeperTestingModule.forRoot({ master: true, drainTimeoutMs }),
  ];

  it('drains before any other onModuleDestroy, while it is still master', async () => {
    events.length = 0;
    const { app } = await boot({ imports: imports(60_000), providers: [Jobs] });
    const jobs = app.get(Jobs);
    const run = fire(app, 'job');
    await jobs.started.opened;
    const closed = app.close();
    await new Promise(setImmediate);
    expect(events).toEqual([]);
    await fire(app, 'obedient');
    jobs.goOn.open();
    await Promise.all([run, closed]);
    expect(events).toEqual(['run over, still master: true', 'jobs destroyed', 'database closed']);
    expect(jobs.aborted).toBeUndefined();
  });

  it('aborts runs at drainTimeoutMs, and logs one that stops on it as stopped, not as failed', async () => {
    const { app, log } = await boot({ imports: imports(50), providers: [Jobs] });
    const run = fire(app, 'obedient');
    await app.get(Jobs).started.opened;
    await app.close();
    await run;
    expect(log.with('event=drain.aborting')).toHaveLength(1);
    expect(log.with('event=run.aborted')).toEqual([expect.stringMatching(/^warn .*"obedient".*ZK_RUN_ABORTED/u)]);
    expect(log.with('error')).toEqual([]);
    expect(log.with('event=shutdown.drained')[0]).toContain('end=resigned');
  });

  it('does not resign while a run ignores its abort, and names it with its duration', async () => {
    const elected: string[] = [];
    class Hooks {
      @OnMasterElected()
      elected(): void {
        elected.push('elected');
      }
    }
    const { app, log } = await boot({ imports: imports(50), providers: [Jobs, Hooks] });
    const election = app.get(TestElections).election();
    const run = fire(app, 'job');
    await app.get(Jobs).started.opened;
    await app.close();
    await eventually(() => expect(election.isMaster()).toBe(true), { what: 'the master to be believed' });
    expect(elected).toEqual(['elected']);
    expect(log.with('ZK_RUN_IGNORES_ABORT')).toEqual([
      expect.stringMatching(/^error "job" of Test:0 has been running for \d{4,} ms .*is not resigned.*event=drain.stuck/u),
    ]);
    expect(log.with('event=shutdown.drained')[0]).toContain('end=stuck');
    expect(app.get(Jobs).aborted).toMatchObject({ code: 'ZK_RUN_ABORTED' });
    app.get(Jobs).goOn.open();
    await run;
  });

  it('starts nothing while it drains and afterwards', async () => {
    const { app } = await boot({ imports: imports(60_000), providers: [Jobs] });
    const jobs = app.get(Jobs);
    const run = fire(app, 'job');
    await jobs.started.opened;
    const closed = app.close();
    await new Promise(setImmediate);
    await expect(jobs.obey(undefined as never)).rejects.toThrow('ZK_NOT_MASTER');
    jobs.goOn.open();
    await Promise.all([run, closed]);
    await expect(jobs.obey(undefined as never)).rejects.toThrow('ZK_NOT_MASTER');
  });

  it('aborts and awaits runs whose mastership was lost before', async () => {
    const { app, log } = await boot({ imports: imports(60_000), providers: [Jobs] });
    const run = fire(app, 'obedient');
    await app.get(Jobs).started.opened;
    app.get(TestElections).setMaster(false);
    await run;
    await eventually(() => expect(log.with('event=run.aborted')[0] ?? '').toContain('ZK_MASTERSHIP_LOST'), { what: 'the end of the run' });
    await app.close();
    expect(log.with('event=shutdown.drained')[0]).toContain('end=resigned');
  });

  it('names a run that goes on although its mastership was lost before', async () => {
    const { app, log } = await boot({ imports: imports(60_000), providers: [Jobs] });
    const run = fire(app, 'job');
    await app.get(Jobs).started.opened;
    app.get(TestElections).setMaster(false);
    await app.close();
    expect(log.with('ZK_RUN_IGNORES_ABORT')).toEqual([expect.stringMatching(/"job" of Test:0 .*its mastership was over before/u)]);
    app.get(Jobs).goOn.open();
    await run;
  });

  it('lets what a run calls start while its mastership drains', async () => {
    class Nested {
      readonly started = gate();
      readonly goOn = gate();
      result: unknown;
      @MasterOnly()
      inner(): string {
        return JobRun.current()?.job ?? 'none';
      }
      @Cron(NEVER, { name: 'outer' })
      @MasterOnly()
      async outer(): Promise<void> {
        this.started.open();
        await this.goOn.opened;
        this.result = this.inner();
      }
    }
    const { app } = await boot({ imports: imports(60_000), providers: [Nested] });
    const nested = app.get(Nested);
    const run = fire(app, 'outer');
    await nested.started.opened;
    const closed = app.close();
    await new Promise(setImmediate);
    expect(() => nested.inner()).toThrow('ZK_NOT_MASTER');
    nested.goOn.open();
    await Promise.all([run, closed]);
    expect(nested.result).toBe('Nested.inner');
  });
});
