import { Injectable } from '@nestjs/common';
import { Cron, Interval, ScheduleModule } from '@nestjs/schedule';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ClusterJobs, type JobRun, type JobVerdict, MasterOnly, ZookeeperModule, type ZookeeperModuleOptions } from '../../../src/index.js';
import { ZookeeperTestingModule } from '../../../src/testing.js';
import { JOB_STORE } from '../../../src/zookeeper/decorators/inject.js';
import { viewIn, type JobStore } from '../../../src/zookeeper/jobs/persistence/job-store.js';
import { eventually } from '../../support/eventually.js';
import { startServer, type ZooKeeperServer } from '../../support/zookeeper.js';
import { boot, closeAll, fire, type Running } from './app.js';

let server: ZooKeeperServer;

beforeAll(async () => {
  server = await startServer();
});
afterEach(closeAll);
afterAll(() => server.dispose());

interface Seen {
  readonly replica: string;
  readonly cause: string;
  readonly scheduled: number | undefined;
}

class Jobs {
  constructor(
    readonly replica: string,
    readonly seen: Seen[],
  ) {}

  @Cron('* * * * * *', { name: 'every-second' })
  @MasterOnly({ misfire: 'run-all' })
  async tick(run: JobRun): Promise<void> {
    this.seen.push({ replica: this.replica, cause: run.cause, scheduled: run.scheduledTime?.getTime() });
  }

  @Cron('* * * * * *', { name: 'switched-off', disabled: true })
  @MasterOnly()
  never(run: JobRun): void {
    this.seen.push({ replica: this.replica, cause: `never ${run.cause}`, scheduled: undefined });
  }
}

function replica(options: ZookeeperModuleOptions, name: string, seen: Seen[]): Promise<Running> {
  return boot({
    imports: [ScheduleModule.forRoot(), ZookeeperModule.forRoot(options)],
    providers: [{ provide: Jobs, useFactory: () => new Jobs(name, seen) }],
  });
}

/** The ticks that ran, in order. */
function ticksOf(seen: readonly Seen[]): number[] {
  return seen.map(({ scheduled }) => scheduled ?? Number.NaN).toSorted((a, b) => a - b);
}

/** Every tick that has a verdict, in order. */
function decided(verdicts: readonly JobVerdict[]): number[] {
  return verdicts
    .flatMap(({ scheduledTime, count }) => Array.from({ length: count }, (_, index) => Number(scheduledTime?.getTime()) + index * 1_000))
    .toSorted((a, b) => a - b);
}

/** Every second from the first to the last of these. */
function everySecond(ticks: readonly number[]): number[] {
  const [first = Number.NaN] = ticks;
  return Array.from({ length: (Number(ticks.at(-1)) - first) / 1_000 + 1 }, (_, index) => first + index * 1_000);
}

describe('ticks of @Cron', () => {
  it('are claimed in memory without ZooKeeper: each runs once, however often its schedule fires', async () => {
    const seen: Seen[] = [];
    const { app } = await replica({ service: 'A', version: '1', standalone: true }, 'only', seen);
    await eventually(
      async () => {
        await fire(app, 'every-second');
        expect(seen.length).toBeGreaterThan(3);
      },
      { what: 'four runs' },
    );
    const ticks = decided(await app.get(ClusterJobs).verdicts('every-second'));
    expect(ticks).toEqual(everySecond(ticks));
    await app.close();
    expect(new Set(ticksOf(seen)).size).toBe(seen.length);
    expect(seen.every(({ cause, scheduled }) => /^(?:schedule|misfire)$/u.test(cause) && Number(scheduled) % 1_000 === 0)).toBe(true);
  });

  it('are claimed in ZooKeeper: the second replica goes on where the first has stopped, and every tick has its verdict', async () => {
    const seen: Seen[] = [];
    const options = { connectString: server.connectString, service: 'Bank', version: '1', sessionTimeoutMs: 9_000 };
    const first = await replica({ ...options, address: '127.0.0.1:1' }, 'first', seen);
    await eventually(() => expect(seen.length).toBeGreaterThan(2), { what: 'runs of the first replica' });
    const second = await replica({ ...options, address: '127.0.0.1:2' }, 'second', seen);
    const store = second.app.get<JobStore>(JOB_STORE);
    await eventually(async () => expect((await store.members()).map(({ jobs }) => jobs)).toContainEqual(['every-second', 'switched-off']), {
      what: 'a member that tells of its jobs',
    });
    await first.app.close();
    await eventually(() => expect(seen.filter((run) => run.replica === 'second').length).toBeGreaterThan(2), {
      what: 'runs of the second replica',
    });
    expect(await store.jobs()).toEqual(expect.arrayContaining(['every-second', 'switched-off']));
    const view = viewIn(await store.load('every-second'));
    expect(view?.record.schedule).toMatchObject({ cronTime: '* * * * * *' });
    const verdicts = await second.app.get(ClusterJobs).verdicts('every-second');
    await second.app.close();
    const ticks = decided(verdicts);
    expect(ticks).toEqual(everySecond(ticks));
    expect(new Set(ticksOf(seen)).size).toBe(seen.length);
    expect(ticksOf(seen)).toEqual(expect.arrayContaining(decided(verdicts.filter(({ outcome }) => outcome === 'ran'))));
  });

  it('run at once and unclaimed in the testing kit', async () => {
    const seen: Seen[] = [];
    const { app } = await boot({
      imports: [ScheduleModule.forRoot(), ZookeeperTestingModule.forRoot({ master: true })],
      providers: [{ provide: Jobs, useFactory: () => new Jobs('test', seen) }],
    });
    expect(app.get(JOB_STORE)).toBeUndefined();
    await fire(app, 'every-second');
    // The tick is the last one that was due.
    expect(seen).toContainEqual({ replica: 'test', cause: 'schedule', scheduled: expect.any(Number) as number });
  });
});

describe('a job without slots', () => {
  it('runs by the local mastership, and has a record without a schedule', async () => {
    @Injectable()
    class Unclaimed {
      runs = 0;
      @Interval(10)
      @MasterOnly({ name: 'often' })
      often(): void {
        this.runs += 1;
      }
    }
    const { app } = await boot({
      imports: [
        ScheduleModule.forRoot(),
        ZookeeperModule.forRoot({ connectString: server.connectString, service: 'Unclaimed', version: '1', address: '127.0.0.1:1' }),
      ],
      providers: [Unclaimed],
    });
    await eventually(() => expect(app.get(Unclaimed).runs).toBeGreaterThan(2), { what: 'runs' });
    const view = viewIn(await app.get<JobStore>(JOB_STORE).load('often'));
    expect(view?.record).toMatchObject({ schedule: undefined, running: [] });
  });
});
