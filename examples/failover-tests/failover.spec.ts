// failover.spec.ts
import { Injectable } from '@nestjs/common';
import { Cron, ScheduleModule } from '@nestjs/schedule';
import { Test, type TestingModule } from '@nestjs/testing';
import { ClusterJobs, type JobRun, MasterElection, MasterOnly, ZookeeperModule } from 'nestjs-cluster-cron';
import { startTestZookeeper, type TestZookeeper } from 'nestjs-cluster-cron/testing';

/** What ran, on all replicas of a test. */
const runs: Array<{ replica: string; run: JobRun }> = [];

@Injectable()
class StatementJobs {
  replica = '';

  @Cron('* * * * * *', { name: 'statements' })
  @MasterOnly({ misfire: 'run-all' })
  async send(run: JobRun) {
    runs.push({ replica: this.replica, run });
    // A long run, where the test asks for one: it ends when it is told to.
    if (run.input === 'long') await until(() => run.signal.aborted);
  }
}

let zookeeper: TestZookeeper;
let replicas: TestingModule[] = [];

async function startReplica(address: string) {
  const cluster = { connectString: zookeeper.connectString, service: 'Bank', version: '1.0.0', address };
  const replica = await Test.createTestingModule({
    imports: [ScheduleModule.forRoot(), ZookeeperModule.forRoot({ ...cluster, sessionTimeoutMs: 1_000, drainTimeoutMs: 100 })],
    providers: [StatementJobs],
  }).compile();
  replica.useLogger(false);
  replica.get(StatementJobs).replica = address;
  replicas.push(replica);
  return replica.init();
}

async function stopReplicas() {
  await Promise.all(replicas.map((replica) => replica.close()));
  replicas = [];
  runs.length = 0;
}

async function until(holds: () => boolean, withinMs = 20_000) {
  for (const endMs = Date.now() + withinMs; !holds(); await new Promise((resolve) => setTimeout(resolve, 5)))
    if (Date.now() > endMs) throw new Error(`Waited ${withinMs} ms in vain for: ${String(holds)}`);
}

const isMaster = (replica: TestingModule) => replica.get(MasterElection).isMaster();

/** The session by which a replica is master. */
async function sessionOfMaster() {
  const session = await zookeeper.ownerOf('/soa/master/services/Bank:1.0.0');
  if (session === undefined) throw new Error('Nobody is master.');
  return session;
}

beforeAll(async () => {
  zookeeper = await startTestZookeeper();
  // The first master of an empty ZooKeeper waits 5.6 s for whoever may have been master before:
  // once, not in every test.
  const first = await startReplica('10.0.0.1:9090');
  await until(() => isMaster(first));
  await stopReplicas();
}, 60_000);

afterAll(() => zookeeper.close());

describe('statements', () => {
  let master: TestingModule;
  let standby: TestingModule;

  beforeEach(async () => {
    master = await startReplica('10.0.0.1:9090');
    await until(() => isMaster(master));
    standby = await startReplica('10.0.0.2:9090');
    await until(() => standby.get(MasterElection).mastership().kind === 'standby');
  }, 60_000);

  afterEach(() => stopReplicas(), 60_000);

  it('fail over when the session of the master ends, as after a crash', async () => {
    await zookeeper.expire(await sessionOfMaster());
    await until(() => isMaster(standby));
    await until(() => runs.some(({ replica }) => replica === '10.0.0.2:9090'));
  }, 60_000);

  it('are fenced on a master that is cut off: told to stop, and unable to write', async () => {
    await master.get(ClusterJobs).trigger('statements', { input: 'long' });
    await until(() => runs.some(({ run }) => run.input === 'long'));
    const { run } = runs.find(({ run }) => run.input === 'long')!;
    await zookeeper.cut({ session: await sessionOfMaster() });
    await until(() => run.signal.aborted);
    expect(() => run.assertMaster()).toThrow(/ZK_MASTERSHIP_LOST/);
    await expect(run.checkpoint.set('too late')).rejects.toThrow(/ZK_/);
    // Its session ends: as if two seconds had passed in which all others could be heard.
    await zookeeper.advance(2_000);
    await until(() => isMaster(standby));
    await zookeeper.heal();
    await until(() => master.get(MasterElection).mastership().kind === 'standby');
  }, 60_000);

  it('make up for an outage of ZooKeeper', async () => {
    await zookeeper.stop();
    const missedMs = (Math.floor(Date.now() / 1_000) + 1) * 1_000;
    await until(() => Date.now() > missedMs);
    await zookeeper.start();
    await until(() => runs.some(({ run }) => Number(run.scheduledTime) === missedMs));
  }, 60_000);
});
