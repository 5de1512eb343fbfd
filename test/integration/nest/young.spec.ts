import { Injectable } from '@nestjs/common';
import { Cron, ScheduleModule } from '@nestjs/schedule';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ClusterJobs, type JobRun, MasterOnly, ZookeeperModule } from '../../../src/index.js';
import { failureOf } from '../../support/eventually.js';
import { startServer, type ZooKeeperServer } from '../../support/zookeeper.js';
import { boot, closeAll, type Running } from './app.js';

let server: ZooKeeperServer;
let services = 0;
let service = '';

beforeAll(async () => {
  server = await startServer();
});
beforeEach(() => {
  service = `Young${++services}`;
});
afterEach(closeAll);
afterAll(() => server.dispose());

@Injectable()
class Jobs {
  @Cron('0 0 5 1 1 *', { name: 'yearly', timeZone: 'UTC' })
  @MasterOnly()
  yearly(run: JobRun): void {
    run.assertMaster();
  }
}

/** A process that has just started: it has no session yet. */
function start(connectString = server.connectString, candidate = true): Promise<Running> {
  const options = { connectString, service, version: '1.0', address: '10.0.0.1:10', candidate } as const;
  return boot({ imports: [ScheduleModule.forRoot(), ZookeeperModule.forRoot(options)], providers: [Jobs] });
}

/** Nobody listens there. */
const NOWHERE = '127.0.0.1:1';

describe('an order that is given as soon as the application has started', () => {
  it('waits for the session, and for the job to be known', async () => {
    const jobs = (await start()).app.get(ClusterJobs);
    expect(await jobs.trigger('yearly', { wait: 'done' })).toMatchObject({ verdict: { outcome: 'ran', cause: 'trigger' } });
  });

  it('waits on a replica that never becomes master, too', async () => {
    await (await start()).app.get(ClusterJobs).ready();
    const jobs = (await start(server.connectString, false)).app.get(ClusterJobs);
    expect(await Promise.all([jobs.pause('yearly', { by: 'anna' }), jobs.history('yearly')])).toMatchObject([true, []]);
    expect(await jobs.why('yearly', '2027-01-01T05:00')).toContain('paused by anna');
  });

  it('is refused, unsent, when there is no session in time, and says why', async () => {
    const jobs = (await start(NOWHERE)).app.get(ClusterJobs);
    const orders = [
      jobs.list({ timeoutMs: 20 }),
      jobs.pause('yearly', { timeoutMs: 20 }),
      jobs.trigger('yearly', { timeoutMs: 20 }),
      jobs.ready({ timeoutMs: 20 }),
    ];
    const refused = { code: 'ZK_NOT_CONNECTED', message: expect.stringMatching(/after a wait of \d+ ms \(connecting/) };
    expect(await Promise.all(orders.map((order) => failureOf(order)))).toMatchObject([refused, refused, refused, refused]);
    expect(await failureOf(jobs.verdicts('yearly', { timeoutMs: 0 }))).toMatchObject({ code: 'ZK_NOT_CONNECTED' });
  });

  it('is given up with its signal', async () => {
    const jobs = (await start(NOWHERE)).app.get(ClusterJobs);
    const caller = new AbortController();
    const { signal } = caller;
    const reason = new Error('the caller has gone');
    const asked = [jobs.resume('yearly', { signal }), jobs.list({ signal }), jobs.ready({ signal }), jobs.trigger('yearly', { signal })];
    const failures = Promise.all(asked.map((order) => failureOf(order)));
    caller.abort(reason);
    expect(await failures).toEqual([reason, reason, reason, expect.objectContaining({ code: 'ZK_TRIGGER_NOT_ACCEPTED', cause: reason })]);
  });

  it('is refused at once when the application has stopped, also one that waits', async () => {
    const { app } = await start(NOWHERE);
    const jobs = app.get(ClusterJobs);
    const waiting = failureOf(jobs.list({ timeoutMs: 86_400_000 }));
    await app.close();
    const stopped = { code: 'ZK_NOT_CONNECTED', message: expect.stringContaining('the application has stopped') };
    expect(await waiting).toMatchObject(stopped);
    expect(await failureOf(jobs.list({ timeoutMs: 86_400_000 }))).toMatchObject(stopped);
  });
});

it('is ready when it has a session and the cluster knows its jobs', async () => {
  const jobs = (await start()).app.get(ClusterJobs);
  jobs.add({ name: 'added early', cronTime: '0 0 6 1 1 *' }, () => undefined);
  await jobs.ready();
  expect((await jobs.list()).map(({ job }) => job)).toEqual(['added early', 'yearly']);
});
