import { AsyncLocalStorage } from 'node:async_hooks';
import { Injectable, type OnModuleInit, type Type } from '@nestjs/common';
import { Cron, Interval, ScheduleExplorer, ScheduleModule, SchedulerRegistry, Timeout } from '@nestjs/schedule';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { ClusterJobs, JobRun, type JobVerdict, MasterOnly, ZookeeperModule } from '../../../src/index.js';
import { ZookeeperTestingModule } from '../../../src/testing.js';
import { GatedJob } from '../../../src/zookeeper/dispatch/gated-job.js';
import { eventually } from '../../support/eventually.js';
import { boot, closeAll, fire } from './app.js';

// Whatever wraps a scheduled method, or what ScheduleModule registers for it, is called once for each run, where it
// runs, with its duration, error and async context.

const NEVER = '0 0 0 1 1 *';
type Call = (this: unknown, ...args: unknown[]) => unknown;

/** What one wrapper has seen of one call. */
interface Seen {
  readonly by: 'registered' | 'above' | 'below';
  readonly what: string;
  /** 'ok', or the message of the error. */
  ended?: string;
}
const seen: Seen[] = [];
/** Order of events of all wrappers and methods. */
const order: string[] = [];
/** As monitors keep their trace. */
const trace = new AsyncLocalStorage<{ readonly what: string; isOver: boolean }>();

function watch(by: Seen['by'], what: string, call: () => unknown): unknown {
  const entry: Seen = { by, what };
  seen.push(entry);
  order.push(`${by} ${what}`);
  const end = (ended: string): void => {
    entry.ended = ended;
    order.push(`${by} ${what} ${ended}`);
  };
  const failed = (thrown: unknown): never => {
    end((thrown as Error).message);
    throw thrown;
  };
  try {
    const result = call();
    if (result instanceof Promise) return result.then((value: unknown) => (end('ok'), value), failed);
    end('ok');
    return result;
  } catch (thrown) {
    return failed(thrown);
  }
}

/** A decorator as monitors have them: it measures, and passes everything on. */
function Watched(by: Seen['by']): MethodDecorator {
  return (_target, key, descriptor) => {
    const inner = descriptor.value as unknown as Call;
    const outer: Call = function (this: unknown, ...args) {
      return watch(by, String(key), () => inner.apply(this, args));
    };
    for (const each of Reflect.getOwnMetadataKeys(inner) as unknown[])
      Reflect.defineMetadata(each, Reflect.getOwnMetadata(each, inner), outer);
    (descriptor as PropertyDescriptor).value = outer;
  };
}

// As @nestjs/observe does: it patches the one function through which every schedule comes.
const prototype = ScheduleExplorer.prototype as unknown as { wrapFunctionInTryCatchBlocks(method: Call, instance: unknown): Call };
const { wrapFunctionInTryCatchBlocks: unpatched } = prototype;
beforeAll(() => {
  prototype.wrapFunctionInTryCatchBlocks = function (method, instance) {
    const what = (Reflect.getMetadata('SCHEDULER_NAME', method) as string | undefined) ?? method.name;
    const watched: Call = (...args) => {
      // A trace inside of another one would be a part of it.
      if (trace.getStore() !== undefined) order.push(`nested ${what}`);
      const store = { what, isOver: false };
      return trace.run(store, () => {
        const result = watch('registered', what, () => method.call(instance, ...args));
        if (result instanceof Promise) return result.finally(() => (store.isOver = true));
        store.isOver = true;
        return result;
      });
    };
    return unpatched.call(this, watched, instance);
  };
});
afterAll(() => void (prototype.wrapFunctionInTryCatchBlocks = unpatched));
beforeEach(() => {
  seen.length = 0;
  order.length = 0;
  runs.length = 0;
});
afterEach(closeAll);

/** The jobs that have run, and whether their trace was theirs and open to the end. */
const runs: { readonly what: string; readonly isTraced: boolean; readonly cause: string | undefined }[] = [];

async function work(what: string, fails = false): Promise<void> {
  order.push(`run ${what}`);
  await new Promise(setImmediate);
  await new Promise(setImmediate);
  const store = trace.getStore();
  runs.push({ what, isTraced: store?.what === what && !store.isOver, cause: JobRun.current()?.cause });
  if (fails) throw new Error(`no ${what}`);
}

@Injectable()
class Jobs {
  @Watched('above')
  @Cron('* * * * * *', { name: 'second' })
  @MasterOnly()
  @Watched('below')
  second(): Promise<void> {
    return work('second');
  }

  @Cron('* * * * * *', { name: 'failing' })
  @Watched('above')
  @MasterOnly({ retry: { attempts: 2, backoffMs: 1 } })
  @Watched('below')
  failing(): Promise<void> {
    return work('failing', true);
  }

  @Watched('above')
  @MasterOnly({ claim: 'none' })
  @Watched('below')
  @Cron('* * * * * *', { name: 'unclaimed' })
  unclaimed(): Promise<void> {
    return work('unclaimed');
  }

  @Watched('above')
  @Interval('often', 40)
  @MasterOnly()
  @Watched('below')
  often(): Promise<void> {
    return work('often');
  }

  @MasterOnly()
  @Timeout('once', 20)
  @Watched('below')
  once(): Promise<void> {
    return work('once');
  }

  @Watched('above')
  @Cron(NEVER, { name: 'yearly' })
  @MasterOnly()
  yearly(): Promise<void> {
    return work('yearly');
  }
}

class Plain {
  @MasterOnly()
  async second(): Promise<void> {}
  @MasterOnly()
  often(): void {}
}

@Injectable()
class Adder implements OnModuleInit {
  constructor(private readonly jobs: ClusterJobs) {}
  onModuleInit(): void {
    this.jobs.add({ name: 'added', cronTime: '* * * * * *' }, () => work('added'));
  }
}

const NAMES = ['second', 'failing', 'unclaimed', 'often', 'once', 'added'];

const standalone = (candidate = true) =>
  ZookeeperModule.forRoot({
    connectString: '127.0.0.1:1',
    service: 'Wrapped',
    version: '1',
    address: 'here:1',
    standalone: true,
    candidate,
  });

function seenBy(by: Seen['by'], what: string): Seen[] {
  return seen.filter((each) => each.by === by && each.what === what);
}

describe('on the master', () => {
  it('every wrapper is called once for each run, around it, with its error and its context', async () => {
    const { app, log } = await boot({ imports: [ScheduleModule.forRoot(), standalone()], providers: [Jobs, Adder] });
    const verdicts: JobVerdict[] = [];
    app.get(ClusterJobs).verdicts$.subscribe((verdict) => verdicts.push(verdict));
    const all = (): void => {
      for (const name of NAMES) expect(runs.filter(({ what }) => what === name).length, name).toBeGreaterThan(name === 'once' ? 0 : 2);
    };
    await eventually(all, { what: 'runs of all jobs', withinMs: 60_000 });
    await app.close();

    expect(runs.filter(({ isTraced }) => !isTraced)).toEqual([]);
    expect(order.filter((entry) => entry.startsWith('nested'))).toEqual([]);
    for (const name of NAMES) {
      const started = order.filter((entry) => entry === `run ${name}`).length;
      const calls = seenBy('registered', name).length;
      // Two attempts each, unless the application was closed in between.
      if (name === 'failing') expect([calls, calls - 1]).toContain(Math.floor(started / 2));
      else expect([name, calls]).toEqual([name, started]);
      if (name !== 'added' && name !== 'once') expect([name, seenBy('above', name).length]).toEqual([name, calls]);
      if (name !== 'added') expect([name, seenBy('below', name).length]).toEqual([name, started]);
      const ended = name === 'failing' ? 'no failing' : 'ok';
      expect(seen.filter(({ what }) => what === name).every((each) => each.ended === ended)).toBe(true);
    }
    // From outside in, and back when the run is over.
    const first = order.filter((entry) => entry.includes('second')).slice(0, 7);
    expect(first).toEqual([
      'registered second',
      'above second',
      'below second',
      'run second',
      'below second ok',
      'above second ok',
      'registered second ok',
    ]);
    const failing = verdicts.filter(({ job }) => job === 'failing').map(({ outcome, error }) => `${outcome} ${error}`);
    expect(failing.slice(0, 2)).toEqual(['failed no failing', 'failed no failing']);
    // Told once for each run, by us and not by ScheduleModule as well.
    expect(log.with('no failing').filter((line) => line.startsWith('error')).length).toBeLessThanOrEqual(failing.length);
  });

  it('also for a trigger, outside of the context of whoever asks for it', async () => {
    const { app } = await boot({ imports: [ScheduleModule.forRoot(), standalone()], providers: [Jobs] });
    await trace.run({ what: 'request', isOver: false }, () => app.get(ClusterJobs).trigger('yearly', { wait: 'done' }));
    expect(runs.filter(({ what }) => what === 'yearly')).toEqual([{ what: 'yearly', isTraced: true, cause: 'trigger' }]);
    expect([seenBy('registered', 'yearly'), seenBy('above', 'yearly')]).toMatchObject([[{ ended: 'ok' }], [{ ended: 'ok' }]]);
    expect(order).not.toContain('nested yearly');
  });

  it('an async method stays one for decorators that look at the kind of function, as that of nestjs-otel does', () => {
    const kinds = (['second', 'often'] as const).map(
      (key) => Object.getOwnPropertyDescriptor(Plain.prototype, key)?.value.constructor.name,
    );
    expect(kinds).toEqual(['AsyncFunction', 'Function']);
  });

  it('also where nothing is claimed, in the testing kit', async () => {
    const { app } = await boot({
      imports: [ScheduleModule.forRoot(), ZookeeperTestingModule.forRoot({ master: true })],
      providers: [Jobs],
    });
    await fire(app, 'yearly');
    expect(order.filter((entry) => entry.includes('yearly'))).toEqual([
      'registered yearly',
      'above yearly',
      'run yearly',
      'above yearly ok',
      'registered yearly ok',
    ]);
  });

  it('calls what was added to the CronJob once for each run', async () => {
    @Injectable()
    class Extended implements OnModuleInit {
      readonly calls: unknown[] = [];
      constructor(private readonly registry: SchedulerRegistry) {}
      onModuleInit(): void {
        // The CronJobs are there after this.
      }
      onApplicationBootstrap(): void {
        this.registry.getCronJob('yearly').addCallback(() => void this.calls.push(JobRun.current()?.job));
      }
    }
    const { app } = await boot({ imports: [ScheduleModule.forRoot(), standalone()], providers: [Jobs, Extended] });
    await app.get(ClusterJobs).trigger('yearly', { wait: 'done' });
    expect(app.get(Extended).calls).toEqual(['yearly']);
  });
});

describe('on a standby', () => {
  it.each([
    ['with claims', () => standalone(false)],
    ['without, in the testing kit', () => ZookeeperTestingModule.forRoot({ master: false })],
  ])('nothing is called, %s', async (_, module) => {
    const fires = vi.spyOn(GatedJob.prototype, 'fire');
    const { app } = await boot({ imports: [ScheduleModule.forRoot(), module()], providers: [Jobs] });
    const registry = app.get(SchedulerRegistry, { strict: false });
    for (const job of registry.getCronJobs().values()) await job.fireOnTick();
    // Timers of @Interval and @Timeout have fired.
    await eventually(() => expect(fires.mock.calls.length).toBeGreaterThan(5), { what: 'fires that start nothing', withinMs: 60_000 });
    fires.mockRestore();
    expect([seen, order]).toEqual([[], []]);
  });
});

describe('the verdict', () => {
  async function verdictOf(jobs: Type<object>): Promise<{ verdict: JobVerdict; log: string[] }> {
    const { app, log } = await boot({ imports: [ScheduleModule.forRoot(), standalone()], providers: [jobs] });
    const { verdict } = await app.get(ClusterJobs).trigger('job', { wait: 'done' });
    await closeAll();
    return { verdict: verdict as JobVerdict, log: log.lines };
  }

  /** A decorator above or below that does what `how` says. */
  function Around(how: (call: () => unknown) => unknown): MethodDecorator {
    return (_target, _key, descriptor) => {
      const inner = descriptor.value as unknown as Call;
      const outer: Call = function (this: unknown, ...args) {
        return how(() => inner.apply(this, args));
      };
      for (const each of Reflect.getOwnMetadataKeys(inner) as unknown[])
        Reflect.defineMetadata(each, Reflect.getOwnMetadata(each, inner), outer);
      (descriptor as PropertyDescriptor).value = outer;
    };
  }

  it.each<[string, (call: () => unknown) => unknown, number, object]>([
    [
      'of a decorator that fails before it calls on',
      () => {
        throw new Error('no transaction');
      },
      0,
      { outcome: 'failed', error: 'no transaction' },
    ],
    [
      'of a decorator that fails afterwards',
      async (call) => {
        await call();
        throw new Error('no commit');
      },
      0,
      { outcome: 'failed', error: 'no commit' },
    ],
    [
      'of a decorator that calls again after a failure',
      async (call) => Promise.resolve(call()).catch(call),
      2,
      { outcome: 'failed', error: 'no work 2' },
    ],
    [
      'of a decorator that calls again until it succeeds',
      async (call) => Promise.resolve(call()).catch(call).catch(call),
      2,
      { outcome: 'ran' },
    ],
    [
      'of a decorator that swallows the failure of the method',
      async (call) => Promise.resolve(call()).catch(() => 'swallowed'),
      2,
      { outcome: 'failed', error: 'no work 1' },
    ],
    [
      'of a decorator that does not call the method',
      async () => 'skipped',
      0,
      { outcome: 'failed', error: expect.stringContaining('ZK_RUN_NOT_CALLED') },
    ],
  ])('%s', async (_, how, failures, expected) => {
    class Wrapped {
      calls = 0;
      @Around(how)
      @Cron(NEVER, { name: 'job', timeZone: 'UTC' })
      @MasterOnly()
      async send(): Promise<void> {
        this.calls += 1;
        if (this.calls <= failures) throw new Error(`no work ${this.calls}`);
      }
    }
    const { verdict } = await verdictOf(Wrapped);
    expect(verdict).toMatchObject(expected);
  });

  it('of a wrapper that loses the async context, but passes the arguments on', async () => {
    // Bound here, outside of every run, as the queue of a pool is.
    const lose = AsyncLocalStorage.bind((call: () => unknown) => call());
    class Wrapped {
      @Around(async (call) => lose(call))
      @Cron(NEVER, { name: 'job', timeZone: 'UTC' })
      @MasterOnly()
      async send(run: JobRun): Promise<void> {
        expect(JobRun.current()).toBe(run);
      }
    }
    expect((await verdictOf(Wrapped)).verdict).toMatchObject({ outcome: 'ran' });
  });
});
