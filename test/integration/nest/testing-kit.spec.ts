import { Injectable, Module } from '@nestjs/common';
import { Cron, ScheduleModule, SchedulerRegistry } from '@nestjs/schedule';
import { Test, type TestingModuleBuilder } from '@nestjs/testing';
import { CronJob } from 'cron';
import { afterEach, describe, expect, it } from 'vitest';
import { MasterElection, MasterOnly, NotMasterError, ZookeeperModule } from '../../../src/index.js';
import { ELECTIONS, TestElections, ZookeeperTestingModule } from '../../../src/testing.js';
import { boot, closeAll, fire, RecordingLogger } from './app.js';

const NEVER = '0 0 0 1 1 *';
const log = new RecordingLogger();
const apps: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
  await closeAll();
});

@Injectable()
class StatementJobs {
  runs = 0;

  @Cron(NEVER, { name: 'send' })
  @MasterOnly()
  async send(): Promise<void> {
    this.runs += 1;
  }

  @MasterOnly()
  async publish(): Promise<void> {
    this.runs += 1;
  }
}

/** As in production: it imports ZookeeperModule itself, with servers that no test has. */
@Module({
  imports: [
    ScheduleModule.forRoot(),
    ZookeeperModule.forRoot({
      connectString: 'zk1.invalid:2181/prod',
      service: 'AccountService',
      version: '1.0.0',
      address: '10.0.0.7:9090',
    }),
  ],
  providers: [StatementJobs],
})
class AppModule {}

async function start(change: (builder: TestingModuleBuilder) => TestingModuleBuilder): Promise<Awaited<ReturnType<typeof boot>>['app']> {
  const module = await change(Test.createTestingModule({ imports: [AppModule] }))
    .setLogger(log)
    .compile();
  const app = module.createNestApplication({ logger: log });
  apps.push(app);
  return app.init();
}

describe('a module that imports ZookeeperModule itself', () => {
  it('is tested as it is, with the elections replaced: the test says who is master, and no server is looked for', async () => {
    const elections = new TestElections({ master: true });
    const app = await start((builder) => builder.overrideProvider(ELECTIONS).useValue(elections));
    const jobs = app.get(StatementJobs);
    await fire(app, 'send');
    expect(jobs.runs).toBe(1);
    await jobs.publish();
    elections.setMaster(false);
    expect(app.get(MasterElection).isMaster()).toBe(false);
    await fire(app, 'send');
    await expect(jobs.publish()).rejects.toThrow(NotMasterError);
    expect(jobs.runs).toBe(2);
    expect(log.with('zk1.invalid')).toEqual([]);
  });

  it('is not replaced by overrideModule: its servers are looked for, so the documentation says what to use', async () => {
    const standIn = ZookeeperTestingModule.forRoot({ master: true }).module;
    const app = await start((builder) => builder.overrideModule(ZookeeperModule).useModule(standIn));
    expect(app.get(MasterElection).isMaster()).toBe(false);
    expect(app.get(MasterElection).mastership()).toMatchObject({ kind: 'electing' });
  });
});

describe("a timer of one's own, made with SchedulerRegistry.addCronJob", () => {
  it('meets an error on a standby that names what to use, at each fire, and runs on the master', async () => {
    const { app } = await boot({
      imports: [ScheduleModule.forRoot(), ZookeeperTestingModule.forRoot({ master: false })],
      providers: [StatementJobs],
    });
    const jobs = app.get(StatementJobs);
    const met: unknown[] = [];
    const call = (): Promise<void> => jobs.publish();
    const job = CronJob.from({ cronTime: NEVER, onTick: call, errorHandler: (thrown) => void met.push(thrown), waitForCompletion: true });
    app.get(SchedulerRegistry).addCronJob('at run time', job);
    await fire(app, 'at run time');
    await fire(app, 'at run time');
    expect(met).toEqual([expect.any(NotMasterError), expect.any(NotMasterError)]);
    expect((met[0] as Error).message).toContain('for a schedule made at run time use ClusterJobs.add');
    app.get(TestElections).setMaster(true);
    await fire(app, 'at run time');
    expect([met.length, jobs.runs]).toEqual([2, 1]);
    // A method with a schedule of its own is called by nobody's timer.
    app.get(TestElections).setMaster(false);
    await expect(jobs.send()).rejects.not.toThrow('ClusterJobs.add');
  });
});
