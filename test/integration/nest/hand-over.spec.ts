import { Injectable } from '@nestjs/common';
import { Cron, ScheduleModule } from '@nestjs/schedule';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  ClusterJobs,
  type JobRun,
  MasterElection,
  MasterOnly,
  OnMasterElected,
  OnMasterLost,
  ZookeeperModule,
} from '../../../src/index.js';
import { startAdmin, type Admin } from '../../support/admin.js';
import { deferred, eventually, type Deferred } from '../../support/eventually.js';
import { startServer, type ZooKeeperServer } from '../../support/zookeeper.js';
import { boot, closeAll, type Running } from './app.js';

/** Longer than any test here: what waits for it does not come to an end. */
const NEVER_MS = 600_000;

let server: ZooKeeperServer;
let admin: Admin;
/** One for all: after an orderly end the next test need not wait for a lease. */
const service = 'Transfers';
/** Ends of runs that go on. */
const ends = new Set<Deferred<void>>();

beforeAll(async () => {
  // Long sessions: no stall of a busy machine is to put a mastership in doubt.
  server = await startServer({ tickTimeMs: 2_000 });
  admin = await startAdmin(server.connectString);
});
afterEach(async () => {
  for (const end of ends) end.resolve();
  await closeAll();
});
afterAll(async () => {
  await admin[Symbol.asyncDispose]();
  await server.dispose();
});

@Injectable()
class Jobs {
  readonly told: string[] = [];
  readonly seconds: number[] = [];
  readonly held: { readonly run: JobRun; readonly end: Deferred<void> }[] = [];
  attempts = 0;

  @Cron('* * * * * *', { name: 'second', timeZone: 'UTC' })
  @MasterOnly({ misfire: 'run-all' })
  second(run: JobRun): void {
    this.seconds.push(Number(run.scheduledTime));
  }

  @Cron('0 0 5 1 1 *', { name: 'long', timeZone: 'UTC' })
  @MasterOnly()
  async long(run: JobRun): Promise<void> {
    const end = deferred<void>();
    ends.add(end);
    this.held.push({ run, end });
    await end.promise;
  }

  @Cron('0 0 5 1 1 *', { name: 'short', timeZone: 'UTC' })
  @MasterOnly()
  short(): void {}

  @Cron('0 0 5 1 1 *', { name: 'failing', timeZone: 'UTC' })
  @MasterOnly({ retry: { attempts: 3, backoffMs: NEVER_MS } })
  async failing(): Promise<void> {
    this.attempts += 1;
    throw new Error('no luck');
  }

  @OnMasterElected()
  start(signal: AbortSignal): void {
    this.told.push('elected');
    signal.addEventListener('abort', () => this.told.push('aborted'));
  }

  @OnMasterLost()
  stop(): void {
    this.told.push('lost');
  }
}

interface Replica extends Running {
  readonly address: string;
  readonly jobs: ClusterJobs;
  readonly election: MasterElection;
  readonly own: Jobs;
}

async function start(name: string, drainTimeoutMs: number): Promise<Replica> {
  const address = `${name}.test:1`;
  const { connectString } = server;
  const root = ZookeeperModule.forRoot({ connectString, service, version: '1', address, drainTimeoutMs, sessionTimeoutMs: 40_000 });
  const running = await boot({ imports: [ScheduleModule.forRoot(), root], providers: [Jobs] });
  const { app } = running;
  return { ...running, address, jobs: app.get(ClusterJobs), election: app.get(MasterElection), own: app.get(Jobs) };
}

/** A master, and a standby. */
async function startTwo(drainTimeoutMs = NEVER_MS): Promise<readonly [Replica, Replica]> {
  const first = await start('a', drainTimeoutMs);
  await becomes(first, 'master');
  const second = await start('b', drainTimeoutMs);
  await becomes(second, 'standby');
  return [first, second];
}

async function becomes(replica: Replica, kind: string): Promise<void> {
  await eventually(() => expect(replica.election.mastership().kind).toBe(kind), {
    what: `${replica.address} to be ${kind}`,
    withinMs: 60_000,
  });
}

const edit = (to: Replica): Promise<unknown> => admin.set(`/soa/master/services/${service}:1`, to.address);

/** Begins a run that goes on. */
async function holdRun(replica: Replica): Promise<Jobs['held'][number]> {
  const before = replica.own.held.length;
  await replica.jobs.trigger('long');
  return eventually(() => replica.own.held[before] ?? Promise.reject(new Error('it has not begun')), { what: 'the run' });
}

/** A tick falls due while nothing may start. */
async function tickPasses(): Promise<void> {
  const fromMs = Date.now();
  await eventually(() => expect(Date.now()).toBeGreaterThan(fromMs + 2_000), { what: 'two seconds' });
}

/** Every second from the first to the last of these ran, once. */
function expectNoGap(seconds: readonly number[], untilMs: number): void {
  const sorted = seconds.toSorted((a, b) => a - b);
  const [first = 0] = sorted;
  expect(sorted).toEqual(Array.from({ length: sorted.length }, (_, index) => first + index * 1_000));
  expect(sorted.at(-1)).toBeGreaterThanOrEqual(untilMs);
}

/** The logger is that of the application that was made last. */
const logged = (replicas: readonly Replica[], event: string): string[] => replicas.flatMap(({ log }) => log.with(`event=${event}`));

describe('a hand-over that an operator takes back', () => {
  it('leaves a master that goes on: with its run, its schedules, jobs added at run time, triggers and hooks', async () => {
    const [first, second] = await startTwo();
    const added: number[] = [];
    first.jobs.add(
      { name: 'added', cronTime: '* * * * * *', timeZone: 'UTC', misfire: 'run-all' },
      (run) => void added.push(Number(run.scheduledTime)),
    );
    await eventually(() => expect(Math.min(added.length, first.own.seconds.length)).toBeGreaterThan(0), { what: 'the first runs' });
    const { run, end } = await holdRun(first);
    await edit(second);
    await becomes(first, 'draining');
    const inTheDrain = first.jobs.trigger('short', { wait: 'done', timeoutMs: NEVER_MS });
    await tickPasses();
    await edit(first);
    await becomes(first, 'master');
    const resumedMs = Date.now();
    await inTheDrain;
    await first.jobs.trigger('short', { wait: 'done', timeoutMs: NEVER_MS });
    await eventually(() => expectNoGap(first.own.seconds, resumedMs), { what: 'a run for each tick of the schedule' });
    await eventually(() => expectNoGap(added, resumedMs), { what: 'a run for each tick of the added job' });
    expect(first.own.told).toEqual(['elected', 'aborted', 'lost', 'elected']);
    expect(second.own.told).toEqual([]);
    expect(logged([first, second], 'drain.called-off')).toHaveLength(1);
    expect([run.signal.aborted, first.own.seconds.length > 0, second.own.seconds]).toEqual([false, true, []]);
    end.resolve();
    await eventually(async () => expect((await first.jobs.verdicts('long')).at(-1)).toMatchObject({ outcome: 'ran' }), {
      what: 'its verdict',
    });
  });

  it('is followed by a shutdown that waits for the run, and hands over at once', async () => {
    const [first, second] = await startTwo();
    const { run, end } = await holdRun(first);
    await edit(second);
    await becomes(first, 'draining');
    await edit(first);
    await becomes(first, 'master');
    const closed = first.app.close();
    await becomes(first, 'draining');
    expect(run.signal.aborted).toBe(false);
    end.resolve();
    await closed;
    await becomes(second, 'master');
    expect(first.own.told).toEqual(['elected', 'aborted', 'lost', 'elected', 'aborted', 'lost']);
    expect((await second.jobs.verdicts('long')).at(-1)).toMatchObject({ outcome: 'ran' });
    expect(logged([first, second], 'mastership.won').at(-1)).toContain('waitMs=0');
  });

  it('is followed by the hand-over that is asked for next, from the run that goes on', async () => {
    const [first, second] = await startTwo();
    const { run, end } = await holdRun(first);
    await edit(second);
    await becomes(first, 'draining');
    await edit(first);
    await becomes(first, 'master');
    await second.election.transferTo(second.address);
    await becomes(first, 'draining');
    expect([run.signal.aborted, second.election.isMaster()]).toEqual([false, false]);
    end.resolve();
    await becomes(second, 'master');
    await eventually(() => expect(second.own.seconds.length).toBeGreaterThan(0), { what: 'a run on the new master' });
  });
});

describe('a hand-over that fails because a run ignores its abort', () => {
  it('leaves a master that goes on, with hooks in pairs', async () => {
    const [first, second] = await startTwo(100);
    const { run, end } = await holdRun(first);
    await edit(second);
    await eventually(() => expect(logged([first, second], 'mastership.run-ignores-abort')).toHaveLength(1), { what: 'the report' });
    await becomes(first, 'master');
    const resumedMs = Date.now();
    await eventually(() => expectNoGap(first.own.seconds, resumedMs), { what: 'a run for each tick of the schedule' });
    await first.jobs.trigger('short', { wait: 'done', timeoutMs: NEVER_MS });
    expect(run.signal.aborted).toBe(true);
    expect(first.own.told).toEqual(['elected', 'aborted', 'lost', 'elected']);
    expect((await first.election.master())?.address).toBe(first.address);
    end.resolve();
    await eventually(() => first.election.resign(), { what: 'it to resign, now that nothing runs' });
    await becomes(second, 'master');
  });
});

describe('a run that waits for its next attempt', () => {
  it('does not hold a shutdown, and has its verdict', async () => {
    const [first, second] = await startTwo();
    await first.jobs.trigger('failing');
    await eventually(() => expect(logged([first, second], 'run.retrying')).toHaveLength(1), { what: 'the failed attempt' });
    await first.app.close();
    await becomes(second, 'master');
    expect((await second.jobs.verdicts('failing')).at(-1)).toMatchObject({ outcome: 'interrupted', reason: 'shutdown' });
    expect([first.own.attempts, second.own.attempts]).toEqual([1, 0]);
  });
});
