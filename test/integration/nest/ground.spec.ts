import { Global, Injectable, Module } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { Cron, Interval, ScheduleModule, SchedulerRegistry, Timeout } from '@nestjs/schedule';
import { Test } from '@nestjs/testing';
import { describe, expect, it } from 'vitest';
import { SCHEDULE_MODULE_OPTIONS, scheduleOf } from '../../../src/zookeeper/decorators/schedule-metadata.js';

// What Nest and its ScheduleModule do, and what this library stands on. When one of these fails after an
// upgrade, so does the library.

const order: string[] = [];

function recorder(name: string): new () => object {
  @Injectable()
  class Recorder {
    onModuleInit(): void {
      order.push(`init ${name}`);
    }
    onApplicationBootstrap(): void {
      order.push(`bootstrap ${name}`);
    }
    onModuleDestroy(): void {
      order.push(`destroy ${name}`);
    }
  }
  return Recorder;
}

const Outermost = recorder('outermost');

@Injectable()
class Mover {
  constructor(modules: ModulesContainer) {
    for (const module of modules.values()) if (module.metatype === OutermostModule) module.distance = -1;
  }
}

@Module({ providers: [Mover, Outermost] })
class OutermostModule {}

@Global()
@Module({ imports: [OutermostModule], providers: [recorder('global')] })
class GlobalModule {}

@Module({ providers: [recorder('leaf')] })
class LeafModule {}

@Module({ imports: [GlobalModule, LeafModule], providers: [recorder('root')] })
class RootModule {}

describe('Nest', () => {
  it('starts a module of distance -1 last and stops it first, whatever imports it', async () => {
    order.length = 0;
    const app = (await Test.createTestingModule({ imports: [RootModule] }).compile()).createNestApplication({ logger: false });
    await app.init();
    await app.close();
    const by = (hook: string): string[] => order.filter((entry) => entry.startsWith(hook)).map((entry) => entry.slice(hook.length + 1));
    expect(by('init')).toEqual(['global', 'leaf', 'root', 'outermost']);
    expect(by('bootstrap')).toEqual(['global', 'leaf', 'root', 'outermost']);
    expect(by('destroy')).toEqual(['outermost', 'root', 'leaf', 'global']);
  });
});

describe('ScheduleModule', () => {
  class Jobs {
    static readonly calls: string[] = [];

    @Cron('0 0 0 1 1 *', { name: 'yearly', disabled: true, timeZone: 'Asia/Shanghai', waitForCompletion: true, initialDelay: 5 })
    yearly(): void {
      Jobs.calls.push('prototype');
    }

    @Cron(new Date(4_102_444_800_000), { utcOffset: 330, disabled: true })
    onceOnly(): void {}

    @Interval('often', 1_000_000)
    often(): void {}

    @Timeout(1_000_000)
    once(): void {}

    plain(): void {}
  }

  it('keeps what the decorators were given where we read it', () => {
    expect(scheduleOf(Jobs.prototype.yearly)).toEqual({
      kind: 'cron',
      name: 'yearly',
      disabled: true,
      cron: {
        cronTime: '0 0 0 1 1 *',
        timeZone: 'Asia/Shanghai',
        utcOffset: undefined,
        waitForCompletion: true,
        initialDelayMs: 5,
      },
    });
    expect(scheduleOf(Jobs.prototype.onceOnly)?.cron).toEqual({
      cronTime: new Date(4_102_444_800_000),
      timeZone: undefined,
      utcOffset: 330,
      waitForCompletion: false,
      initialDelayMs: undefined,
    });
    expect(scheduleOf(Jobs.prototype.often)).toEqual({
      kind: 'interval',
      name: 'often',
      disabled: false,
      cron: undefined,
      durationMs: 1_000_000,
    });
    expect(scheduleOf(Jobs.prototype.once)).toEqual({
      kind: 'timeout',
      name: undefined,
      disabled: false,
      cron: undefined,
      durationMs: 1_000_000,
    });
    expect(scheduleOf(Jobs.prototype.plain)).toBeUndefined();
  });

  it('holds on to the method that it found in its onModuleInit, so that a later own property catches only other calls', async () => {
    const module = await Test.createTestingModule({ imports: [ScheduleModule.forRoot()], providers: [Jobs] }).compile();
    const app = module.createNestApplication({ logger: false });
    await app.init();
    const jobs = app.get(Jobs);
    jobs.yearly = () => void Jobs.calls.push('own property');
    await app.get(SchedulerRegistry).getCronJob('yearly').fireOnTick();
    expect(Jobs.calls).toEqual(['prototype']);
    await app.close();
  });

  it('provides its options under the token that we look for', async () => {
    const module = await Test.createTestingModule({ imports: [ScheduleModule.forRoot({ cronJobs: false })] }).compile();
    expect(module.get(SCHEDULE_MODULE_OPTIONS, { strict: false })).toMatchObject({ cronJobs: false, intervals: true, timeouts: true });
  });
});
