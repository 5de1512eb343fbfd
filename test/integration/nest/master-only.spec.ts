import { Inject, Injectable, Module, Scope } from '@nestjs/common';
import { Cron, Interval, ScheduleModule, SchedulerRegistry, Timeout } from '@nestjs/schedule';
import { Test } from '@nestjs/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { JobRun, MasterOnly, NotMasterError, OnMasterElected, UnboundError, ZookeeperModule } from '../../../src/index.js';
import { ELECTIONS, runJob, TestElections, ZookeeperTestingModule } from '../../../src/testing.js';
import { GatedJob } from '../../../src/zookeeper/dispatch/gated-job.js';
import { GATE } from '../../../src/zookeeper/decorators/inject.js';
import type { Dispatcher } from '../../../src/zookeeper/dispatch/dispatcher.js';
import { eventually } from '../../support/eventually.js';
import { boot, closeAll, fire } from './app.js';

afterEach(closeAll);

const NEVER = '0 0 0 1 1 *';
const YEAR = 31_000_000_000 / 15; // below Node's largest delay

const master = { imports: [ScheduleModule.forRoot(), ZookeeperTestingModule.forRoot({ master: true })] };
const standby = { imports: [ScheduleModule.forRoot(), ZookeeperTestingModule.forRoot({ master: false })] };

describe.each([
  ['above', [MasterOnly(), Cron(NEVER, { name: 'job' })]],
  ['below', [Cron(NEVER, { name: 'job' }), MasterOnly()]],
])('@MasterOnly %s @Cron', (_where, decorators) => {
  function jobs(): { new (): { send(run: JobRun): unknown }; runs: unknown[] } {
    class Jobs {
      static readonly runs: unknown[] = [];
      send(run: JobRun): void {
        Jobs.runs.push(run);
      }
    }
    const descriptor = Object.getOwnPropertyDescriptor(Jobs.prototype, 'send') as PropertyDescriptor;
    for (const decorate of decorators.toReversed()) decorate(Jobs.prototype, 'send', descriptor);
    Object.defineProperty(Jobs.prototype, 'send', descriptor);
    return Jobs;
  }

  it('runs with a JobRun on the master', async () => {
    const Jobs = jobs();
    const { app } = await boot({ ...master, providers: [Jobs] });
    await fire(app, 'job');
    expect(Jobs.runs).toHaveLength(1);
    expect(Jobs.runs[0]).toBeInstanceOf(JobRun);
    expect(Jobs.runs[0]).toMatchObject({ job: 'job', cause: 'schedule' });
  });

  it('does nothing on a standby', async () => {
    const Jobs = jobs();
    const { app, log } = await boot({ ...standby, providers: [Jobs] });
    await fire(app, 'job');
    expect(Jobs.runs).toEqual([]);
    expect(log.with('error')).toEqual([]);
    expect(log.with('event=run.')).toEqual([]);
  });

  it('follows the mastership', async () => {
    const Jobs = jobs();
    const { app } = await boot({ ...standby, providers: [Jobs] });
    await fire(app, 'job');
    app.get(TestElections).setMaster(true);
    await fire(app, 'job');
    app.get(TestElections).setMaster(false);
    await fire(app, 'job');
    expect(Jobs.runs).toHaveLength(1);
  });
});

describe('@MasterOnly with @Interval and @Timeout', () => {
  class Jobs {
    readonly seen: string[] = [];

    @MasterOnly()
    @Interval(20)
    often(run: JobRun): void {
      this.seen.push(run.job);
    }

    @Timeout(10)
    @MasterOnly()
    once(run: JobRun): void {
      this.seen.push(run.job);
    }
  }

  it('runs on the master', async () => {
    const { app } = await boot({ ...master, providers: [Jobs] });
    await eventually(() => expect(app.get(Jobs).seen).toEqual(expect.arrayContaining(['Jobs.often', 'Jobs.once'])), {
      what: 'a run of each',
    });
  });

  it('stays away on a standby', async () => {
    const fires = vi.spyOn(GatedJob.prototype, 'fire');
    const { app } = await boot({ ...standby, providers: [Jobs] });
    const fired = (): Set<string> => new Set(fires.mock.contexts.map((job) => (job as GatedJob).identity.name));
    await eventually(() => expect(fired()).toEqual(new Set(['Jobs.often', 'Jobs.once'])), { what: 'a fire of each' });
    fires.mockRestore();
    expect(app.get(Jobs).seen).toEqual([]);
  });

  it('logs what a run throws with job, token and stack, and goes on', async () => {
    class Failing {
      calls = 0;
      @Interval(20)
      @MasterOnly()
      async fail(): Promise<void> {
        this.calls += 1;
        throw new Error('no paper');
      }
      @Timeout(5)
      @MasterOnly()
      once(): void {
        throw new Error('no ink');
      }
    }
    const { app, log } = await boot({ ...master, providers: [Failing] });
    await eventually(() => expect(app.get(Failing).calls).toBeGreaterThan(2), { what: 'runs after the first failure' });
    const [line] = log.with('no paper');
    expect(line).toMatch(
      /^error The run of "Failing\.fail" failed: no paper\. .*event=run\.failed election=Test:0 token=\d+ cause=schedule attempt=1 durationMs=\d+ Error: no paper\n\s+at/u,
    );
    expect(log.with('no ink')).toHaveLength(1);
  });
});

describe('a method with @MasterOnly and no schedule', () => {
  class Ledger {
    @MasterOnly()
    add(a: number, b: number): number {
      return a + b;
    }
    @MasterOnly()
    async later(text: string): Promise<string> {
      return `${text}!`;
    }
    @MasterOnly()
    rest(...all: unknown[]): unknown[] {
      return all;
    }
  }

  it('passes arguments and result unchanged on the master, and a synchronous one stays synchronous', async () => {
    const { app } = await boot({ ...master, providers: [Ledger] });
    const ledger = app.get(Ledger);
    expect(ledger.add(1, 2)).toBe(3);
    expect(ledger.rest(undefined, null)).toEqual([undefined, null]);
    await expect(ledger.later('now')).resolves.toBe('now!');
  });

  it('refuses elsewhere with an error that names the master; an async one rejects', async () => {
    const { app } = await boot({ ...standby, providers: [Ledger] });
    const ledger = app.get(Ledger);
    expect(() => ledger.add(1, 2)).toThrow(NotMasterError);
    expect(() => ledger.add(1, 2)).toThrow(/ZK_NOT_MASTER.*"Ledger\.add" runs only there.*The master is other\.test:9090/u);
    await expect(ledger.later('now')).rejects.toMatchObject({ code: 'ZK_NOT_MASTER', master: 'other.test:9090', election: 'Test:0' });
  });

  it('keeps name, length and metadata of the method', () => {
    expect(Ledger.prototype.add.name).toBe('add');
    expect(Ledger.prototype.add).toHaveLength(2);
  });
});

describe('a direct call of a scheduled method', () => {
  class Jobs {
    readonly causes: unknown[] = [];
    @Cron(NEVER, { name: 'job' })
    @MasterOnly()
    send(run?: JobRun): string {
      this.causes.push(run?.cause, JobRun.current() === run);
      return 'sent';
    }
  }

  it('runs on the master with cause "direct", and hands back the result', async () => {
    const { app } = await boot({ ...master, providers: [Jobs] });
    expect(app.get(Jobs).send()).toBe('sent');
    await fire(app, 'job');
    expect(app.get(Jobs).causes).toEqual(['direct', true, 'schedule', true]);
  });

  it('is refused loudly on a standby, where the schedule is silent', async () => {
    const { app } = await boot({ ...standby, providers: [Jobs] });
    expect(() => app.get(Jobs).send()).toThrow(NotMasterError);
    await fire(app, 'job');
    expect(app.get(Jobs).causes).toEqual([]);
  });

  it('is told apart through other decorators that wrap the method and keep its metadata', async () => {
    const seen: string[] = [];
    const traced: MethodDecorator = (_target, _key, descriptor: PropertyDescriptor) => {
      const inner = descriptor.value as (...args: unknown[]) => unknown;
      const outer = async function (this: unknown, ...args: unknown[]): Promise<unknown> {
        seen.push('traced');
        return inner.apply(this, args);
      };
      for (const key of Reflect.getMetadataKeys(inner) as unknown[]) Reflect.defineMetadata(key, Reflect.getMetadata(key, inner), outer);
      descriptor.value = outer;
    };
    class Traced {
      @traced
      @MasterOnly()
      @Cron(NEVER, { name: 'job' })
      async send(run?: JobRun): Promise<void> {
        seen.push(String(run?.cause));
      }
    }
    const { app } = await boot({ ...standby, providers: [Traced] });
    await fire(app, 'job');
    await expect(app.get(Traced).send()).rejects.toThrow(NotMasterError);
    app.get(TestElections).setMaster(true);
    await fire(app, 'job');
    await app.get(Traced).send();
    expect(seen).toEqual(['traced', 'traced', 'schedule', 'traced', 'direct']);
  });

  it('is told apart whichever of the modules is imported first', async () => {
    const { app, log } = await boot({ imports: [...standby.imports].toReversed(), providers: [Jobs] });
    await fire(app, 'job');
    expect(log.with('error')).toEqual([]);
    app.get(TestElections).setMaster(true);
    await fire(app, 'job');
    app.get(Jobs).send();
    expect(app.get(Jobs).causes).toEqual(['schedule', true, 'direct', true]);
  });

  it('throws what the method throws', async () => {
    class Failing {
      @Cron(NEVER)
      @MasterOnly()
      send(): void {
        throw new Error('no paper');
      }
    }
    const { app } = await boot({ ...master, providers: [Failing] });
    expect(() => app.get(Failing).send()).toThrow('no paper');
  });

  it('is told apart in onApplicationBootstrap of other providers already', async () => {
    let thrown: unknown;
    @Injectable()
    class Eager {
      constructor(private readonly jobs: Jobs) {}
      onApplicationBootstrap(): void {
        try {
          this.jobs.send();
        } catch (error) {
          thrown = error;
        }
      }
    }
    await boot({ ...standby, providers: [Jobs, Eager] });
    expect(thrown).toBeInstanceOf(NotMasterError);
  });
});

describe('inheritance', () => {
  abstract class Base {
    readonly seen: string[] = [];
    @Cron(NEVER)
    @MasterOnly()
    send(run?: JobRun): void {
      this.seen.push(`base ${run?.job}`);
    }
  }
  class Letters extends Base {}
  class Parcels extends Base {}
  class Loud extends Base {
    @Cron(NEVER, { name: 'loud' })
    @MasterOnly()
    override send(run?: JobRun): void {
      this.seen.push('loud');
      super.send(run);
    }
  }

  it('makes an inherited method one job per subclass', async () => {
    const { app } = await boot({ ...master, providers: [Letters, Parcels] });
    expect(
      app
        .get<Dispatcher>(GATE)
        .list()
        .map(({ identity }) => identity.name),
    ).toEqual(['Letters.send', 'Parcels.send']);
    for (const job of app.get(SchedulerRegistry).getCronJobs().values()) await job.fireOnTick();
    expect(app.get(Letters).seen).toEqual(['base Letters.send']);
    expect(app.get(Parcels).seen).toEqual(['base Parcels.send']);
  });

  it('takes super.method() for a part of the run of the overriding method', async () => {
    const { app, log } = await boot({ ...master, providers: [Loud] });
    await fire(app, 'loud');
    expect(app.get(Loud).seen).toEqual(['loud', 'base loud']);
    expect(log.with('event=run.started')).toHaveLength(1);
    expect(log.with('event=run.succeeded')).toHaveLength(1);
  });
});

describe('providers that Nest does not construct', () => {
  class Jobs {
    readonly seen: unknown[] = [];
    @Cron(NEVER, { name: 'job' })
    @MasterOnly()
    send(run: JobRun): void {
      this.seen.push(run.cause);
    }
    @MasterOnly()
    plain(): string {
      return 'plain';
    }
  }
  const boundToTarget = (jobs: Jobs): Jobs =>
    new Proxy(jobs, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key);
        return typeof value === 'function' && key !== 'send' ? (value.bind(target) as unknown) : value;
      },
    });

  it.each([
    ['useFactory', { provide: Jobs, useFactory: () => new Jobs() }],
    ['useValue', { provide: Jobs, useValue: new Jobs() }],
    ['a proxy', { provide: Jobs, useFactory: () => new Proxy(new Jobs(), {}) }],
    ['a proxy that binds methods to its target', { provide: Jobs, useFactory: () => boundToTarget(new Jobs()) }],
  ])('are gated: %s', async (_name, provider) => {
    const { app } = await boot({ ...master, providers: [provider] });
    await fire(app, 'job');
    expect(app.get(Jobs).seen).toEqual(['schedule']);
    expect(app.get(Jobs).plain()).toBe('plain');
    app.get(TestElections).setMaster(false);
    await fire(app, 'job');
    expect(app.get(Jobs).seen).toEqual(['schedule']);
    expect(() => app.get(Jobs).plain()).toThrow(NotMasterError);
  });
});

describe('two applications in one process', () => {
  class Jobs {
    runs = 0;
    @Cron(NEVER, { name: 'job' })
    @MasterOnly()
    send(): void {
      this.runs += 1;
    }
  }

  it('have a gate each', async () => {
    const first = await boot({ ...master, providers: [Jobs] });
    const second = await boot({ ...standby, providers: [Jobs] });
    await fire(first.app, 'job');
    await fire(second.app, 'job');
    expect([first.app.get(Jobs).runs, second.app.get(Jobs).runs]).toEqual([1, 0]);
  });

  it('cannot share an instance while both run, and can one after the other', async () => {
    const shared = { provide: Jobs, useValue: new Jobs() };
    const first = await boot({ ...master, providers: [shared] });
    await expect(boot({ ...master, providers: [shared] })).rejects.toThrow(/another running application/u);
    await first.app.close();
    const second = await boot({ ...standby, providers: [shared] });
    await fire(second.app, 'job');
    expect(shared.useValue.runs).toBe(0);
    expect(second.log.with('error')).toEqual([]);
    expect(() => shared.useValue.send()).toThrow(NotMasterError);
  });
});

describe('without a module', () => {
  class Jobs {
    runs = 0;
    @Cron(NEVER, { name: 'job' })
    @MasterOnly()
    send(): void {
      this.runs += 1;
    }
  }

  it('an application does not boot, and the error is the instruction', async () => {
    await expect(boot({ imports: [ScheduleModule.forRoot()], providers: [Jobs] })).rejects.toThrow(
      /import ZookeeperModule\.forRoot\(\) or ZookeeperTestingModule/u,
    );
  });

  it.each([
    ['a factory', { provide: Jobs, useFactory: () => new Jobs() }],
    ['a value', { provide: Jobs, useValue: new Jobs() }],
  ])('an instance from %s never runs, and says so', async (_name, provider) => {
    const { app, log } = await boot({ imports: [ScheduleModule.forRoot()], providers: [provider] });
    await fire(app, 'job');
    expect(app.get(Jobs).runs).toBe(0);
    expect(log.with('ZK_UNBOUND')).toHaveLength(1);
    expect(() => app.get(Jobs).send()).toThrow(UnboundError);
  });

  it('an async method rejects, as it does for whoever awaits it', async () => {
    class AsyncJobs {
      @MasterOnly()
      async send(): Promise<void> {}
    }
    const sent = new AsyncJobs().send();
    await expect(sent).rejects.toThrow(UnboundError);
  });

  it('an instance with a mocked gate never runs', async () => {
    const module = await Test.createTestingModule({ providers: [Jobs] })
      .useMocker(() => ({ job: () => ({ fire: () => undefined }) }))
      .compile();
    expect(() => module.get(Jobs).send()).toThrow(UnboundError);
  });
});

describe('what cannot work fails at boot, naming the parties', () => {
  it('two jobs with one name', async () => {
    class A {
      @Cron(NEVER)
      @MasterOnly({ name: 'nightly' })
      run(): void {}
    }
    class B {
      @Interval(YEAR)
      @MasterOnly({ name: 'nightly' })
      tick(): void {}
    }
    await expect(boot({ ...master, providers: [A, B] })).rejects.toThrow(/"nightly".*A\.run.*B\.tick/u);
  });

  it('a class with a job that two modules provide', async () => {
    class Jobs {
      @Cron(NEVER)
      @MasterOnly()
      run(): void {}
    }
    @Module({ providers: [Jobs] })
    class One {}
    @Module({ providers: [Jobs] })
    class Two {}
    await expect(boot({ imports: [...master.imports, One, Two] })).rejects.toThrow(/"Jobs\.run".*Jobs in One.*Jobs in Two/u);
  });

  it('a second token for the same instance', async () => {
    class Jobs {
      @Cron(NEVER)
      @MasterOnly()
      run(): void {}
    }
    await expect(boot({ ...master, providers: [Jobs, { provide: 'alias', useExisting: Jobs }] })).rejects.toThrow(
      /Jobs\.run would fire twice.*Jobs in .*alias in .*useExisting/u,
    );
  });

  it.each([
    ['REQUEST', Scope.REQUEST],
    ['TRANSIENT', Scope.TRANSIENT],
  ])('a schedule in a provider of scope %s', async (_name, scope) => {
    @Injectable({ scope })
    class Jobs {
      @Cron(NEVER)
      @MasterOnly()
      run(): void {}
    }
    await expect(boot({ ...master, providers: [Jobs] })).rejects.toThrow(/Jobs\.run .* request-scoped or transient/u);
  });

  it('a name that ZooKeeper could not keep', async () => {
    class Jobs {
      @Cron(NEVER, { name: 'a/b' })
      @MasterOnly()
      run(): void {}
    }
    await expect(boot({ ...master, providers: [Jobs] })).rejects.toThrow(/"a\/b" \(Jobs\.run, Jobs in .*\) cannot have this name/u);
  });

  it('a schedule without ScheduleModule, or one that it leaves out', async () => {
    class Jobs {
      @Cron(NEVER)
      @MasterOnly()
      run(): void {}
    }
    const testing = ZookeeperTestingModule.forRoot({ master: true });
    await expect(boot({ imports: [testing], providers: [Jobs] })).rejects.toThrow(/Jobs\.run .*ScheduleModule is missing/u);
    await expect(boot({ imports: [testing, ScheduleModule.forRoot({ cronJobs: false })], providers: [Jobs] })).rejects.toThrow(
      /cronJobs: false/u,
    );
  });

  it('a schedule that a decorator hides', async () => {
    const hide: MethodDecorator = (_target, _key, descriptor: PropertyDescriptor) => {
      const inner = descriptor.value as (...args: unknown[]) => unknown;
      descriptor.value = function (this: unknown, ...args: unknown[]): unknown {
        return inner.apply(this, args);
      };
    };
    class Jobs {
      @hide
      @MasterOnly()
      @Cron(NEVER)
      run(): void {}
    }
    await expect(boot({ ...master, providers: [Jobs] })).rejects.toThrow(/Jobs\.run .*@Cron, but ScheduleModule cannot see it/u);
  });

  it('code that was compiled with standard decorators, naming the setting', () => {
    const context = { kind: 'method', name: 'send', static: false, private: false };
    const decorate = MasterOnly() as unknown as (value: unknown, context: unknown) => void;
    const hook = OnMasterElected() as unknown as typeof decorate;
    for (const each of [decorate, hook])
      expect(() => each(() => undefined, context)).toThrow(
        /ZK_JOB_SETUP.* on send: .*standard decorators.*"experimentalDecorators": true/u,
      );
  });

  it('static methods, properties, twice, and unknown options, when the class is defined', () => {
    const on =
      (decorate: MethodDecorator, target: object, value: unknown): (() => void) =>
      () =>
        void decorate(target, 'x', { value });
    class Some {
      readonly some = true;
    }
    expect(on(MasterOnly(), Some, () => 1)).toThrow(/static method/u);
    expect(on(MasterOnly(), Some.prototype, undefined)).toThrow(/only methods/u);
    expect(on(MasterOnly({ claims: 'tick' } as object), Some.prototype, () => 1)).toThrow(/no option "claims". Known: name, election/u);
    expect(on(MasterOnly({ election: 'a:b' }), Some.prototype, () => 1)).toThrow(/election "a:b" cannot be used: it contains ":"/u);
    const descriptor: PropertyDescriptor = { value: () => 1 };
    MasterOnly()(Some.prototype, 'x', descriptor);
    expect(() => MasterOnly()(Some.prototype, 'x', descriptor)).toThrow(/stands twice/u);
  });
});

describe('what is worth a line at boot', () => {
  class Mixed {
    @Cron(NEVER)
    @MasterOnly()
    claimed(): void {}
    @Interval(3_600_000)
    @MasterOnly()
    polled(): void {}
    @Cron(NEVER)
    everywhere(): void {}
    @Cron(NEVER, { disabled: true })
    nowhere(): void {}
    get trap(): never {
      throw new Error('a getter was called');
    }
  }
  class Feed {
    @OnMasterElected()
    open(): void {}
  }

  it('lists the scheduled methods that run on every replica', async () => {
    const { log } = await boot({ ...master, providers: [Mixed] });
    expect(log.with('event=jobs.found')[0]).toContain('On every replica, without @MasterOnly: Mixed.everywhere (cron).');
    expect(log.with('Mixed.nowhere')).toEqual([]);
  });

  it('says what runs in both versions during a rolling deploy, where each version has a master', async () => {
    const unreachable = { connectString: '127.0.0.1:1', service: 'Bank', version: '1', address: 'a:1' };
    const said = async (electionScope: 'version' | 'service'): Promise<string[]> => {
      const imports = [ScheduleModule.forRoot(), ZookeeperModule.forRoot({ ...unreachable, electionScope })];
      const { log } = await boot({ imports, providers: [Mixed, Feed] });
      return log.with('event=boot.version-scope');
    };
    expect(await said('version')).toEqual([expect.stringContaining('both run Mixed.polled (interval); Feed.open (hook).') as string]);
    expect(await said('service')).toEqual([]);
  });

  it('lists the jobs, and which of them are disabled', async () => {
    class Jobs {
      @Cron(NEVER, { disabled: true })
      @MasterOnly()
      run(): void {}
      @MasterOnly()
      plain(): void {}
    }
    const { log } = await boot({ ...master, providers: [Jobs] });
    expect(log.with('event=jobs.found')[0]).toContain('@MasterOnly: Jobs.run (cron, disabled); Jobs.plain (called).');
  });

  it('warns about a job name that looks minified', async () => {
    class t {
      @Cron(NEVER)
      @MasterOnly()
      run(): void {}
    }
    const { log } = await boot({ ...master, providers: [t] });
    expect(log.with('event=job.minified')).toHaveLength(1);
  });
});

describe('plain methods on request-scoped providers', () => {
  it('are gated through the injected gate', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class PerRequest {
      @MasterOnly()
      work(): string {
        return 'done';
      }
    }
    const { app } = await boot({ ...master, providers: [PerRequest] });
    const one = await app.resolve(PerRequest);
    expect(one.work()).toBe('done');
    app.get(TestElections).setMaster(false);
    expect(() => one.work()).toThrow(NotMasterError);
    await app.resolve(PerRequest);
    expect(app.get<Dispatcher>(GATE).list()).toHaveLength(1);
  });
});

describe('the testing kit', () => {
  class Repository {
    readonly rows: string[] = [];
  }
  @Injectable()
  class Jobs {
    constructor(@Inject(Repository) private readonly repository: Repository) {}
    @Cron(NEVER)
    @MasterOnly()
    async send(run: JobRun): Promise<number> {
      this.repository.rows.push(`${run.job} ${run.fencingToken} ${run.cause} ${JobRun.current() === run}`);
      run.assertMaster();
      return this.repository.rows.length;
    }
    plain(): void {}
  }

  it('runs a job on an instance that Nest has never seen', async () => {
    const repository = new Repository();
    await expect(runJob(new Jobs(repository), 'send', { fencingToken: 7n })).resolves.toBe(1);
    expect(repository.rows).toEqual(['Jobs.send 7 schedule true']);
    await expect(runJob(new Jobs(repository), 'plain')).rejects.toThrow('ZK_NO_SUCH_JOB');
    await expect(runJob(new Jobs(repository) as unknown as { nope(): void }, 'nope')).rejects.toThrow(/no method Jobs\.nope/);
  });

  it('runs a job as it would be started again, with what an earlier run has left behind', async () => {
    class Copy {
      @Cron(NEVER)
      @MasterOnly()
      async copy(run: JobRun): Promise<unknown> {
        const from = await run.checkpoint.get<number>();
        await run.checkpoint.set((from ?? 0) + 1);
        run.progress(0.5, 'half');
        return [from, await run.checkpoint.get(), run.attempt, run.cause, run.scheduledTime, run.input];
      }
    }
    const kept: unknown[] = [];
    const told: unknown[] = [];
    const scheduledTime = new Date('2026-01-01T00:00:00Z');
    await expect(
      runJob(new Copy(), 'copy', {
        scheduledTime,
        attempt: 2,
        cause: 'rerun',
        input: 'all',
        checkpoint: 5,
        onCheckpoint: (value) => kept.push(value),
        onProgress: (...progress) => told.push(progress),
      }),
    ).resolves.toEqual([5, 6, 2, 'rerun', scheduledTime, 'all']);
    expect({ kept, told }).toEqual({ kept: [6], told: [[0.5, 'half']] });
    await expect(runJob(new Copy(), 'copy')).resolves.toEqual([undefined, 1, 1, 'schedule', undefined, undefined]);
    await expect(runJob(new Copy(), 'copy', { lost: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ZK_MASTERSHIP_LOST' });
  });

  it('runs a job that loses its mastership', async () => {
    await expect(runJob(new Jobs(new Repository()), 'send', { lost: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'ZK_MASTERSHIP_LOST',
    });
  });

  it('runs a job of an application', async () => {
    const { app } = await boot({ ...standby, providers: [Jobs, Repository] });
    await expect(runJob(app.get(Jobs), 'send')).resolves.toBe(1);
  });

  it('logs what happens to jobs, and nothing about the boot', async () => {
    const { log } = await boot({ ...standby, providers: [Jobs, Repository] });
    expect(log.with('event=jobs.found')).toHaveLength(1);
    expect(log.with('event=boot.')).toEqual([]);
  });

  it('takes the place of ZooKeeper in an application that imports the real module', async () => {
    const { ZookeeperModule } = await import('../../../src/index.js');
    const real = ZookeeperModule.forRoot({ connectString: '127.0.0.1:1', service: 'A', version: '1' });
    const module = await Test.createTestingModule({ imports: [ScheduleModule.forRoot(), real], providers: [Jobs, Repository] })
      .overrideProvider(ELECTIONS)
      .useValue(new TestElections({ master: true }))
      .compile();
    const app = module.createNestApplication({ logger: false });
    await app.init();
    await app.get(Jobs).send(undefined as never);
    expect(app.get(Repository).rows).toHaveLength(1);
    await app.close();
  });
});
