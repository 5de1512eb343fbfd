import { type INestApplication } from '@nestjs/common';
import { ScheduleModule, SchedulerRegistry } from '@nestjs/schedule';
import { Test } from '@nestjs/testing';
import { MasterElection, MastershipLostError, NotMasterError } from 'nestjs-cluster-cron';
import { ELECTIONS, runJob, TestElections, ZookeeperTestingModule } from 'nestjs-cluster-cron/testing';
import { AppModule } from './app.module.js';
import { Jobs, Ledger } from './jobs.js';

type Entry = Parameters<Ledger['post']>[0];

class QuietLedger {
  readonly posted: Entry[] = [];
  post(entry: Entry): void {
    this.posted.push(entry);
  }
}

let app: INestApplication | undefined;

afterEach(async () => {
  await app?.close();
  app = undefined;
});

async function boot(master: boolean): Promise<{ app: INestApplication; ledger: QuietLedger }> {
  const ledger = new QuietLedger();
  const module = await Test.createTestingModule({
    imports: [ScheduleModule.forRoot(), ZookeeperTestingModule.forRoot({ master })],
    providers: [Jobs, { provide: Ledger, useValue: ledger }],
  }).compile();
  app = await module.createNestApplication().init();
  return { app, ledger };
}

const fire = (booted: INestApplication) => booted.get(SchedulerRegistry).getCronJob('post-interest').fireOnTick();

describe('a job', () => {
  it('runs by runJob on an instance that Nest did not make', async () => {
    const ledger = new QuietLedger();
    await expect(runJob(new Jobs(ledger), 'post', { fencingToken: 7n })).resolves.toBe('post-interest');
    expect(ledger.posted).toEqual([
      { event: 'started', token: '7' },
      { event: 'ended', token: '7' },
    ]);
  });

  it('hears by runJob that its mastership is lost', async () => {
    const job = new Jobs(new QuietLedger());
    await expect(runJob(job, 'post', { lost: AbortSignal.abort(new Error('partition')) })).rejects.toBeInstanceOf(MastershipLostError);
  });

  it('does not run when it is called on an instance that Nest did not make', async () => {
    const ledger = new QuietLedger();
    const job = new Jobs(ledger) as unknown as { post(): Promise<unknown> };
    await expect(Promise.resolve().then(() => job.post())).rejects.toMatchObject({ code: 'ZK_UNBOUND' });
    expect(ledger.posted).toEqual([]);
  });

  it('runs when its schedule fires on the master', async () => {
    const { app, ledger } = await boot(true);
    await fire(app);
    expect(ledger.posted.length).toBeGreaterThanOrEqual(2);
  });

  it('does not run when its schedule fires on a standby, and a direct call there names the master', async () => {
    const { app, ledger } = await boot(false);
    await fire(app);
    const refused = (app.get(Jobs) as unknown as { post(): Promise<unknown> }).post();
    await expect(refused).rejects.toBeInstanceOf(NotMasterError);
    await expect(refused).rejects.toThrow('other.test:9090');
    expect(ledger.posted).toEqual([]);
  });

  it('runs once the test has made this replica master', async () => {
    const { app, ledger } = await boot(false);
    app.get(TestElections).setMaster(true);
    expect(app.get(MasterElection).isMaster()).toBe(true);
    await fire(app);
    expect(ledger.posted.length).toBeGreaterThanOrEqual(2);
  });
});

describe('a testing module', () => {
  it('without ZookeeperModule fails with the instruction', async () => {
    const module = Test.createTestingModule({ providers: [Jobs, Ledger] });
    await expect(module.compile()).rejects.toThrow('import ZookeeperModule.forRoot() or ZookeeperTestingModule');
  });

  it('of the whole application takes elections that the test decides', async () => {
    const module = await Test.createTestingModule({ imports: [AppModule] })
      .overrideProvider(Ledger)
      .useClass(QuietLedger)
      .overrideProvider(ELECTIONS)
      .useValue(new TestElections({ master: true }))
      .compile();
    app = await module.createNestApplication().init();
    await fire(app);
    expect(app.get<QuietLedger>(Ledger).posted.length).toBeGreaterThanOrEqual(2);
  });
});
