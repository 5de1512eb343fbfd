import { Injectable, Module } from '@nestjs/common';
import { LazyModuleLoader, ModuleRef, ModulesContainer } from '@nestjs/core';
import { Cron, Interval, ScheduleModule, SchedulerRegistry, Timeout } from '@nestjs/schedule';
import { CronTime } from 'cron';
import { of, tap } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';
import { ClusterJobs, JobRun, type JobVerdict, MasterOnly, ZookeeperModule } from '../../../src/index.js';
import { ZookeeperTestingModule } from '../../../src/testing.js';
import { GATE } from '../../../src/zookeeper/decorators/inject.js';
import type { Dispatcher } from '../../../src/zookeeper/dispatch/dispatcher.js';
import { eventually } from '../../support/eventually.js';
import { boot, closeAll, fire } from './app.js';

afterEach(closeAll);

const NEVER = '0 0 0 1 1 *';
const standalone = (candidate = true) =>
  ZookeeperModule.forRoot({ connectString: '127.0.0.1:1', service: 'Sched', version: '1', address: 'here:1', standalone: true, candidate });
const kit = (master: boolean) => ZookeeperTestingModule.forRoot({ master });

describe('ScheduleModule.forRoot() imported twice', () => {
  it('makes one schedule of each job, says so, and leaves no CronJob of one running', async () => {
    const runs: string[] = [];
    class Jobs {
      @Timeout(1)
      @MasterOnly()
      once(): void {
        runs.push('once');
      }
      @Interval('often', 20)
      @MasterOnly()
      often(): void {
        runs.push('often');
      }
      @Cron('* * * * * *', { name: 'unclaimed' })
      @MasterOnly({ claim: 'none' })
      unclaimed(run: JobRun): void {
        runs.push(`unclaimed ${Math.floor(run.firedTime.getTime() / 1_000)}`);
      }
      @Timeout(1)
      plain(): void {
        runs.push('plain');
      }
    }
    @Module({ imports: [ScheduleModule.forRoot()] })
    class FeatureModule {}
    const { app, log } = await boot({ imports: [ScheduleModule.forRoot(), FeatureModule, standalone()], providers: [Jobs] });
    const registries = [...app.get(ModulesContainer).values()].flatMap(({ providers }) => {
      const registry = providers.get(SchedulerRegistry)?.instance as SchedulerRegistry | undefined;
      return registry === undefined ? [] : [registry];
    });
    // What Nest itself does; if this is ever mended there, this library has nothing to do here.
    await eventually(() => expect(runs.filter((each) => each === 'plain')).toHaveLength(2), { what: 'both fires of the plain method' });
    expect(registries).toHaveLength(2);
    expect(registries.flatMap((each) => each.getIntervals())).toEqual(['often']);
    expect(registries.flatMap((each) => [...each.getCronJobs().keys()])).toEqual(['unclaimed']);
    await eventually(() => expect(runs.filter((each) => each.startsWith('unclaimed')).length).toBeGreaterThan(1), {
      what: 'ticks of the job without claims',
      withinMs: 60_000,
    });
    expect(runs.filter((each) => each === 'once')).toHaveLength(1);
    expect(log.with('boot.schedule-twice')).toEqual([expect.stringMatching(/^warn .*imported twice.*Import it once/u)]);
  });
});

describe('handles of the scheduler library', () => {
  class Jobs {
    readonly runs: unknown[] = [];
    @Cron(NEVER, { name: 'yearly', timeZone: 'UTC' })
    @MasterOnly()
    yearly(run: JobRun): void {
      this.runs.push(run.cause);
    }
    @Interval('often', 20)
    @MasterOnly()
    often(run: JobRun): void {
      this.runs.push(run.job);
    }
    @Interval('witness', 20)
    @MasterOnly()
    witness(run: JobRun): void {
      this.runs.push(run.job);
    }
  }

  it('have no effect on claimed ticks, and say once each what to use', async () => {
    const { app, log } = await boot({ imports: [ScheduleModule.forRoot(), standalone()], providers: [Jobs] });
    const registry = app.get(SchedulerRegistry);
    const job = registry.getCronJob('yearly');
    expect(job.isActive).toBe(false);
    await job.fireOnTick();
    await job.fireOnTick();
    job.start();
    job.setTime(new CronTime('* * * * * *'));
    registry.deleteCronJob('yearly');
    expect(job.isActive).toBe(false);
    const { verdict } = await app.get(ClusterJobs).trigger('yearly', { wait: 'done' });
    expect(verdict).toMatchObject({ outcome: 'ran' });
    expect(app.get(Jobs).runs.filter((each) => each !== 'often' && each !== 'witness')).toEqual(['trigger']);
    const told = log.with('event=job.handle').map((line) => /CronJob\.(\w+)\(\).*?Use (ClusterJobs\.\w+)/u.exec(line)?.slice(1).join(' '));
    expect(told).toEqual([
      'fireOnTick ClusterJobs.trigger',
      'start ClusterJobs.resume',
      'setTime ClusterJobs.reschedule',
      'stop ClusterJobs.pause',
    ]);
    await closeAll();
    expect(log.with('event=job.handle')).toHaveLength(4);
  });

  it('of an @Interval do what they say, on this replica', async () => {
    const { app } = await boot({ imports: [ScheduleModule.forRoot(), kit(true)], providers: [Jobs] });
    const runsOf = (name: string): number => app.get(Jobs).runs.filter((each) => each === name).length;
    await eventually(() => expect(runsOf('often')).toBeGreaterThan(1), { what: 'fires of the interval' });
    app.get(SchedulerRegistry).deleteInterval('often');
    const [before, witness] = [runsOf('often'), runsOf('witness')];
    await eventually(() => expect(runsOf('witness')).toBeGreaterThan(witness + 3), { what: 'fires of another one' });
    expect(runsOf('often')).toBe(before);
  });
});

describe('an instance that was made after boot', () => {
  class Payout {
    static runs: (string | undefined)[] = [];
    @Cron('* * * * * *', { name: 'payout' })
    @MasterOnly()
    async pay(run?: JobRun): Promise<string> {
      Payout.runs.push(run?.cause);
      return 'paid';
    }
  }
  @Module({ providers: [Payout] })
  class LazyModule {}

  it.each<[string, (module: ModuleRef, lazy: LazyModuleLoader) => Promise<Payout>]>([
    ['by ModuleRef.create', (module) => module.create(Payout)],
    ['in a lazily loaded module', async (_, lazy) => (await lazy.load(() => LazyModule)).get(Payout)],
  ])('%s: runs when it is called, on the master, and claims nothing', async (_, make) => {
    Payout.runs = [];
    const { app, log } = await boot({ imports: [ScheduleModule.forRoot(), standalone()] });
    const verdicts: JobVerdict[] = [];
    app.get(ClusterJobs).verdicts$.subscribe((verdict) => verdicts.push(verdict));
    const payout = await make(app.get(ModuleRef), app.get(LazyModuleLoader));
    expect(log.with('event=job.stray')).toEqual([expect.stringMatching(/^error Payout\.pay has @Cron.*schedule never fires/u)]);
    expect(await payout.pay()).toBe('paid');
    expect(Payout.runs).toHaveLength(1);
    const { list } = app.get<Dispatcher>(GATE);
    expect(list.call(app.get<Dispatcher>(GATE)).filter(({ loop }) => loop !== undefined)).toEqual([]);
    expect(await app.get(ClusterJobs).list()).toEqual([]);
    expect(verdicts).toEqual([]);
  });

  it('throws elsewhere than on the master', async () => {
    const { app } = await boot({ imports: [ScheduleModule.forRoot(), kit(false)] });
    const payout = await app.get(ModuleRef).create(Payout);
    await expect(payout.pay()).rejects.toMatchObject({ code: 'ZK_NOT_MASTER' });
  });

  it('of a class whose schedule boot has found is no problem: it shares the job', async () => {
    const { app, log } = await boot({ imports: [ScheduleModule.forRoot(), kit(true)], providers: [Payout] });
    await app.get(ModuleRef).create(Payout);
    expect(log.with('event=job.stray')).toEqual([]);
  });
});

describe('a method that returns work still to be done', () => {
  const done: string[] = [];
  @Injectable()
  class Lazy {
    @Cron(NEVER, { name: 'observable', timeZone: 'UTC' })
    @MasterOnly()
    observable(): unknown {
      return of('paid').pipe(tap((what) => void done.push(what)));
    }
    @Cron(NEVER, { name: 'failing', timeZone: 'UTC' })
    @MasterOnly()
    failing(): unknown {
      return of('paid').pipe(
        tap(() => {
          throw new Error('no money');
        }),
      );
    }
    @Cron(NEVER, { name: 'generator', timeZone: 'UTC' })
    @MasterOnly()
    *generator(): Generator<void> {
      yield;
      done.push('generated');
    }
    @Cron(NEVER, { name: 'function', timeZone: 'UTC' })
    @MasterOnly({ retry: { attempts: 3, backoffMs: 1 } })
    function(): unknown {
      done.push('made');
      return () => done.push('never');
    }
  }

  it('has run when that is done, and never before', async () => {
    done.length = 0;
    const { app } = await boot({ imports: [ScheduleModule.forRoot(), standalone()], providers: [Lazy] });
    const run = async (job: string): Promise<unknown> => (await app.get(ClusterJobs).trigger(job, { wait: 'done' })).verdict;
    expect(await run('observable')).toMatchObject({ outcome: 'ran' });
    expect(await run('failing')).toMatchObject({ outcome: 'failed', error: expect.stringContaining('no money') });
    expect(await run('generator')).toMatchObject({ outcome: 'ran' });
    expect(await run('function')).toMatchObject({ outcome: 'failed', error: expect.stringContaining('ZK_RUN_UNFINISHED') });
    expect(done).toEqual(['paid', 'generated', 'made']);
  });
});

describe('a call by other code', () => {
  class Jobs {
    readonly ends: (() => void)[] = [];
    @Cron(NEVER, { name: 'payouts', timeZone: 'UTC' })
    @MasterOnly()
    async pay(_run?: JobRun): Promise<void> {
      await new Promise<void>((resolve) => this.ends.push(resolve));
    }
    @Cron(NEVER, { name: 'failing', timeZone: 'UTC' })
    @MasterOnly()
    async fail(): Promise<void> {
      throw new Error('no money');
    }
  }

  it('is refused while the job runs, and keeps it from running', async () => {
    const { app } = await boot({ imports: [ScheduleModule.forRoot(), standalone()], providers: [Jobs] });
    const [jobs, cluster] = [app.get(Jobs), app.get(ClusterJobs)];
    const running = cluster.trigger('payouts', { wait: 'done' });
    await eventually(() => expect(jobs.ends).toHaveLength(1), { what: 'the run of the trigger' });
    await expect(jobs.pay()).rejects.toMatchObject({ code: 'ZK_JOB_RUNNING', message: expect.stringContaining("overlap is 'skip'") });
    jobs.ends.pop()?.();
    expect((await running).verdict).toMatchObject({ outcome: 'ran' });

    const called = jobs.pay();
    expect(jobs.ends).toHaveLength(1);
    // It has no claim, so the cluster does not know of it.
    expect((await cluster.list()).find(({ job }) => job === 'payouts')?.running).toEqual([]);
    await expect(jobs.pay()).rejects.toMatchObject({ code: 'ZK_JOB_RUNNING' });
    await expect(cluster.trigger('payouts')).rejects.toMatchObject({ code: 'ZK_TRIGGER_REFUSED' });
    jobs.ends.pop()?.();
    await called;
    const again = cluster.trigger('payouts', { wait: 'done' });
    await eventually(() => expect(jobs.ends).toHaveLength(1), { what: 'the run of the second trigger' });
    jobs.ends.pop()?.();
    expect((await again).verdict).toMatchObject({ outcome: 'ran' });
  });

  it('has a verdict, which is kept when it has failed', async () => {
    const { app } = await boot({ imports: [ScheduleModule.forRoot(), standalone()], providers: [Jobs] });
    const told: JobVerdict[] = [];
    app.get(ClusterJobs).verdicts$.subscribe((verdict) => told.push(verdict));
    const called = app.get(Jobs).pay();
    app.get(Jobs).ends.pop()?.();
    await called;
    await expect(app.get(Jobs).fail()).rejects.toThrow('no money');
    await eventually(
      () =>
        expect(told.map(({ job, outcome, cause }) => `${job} ${outcome} ${cause}`)).toEqual([
          'payouts ran direct',
          'failing failed direct',
        ]),
      {
        what: 'both verdicts',
      },
    );
    expect(await app.get(ClusterJobs).verdicts('failing')).toMatchObject([{ outcome: 'failed', cause: 'direct', error: 'no money' }]);
  });

  it('is told from a run of the schedule wherever it comes from: before boot has ended, and from a bound method', async () => {
    const seen: unknown[] = [];
    @Injectable()
    class Early {
      readonly bound = this.send.bind(this);
      @Cron(NEVER, { name: 'early', timeZone: 'UTC' })
      @MasterOnly()
      send(run?: JobRun): string {
        seen.push(run?.cause);
        return 'sent';
      }
      onModuleInit(): void {
        seen.push(this.send());
      }
    }
    const { app } = await boot({ imports: [ScheduleModule.forRoot(), kit(true)], providers: [Early] });
    seen.push(app.get(Early).bound());
    await fire(app, 'early');
    expect(seen).toEqual(['direct', 'sent', 'direct', 'sent', 'schedule']);
  });
});
