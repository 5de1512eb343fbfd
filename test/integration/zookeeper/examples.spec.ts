import { Injectable } from '@nestjs/common';
import { Cron, ScheduleModule } from '@nestjs/schedule';
import { Test, type TestingModule } from '@nestjs/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { ClusterJobs, type JobRun, MasterElection, MasterOnly, ZookeeperModule } from '../../../src/index.js';
import { startTestZookeeper, type TestZookeeper } from '../../../src/testing.js';

const NODE = '/soa/master/services/Bank:1.0.0';

/** Everything that happened on all replicas of the test. */
const runs: Array<{ readonly replica: string; readonly run: JobRun; readonly aborted: Promise<void> }> = [];

@Injectable()
class StatementJobs {
  replica = '';

  @Cron('* * * * * *', { name: 'statements' })
  @MasterOnly({ misfire: 'run-all' })
  async send(run: JobRun): Promise<void> {
    const aborted = new Promise<void>((resolve) => run.signal.addEventListener('abort', () => resolve(), { once: true }));
    runs.push({ replica: this.replica, run, aborted });
    // A long run, when it was asked for one: it ends when it is told to.
    if (run.input === 'long') await aborted;
  }
}

let zookeeper: TestZookeeper;
const open: TestingModule[] = [];

async function startReplica(address: string): Promise<TestingModule> {
  const replica = await Test.createTestingModule({
    imports: [
      ScheduleModule.forRoot(),
      ZookeeperModule.forRoot({
        ...{ connectString: zookeeper.connectString, service: 'Bank', version: '1.0.0', address },
        ...{ sessionTimeoutMs: 1_000, drainTimeoutMs: 100 },
      }),
    ],
    providers: [StatementJobs],
  })
    .setLogger({ log() {}, warn() {}, error() {} })
    .compile();
  replica.get(StatementJobs).replica = address;
  open.push(await replica.init());
  return replica;
}

const isMaster = (replica: TestingModule): boolean => replica.get(MasterElection).isMaster();
const until = (look: () => unknown): Promise<void> => vi.waitFor(() => expect(look()).toBeTruthy(), { timeout: 30_000, interval: 5 });

async function startTwo(): Promise<readonly [master: TestingModule, standby: TestingModule]> {
  const master = await startReplica('10.0.0.1:9090');
  await until(() => isMaster(master));
  const standby = await startReplica('10.0.0.2:9090');
  await until(() => standby.get(MasterElection).mastership().kind === 'standby');
  return [master, standby];
}

// The first master of a new ZooKeeper waits for whoever may have been master before. Once, not in every test.
beforeAll(async () => {
  zookeeper = await startTestZookeeper();
  const first = await startReplica('10.0.0.1:9090');
  await until(() => isMaster(first));
  await closeAll();
});
afterEach(() => closeAll());
afterAll(() => zookeeper.close());

async function closeAll(): Promise<void> {
  await Promise.all(open.splice(0).map((replica) => replica.close()));
  runs.length = 0;
}

describe('statements', () => {
  it('go on when the session of the master ends', async () => {
    const [, standby] = await startTwo();
    const before = await zookeeper.ownerOf(NODE);
    await zookeeper.expire(before!);
    await until(() => isMaster(standby));
    expect(await zookeeper.ownerOf(NODE)).not.toBe(before);
    await until(() => runs.some(({ replica }) => replica === '10.0.0.2:9090'));
  });

  it('are told to stop where the master is cut off, and write nothing any more', async () => {
    const [master, standby] = await startTwo();
    await master.get(ClusterJobs).trigger('statements', { input: 'long' });
    await until(() => runs.some(({ run }) => run.input === 'long'));
    const { run, aborted } = runs.find(({ run }) => run.input === 'long')!;
    await zookeeper.cut({ session: (await zookeeper.ownerOf(NODE))! });
    await aborted;
    expect(() => run.assertMaster()).toThrow(/ZK_MASTERSHIP_LOST/);
    await expect(run.checkpoint.set('too late')).rejects.toThrow(/ZK_/);
    await zookeeper.advance(2_000);
    await until(() => isMaster(standby));
    await zookeeper.heal();
  });

  it('are made up for after an outage of ZooKeeper', async () => {
    const master = await startReplica('10.0.0.1:9090');
    await until(() => runs.length > 0);
    await zookeeper.stop();
    await until(() => !isMaster(master));
    const fromMs = Date.now();
    await until(() => Date.now() > fromMs + 1_000);
    const toMs = Date.now();
    await zookeeper.start();
    const isMissed = ({ scheduledTime }: JobRun): boolean => Number(scheduledTime) > fromMs && Number(scheduledTime) <= toMs;
    await until(() => runs.some(({ run }) => isMissed(run)));
  });
});
