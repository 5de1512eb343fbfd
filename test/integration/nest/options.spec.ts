import { Injectable, Scope } from '@nestjs/common';
import { Cron, type CronOptions, Interval, ScheduleModule, Timeout } from '@nestjs/schedule';
import { afterEach, describe, expect, it } from 'vitest';
import { JobRun, JobSetupError, MasterOnly, type MasterOnlyOptions } from '../../../src/index.js';
import { ZookeeperTestingModule } from '../../../src/testing.js';
import { GATE } from '../../../src/zookeeper/decorators/inject.js';
import type { Dispatcher } from '../../../src/zookeeper/dispatch/dispatcher.js';
import type { JobIdentity } from '../../../src/zookeeper/jobs/run/job-identity.js';
import { boot, closeAll } from './app.js';

afterEach(closeAll);

const NEVER = '0 0 0 1 1 *';
const LONG = 2_000_000_000;

const imports = [ScheduleModule.forRoot(), ZookeeperTestingModule.forRoot({ master: true })];

/** A class `Jobs` with one method `run`, decorated with these. */
function jobs(...decorators: readonly MethodDecorator[]): new () => object {
  @Injectable()
  class Jobs {
    run(): void {}
  }
  const descriptor = Object.getOwnPropertyDescriptor(Jobs.prototype, 'run') as PropertyDescriptor;
  for (const decorate of decorators) decorate(Jobs.prototype, 'run', descriptor);
  Object.defineProperty(Jobs.prototype, 'run', descriptor);
  return Jobs;
}

async function identityOf(...decorators: readonly MethodDecorator[]): Promise<JobIdentity> {
  const { app } = await boot({ imports, providers: [jobs(...decorators)] });
  const [job] = app.get<Dispatcher>(GATE).list();
  return (job as NonNullable<typeof job>).identity;
}

/** What is wrong with the one job, as boot says it. */
async function problemsOf(...decorators: readonly MethodDecorator[]): Promise<readonly string[]> {
  const error: unknown = await boot({ imports, providers: [jobs(...decorators)] }).then(
    () => new JobSetupError([]),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(JobSetupError);
  return (error as JobSetupError).problems;
}

describe('the options of @MasterOnly, when the class is defined', () => {
  const define = (options: object): (() => void) => {
    class Some {
      readonly some = true;
    }
    return () => void MasterOnly(options)(Some.prototype, 'work', { value: () => 1 });
  };

  it.each<[object, string]>([
    [{ claim: 'ticks' }, `"claim" must be 'tick' or 'none', received "ticks"`],
    [{ claim: true }, `"claim" must be 'tick' or 'none', received true`],
    [{ misfire: 'all' }, `"misfire" must be 'run-latest', 'run-all' or 'skip', received "all"`],
    [{ misfireWindowMs: '1d' }, '"misfireWindowMs" must be a whole number of milliseconds from 1000 to 31536000000, received "1d"'],
    [{ misfireWindowMs: '5000' }, 'received "5000" (this is text, as every value of the environment is: convert it with Number(value))'],
    [{ misfireWindowMs: 999 }, '"misfireWindowMs" must be a whole number of milliseconds from 1000 to 31536000000, received 999'],
    [{ misfireWindowMs: Number.POSITIVE_INFINITY }, 'received Infinity'],
    [{ onInterrupted: 'rerun' }, `"onInterrupted" must be 'report' or { rerun: n }, received "rerun"`],
    [{ onInterrupted: null }, `"onInterrupted" must be 'report' or { rerun: n }, received null`],
    [{ onInterrupted: {} }, '"onInterrupted.rerun" must be a whole number from 1 to 100, received nothing'],
    [{ onInterrupted: { rerun: 0 } }, '"onInterrupted.rerun" must be a whole number from 1 to 100, received 0'],
    [{ onInterrupted: { rerun: 1, times: 2 } }, 'there is no option "onInterrupted.times". Known in onInterrupted: rerun'],
    [{ overlap: 'queue' }, `"overlap" must be 'skip', 'queue-latest' or 'allow', received "queue"`],
    [{ timeoutMs: 0 }, '"timeoutMs" must be a whole number of milliseconds from 1 to 2147483647, received 0'],
    [{ timeoutMs: 2 ** 31 }, '"timeoutMs" must be a whole number of milliseconds from 1 to 2147483647, received 2147483648'],
    [{ timeoutMs: 1.5 }, 'received 1.5'],
    [{ retry: 3 }, '"retry" must be { attempts, backoffMs, maxBackoffMs? }, received 3'],
    [{ retry: [3] }, '"retry" must be { attempts, backoffMs, maxBackoffMs? }, received a list of 1'],
    [{ retry: { attempts: 3 } }, '"retry.backoffMs" must be a whole number of milliseconds from 1 to 86400000, received nothing'],
    [{ retry: { backoffMs: 3 } }, '"retry.attempts" must be a whole number from 1 to 100, received nothing'],
    [{ retry: { attempts: 3, backoffMs: 0 } }, '"retry.backoffMs" must be a whole number of milliseconds from 1 to 86400000, received 0'],
    [{ retry: { attempts: 3, backoffMs: 5, maxBackoffMs: 'x' } }, '"retry.maxBackoffMs" must be a whole number of milliseconds'],
    [{ retry: { attempts: 3, backoffMs: 5, maxBackoffMs: 4 } }, '"retry.maxBackoffMs" must be at least retry.backoffMs (5), received 4'],
    [
      { retry: { attempts: 3, backoffMs: 5, delay: 1 } },
      'there is no option "retry.delay". Known in retry: attempts, backoffMs, maxBackoffMs',
    ],
    [{ maxSilenceMs: 1 }, '"maxSilenceMs" must be a whole number of milliseconds, at least 1000, received 1'],
    [
      { retries: 3 },
      'there is no option "retries". Known: name, election, claim, misfire, misfireWindowMs, onInterrupted, overlap, timeoutMs, retry, maxSilenceMs',
    ],
  ])('refuse %j', (options, message) => {
    expect(define(options)).toThrow(JobSetupError);
    expect(define(options)).toThrow('@MasterOnly on Some.work: ');
    expect(define(options)).toThrow(message);
  });

  it('take what their documentation allows, and undefined for not given', () => {
    for (const options of [
      { misfireWindowMs: 1_000, timeoutMs: 1, maxSilenceMs: 1_000, onInterrupted: { rerun: 1 } },
      { misfireWindowMs: 31_536_000_000, timeoutMs: 2_147_483_647, maxSilenceMs: Number.MAX_SAFE_INTEGER, onInterrupted: { rerun: 100 } },
      { retry: { attempts: 1, backoffMs: 1 } },
      { retry: { attempts: 100, backoffMs: 86_400_000, maxBackoffMs: 86_400_000 } },
      { retry: { attempts: 2, backoffMs: 1, maxBackoffMs: undefined } },
      { claim: undefined, misfire: undefined, retry: undefined, onInterrupted: undefined },
    ])
      expect(define(options)).not.toThrow();
  });

  it('are refused with every problem in one error', () => {
    expect(define({ claim: 1, overlap: 2, name: '' })).toThrow(/3 problems:\n.*"claim"[^]*"overlap"[^]*name ""/u);
  });
});

describe('the rules of a job', () => {
  it('are the documented defaults: ticks of @Cron are claimed', async () => {
    const identity = await identityOf(MasterOnly(), Cron(NEVER, { timeZone: 'Asia/Shanghai' }));
    expect(identity.schedule).toEqual({ cronTime: NEVER, timeZone: 'Asia/Shanghai' });
    expect(identity.rules).toEqual({
      claim: 'tick',
      misfire: 'run-latest',
      misfireWindowMs: 86_400_000,
      onInterrupted: 'report',
      overlap: 'skip',
      timeoutMs: undefined,
      retry: undefined,
      maxSilenceMs: undefined,
    });
  });

  it.each([
    ['@Interval', [Interval(LONG)]],
    ['@Timeout', [Timeout(LONG)]],
    ['no schedule', []],
  ])('claim nothing with %s', async (_name, schedule) => {
    const identity = await identityOf(MasterOnly(), ...schedule);
    expect(identity.rules.claim).toBe('none');
    expect(identity.schedule).toBeUndefined();
  });

  it('are what the options say', async () => {
    const options: MasterOnlyOptions = {
      claim: 'tick',
      misfire: 'run-all',
      misfireWindowMs: 5_000,
      onInterrupted: { rerun: 2 },
      overlap: 'queue-latest',
      timeoutMs: 60_000,
      retry: { attempts: 3, backoffMs: 100, maxBackoffMs: 1_000 },
      maxSilenceMs: 90_000,
    };
    expect((await identityOf(MasterOnly(options), Cron(NEVER))).rules).toEqual(options);
  });
});

describe('options that contradict the schedule fail at boot, naming the method and what to do', () => {
  const INTERVAL = /^Jobs\.run \(Jobs in .*\) has (.*), but @Interval has no slots.* Take the option away, or use @Cron\.$/u;

  it.each<[MasterOnlyOptions, string]>([
    [{ claim: 'tick' }, "claim: 'tick'"],
    [{ misfire: 'skip' }, "misfire: 'skip'"],
    [{ misfireWindowMs: 5_000 }, 'misfireWindowMs: 5000'],
    [{ onInterrupted: { rerun: 1 } }, 'onInterrupted: { rerun }'],
  ])('%j with @Interval and @Timeout', async (options, shown) => {
    const [problem, ...rest] = await problemsOf(MasterOnly(options), Interval(LONG));
    expect(INTERVAL.exec(problem ?? '')?.[1]).toBe(shown);
    expect(rest).toEqual([]);
    expect(await problemsOf(MasterOnly(options), Timeout(LONG))).toEqual([
      expect.stringContaining(`has ${shown}, but @Timeout has no slots`),
    ]);
  });

  it.each<[MasterOnlyOptions, string]>([
    [{ misfire: 'run-latest' }, "misfire: 'run-latest'"],
    [{ misfireWindowMs: 5_000 }, 'misfireWindowMs: 5000'],
    [{ onInterrupted: { rerun: 1 } }, 'onInterrupted: { rerun }'],
  ])("%j with claim: 'none'", async (options, shown) => {
    expect(await problemsOf(MasterOnly({ claim: 'none', ...options }), Cron(NEVER))).toEqual([
      expect.stringMatching(/^Jobs\.run \(Jobs in .*\) has .*, but its claim is 'none'.* Take the option, or claim: 'none', away\.$/u),
    ]);
    expect((await problemsOf(MasterOnly({ claim: 'none', ...options }), Cron(NEVER)))[0]).toContain(`has ${shown}, but`);
  });

  it.each<[MasterOnlyOptions, string]>([
    [{ claim: 'tick' }, "claim: 'tick'"],
    [{ misfire: 'skip' }, "misfire: 'skip'"],
    [{ misfireWindowMs: 5_000 }, 'misfireWindowMs: 5000'],
    [{ onInterrupted: 'report' }, "onInterrupted: 'report'"],
    [{ onInterrupted: { rerun: 1 } }, 'onInterrupted: { rerun }'],
    [{ overlap: 'allow' }, "overlap: 'allow'"],
    [{ timeoutMs: 5 }, 'timeoutMs: 5'],
    [{ retry: { attempts: 2, backoffMs: 1 } }, 'retry: { ... }'],
    [{ maxSilenceMs: 5_000 }, 'maxSilenceMs: 5000'],
  ])('%j without a schedule', async (options, shown) => {
    expect(await problemsOf(MasterOnly(options))).toEqual([
      expect.stringMatching(
        /^Jobs\.run \(Jobs in .*\) has .*, but no schedule that it could be about\. Take the option away, or add @Cron\.$/u,
      ),
    ]);
    expect((await problemsOf(MasterOnly(options)))[0]).toContain(`has ${shown}, but`);
  });

  it('options about runs on a plain method of a request-scoped provider', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class PerRequest {
      @MasterOnly({ timeoutMs: 5 })
      work(): void {}
    }
    await expect(boot({ imports, providers: [PerRequest] })).rejects.toThrow(
      /PerRequest\.work \(PerRequest in .*\) has timeoutMs: 5, but no schedule/u,
    );
  });

  it.each<[MasterOnlyOptions]>([[{ overlap: 'allow' }], [{ overlap: 'queue-latest' }], [{ overlap: 'allow', claim: 'none' }]])(
    '%j beside waitForCompletion: true',
    async (options) => {
      expect(await problemsOf(MasterOnly(options), Cron(NEVER, { waitForCompletion: true }))).toEqual([
        expect.stringMatching(
          /^Jobs\.run \(Jobs in .*\) has overlap: '(allow|queue-latest)' and waitForCompletion: true of @Cron.* Take one of them away\.$/u,
        ),
      ]);
    },
  );

  it.each<[string, CronOptions]>([
    ['61 * * * * *', {}],
    ['every day', {}],
    ['* * *', {}],
    [NEVER, { timeZone: 'Mars/Olympus' }],
  ])('a schedule that cannot be read: %j %j', async (cronTime, options) => {
    const bad = options.timeZone ?? cronTime;
    expect(await problemsOf(MasterOnly(), Cron(cronTime, options))).toEqual([
      expect.stringMatching(/^Jobs\.run \(Jobs in .*\) has a schedule that cannot be used: /u),
    ]);
    expect((await problemsOf(MasterOnly({ claim: 'none' }), Cron(cronTime, options)))[0]).toContain(bad);
  });

  it('all in one error', async () => {
    const problems = await problemsOf(MasterOnly({ claim: 'tick', misfire: 'skip', overlap: 'allow' }), Interval(LONG));
    expect(problems).toHaveLength(2);
    const other = await problemsOf(
      MasterOnly({ claim: 'none', misfire: 'skip', overlap: 'allow' }),
      Cron('no', { waitForCompletion: true }),
    );
    expect(other).toHaveLength(3);
  });

  it('and leave alone what goes together', async () => {
    for (const [options, ...schedule] of [
      [
        {
          claim: 'none',
          overlap: 'allow',
          timeoutMs: 5,
          retry: { attempts: 2, backoffMs: 1 },
          maxSilenceMs: 5_000,
          onInterrupted: 'report',
        },
        Cron(NEVER),
      ],
      [{ claim: 'none', overlap: 'queue-latest', timeoutMs: 5, maxSilenceMs: 5_000, onInterrupted: 'report' }, Interval(LONG)],
      [{ claim: 'none' }],
      [{ overlap: 'skip' }, Cron(NEVER, { waitForCompletion: true })],
    ] as readonly [MasterOnlyOptions, ...MethodDecorator[]][])
      expect(await problemsOf(MasterOnly(options), ...schedule)).toEqual([]);
  });
});

describe('durations that Node would take for 1 ms fail at boot', () => {
  it.each<[string, MethodDecorator, string | undefined]>([
    ['NaN, as of a setting that is missing', Interval(Number('x')), '@Interval with NaN'],
    ['0', Interval(0), '@Interval with 0'],
    ['a negative one', Interval(-5), '@Interval with -5'],
    ['infinity', Interval(Infinity), '@Interval with Infinity'],
    ['longer than a timer holds', Interval(2_147_483_648), '@Interval with 2147483648'],
    ['text', Interval('often', '1000' as unknown as number), '@Interval with "1000"'],
    ['nothing but a name', Interval('1000' as unknown as number), '@Interval with nothing'],
    ['NaN of @Timeout', Timeout(Number.NaN), '@Timeout with NaN'],
    ['a negative one of @Timeout', Timeout(-1), '@Timeout with -1'],
    ['too long of @Timeout', Timeout('late', 3_000_000_000), '@Timeout with 3000000000'],
    ['1', Interval(1), undefined],
    ['the longest', Interval(2_147_483_647), undefined],
    ['0 of @Timeout: at once', Timeout(0), undefined],
  ])('%s', async (_, schedule, problem) => {
    const expected = problem === undefined ? [] : [expect.stringContaining(`has ${problem}, and Node's timers hold`)];
    expect(await problemsOf(MasterOnly(), schedule)).toEqual(expected);
  });

  it('also of initialDelay, where it is used', async () => {
    const late = Cron(NEVER, { initialDelay: 3_000_000_000 });
    expect(await problemsOf(MasterOnly({ claim: 'none' }), late)).toEqual([
      expect.stringContaining('initialDelay of @Cron with 3000000000'),
    ]);
    // It would never start, in silence.
    expect(await problemsOf(MasterOnly({ claim: 'none' }), Cron(NEVER, { initialDelay: -1 }))).toHaveLength(1);
    expect(await problemsOf(MasterOnly(), late)).toEqual([]);
  });
});

describe('a first parameter that cannot be the run fails at boot', () => {
  class Customer {
    readonly name = 'Anna';
  }
  interface Filter {
    readonly all: boolean;
  }
  class OfNumber {
    @Cron(NEVER)
    @MasterOnly()
    run(_id?: number): void {}
  }
  class OfText {
    @MasterOnly()
    @Interval(LONG)
    run(_id: string): void {}
  }
  class OfClass {
    @Timeout(LONG)
    @MasterOnly()
    run(_customer: Customer): void {}
  }
  class WithDefault {
    @Cron(NEVER)
    @MasterOnly()
    async run(_limit = 100): Promise<void> {}
  }
  class OfRun {
    @Cron(NEVER)
    @MasterOnly()
    run(_run: JobRun, _id?: number): void {}
  }
  class OfNoRun {
    @Cron(NEVER)
    @MasterOnly()
    run(_run?: JobRun): void {}
  }
  class OfNothing {
    @Cron(NEVER)
    @MasterOnly()
    run(): void {}
  }
  class OfInterface {
    @Cron(NEVER)
    @MasterOnly()
    run(_filter: Filter | undefined): void {}
  }
  class Plain {
    @MasterOnly()
    run(_id: number, _limit = 100): void {}
  }

  it.each<[string, new () => object, string | undefined]>([
    ['a number', OfNumber, 'takes a Number as its first parameter'],
    ['text', OfText, 'takes a String as its first parameter'],
    ['a class', OfClass, 'takes a Customer as its first parameter'],
    ['a default', WithDefault, 'has a default for its first parameter'],
    ['the run', OfRun, undefined],
    ['perhaps the run', OfNoRun, undefined],
    ['no parameter', OfNothing, undefined],
    ['what has no class', OfInterface, undefined],
    ['a number, without a schedule', Plain, undefined],
  ])('%s', async (_, Jobs, problem) => {
    const problems = await boot({ imports, providers: [Jobs] }).then(
      () => [],
      (thrown: unknown) => (thrown as JobSetupError).problems,
    );
    expect(problems).toEqual(
      problem === undefined ? [] : [expect.stringContaining(`${problem}. A schedule gives the method its JobRun there`)],
    );
  });
});

describe('initialDelay of @Cron', () => {
  it('is told to have no effect on claimed ticks', async () => {
    const claimed = await boot({ imports, providers: [jobs(MasterOnly(), Cron(NEVER, { initialDelay: 5 }))] });
    expect(claimed.log.with('event=job.initial-delay')).toEqual([
      expect.stringMatching(/^warn initialDelay of @Cron has no effect on "Jobs\.run".* set claim: 'none'\. .*initialDelayMs=5$/u),
    ]);
    const unclaimed = await boot({ imports, providers: [jobs(MasterOnly({ claim: 'none' }), Cron(NEVER, { initialDelay: 5 }))] });
    expect(unclaimed.log.with('event=job.initial-delay')).toEqual([]);
  });
});
