import { Injectable } from '@nestjs/common';
import { Interval, ScheduleModule } from '@nestjs/schedule';
import { afterEach, expect, it } from 'vitest';
import { MasterOnly, ZookeeperModule } from '../../../src/index.js';
import { startAdmin } from '../../support/admin.js';
import { eventually } from '../../support/eventually.js';
import { startServer } from '../../support/zookeeper.js';
import { boot, closeAll } from './app.js';

afterEach(closeAll);

@Injectable()
class Jobs {
  static runs = 0;

  @Interval(10)
  @MasterOnly()
  tick(): void {
    Jobs.runs += 1;
  }
}

it('says that there is no node at the chroot, and runs its jobs once there is one', async () => {
  await using server = await startServer();
  const options = { connectString: `${server.connectString}/prod`, service: 'Chroot', version: '1', address: '10.0.0.1:9090' };
  const { log } = await boot({ imports: [ScheduleModule.forRoot(), ZookeeperModule.forRoot(options)], providers: [Jobs] });
  const told = (): void => expect(log.with('ZK_MISSING_CHROOT').length).toBeGreaterThan(0);
  await eventually(told, { what: 'the log to name the chroot' });
  expect(log.with('ZK_MISSING_CHROOT')[0]).toContain('/prod');
  // Once, and then once a minute, however often it is tried and however many jobs there are.
  const startedMs = performance.now();
  await eventually(() => expect(log.with('ZK_MISSING_CHROOT').length).toBeGreaterThan(4), { what: 'further attempts', withinMs: 120_000 });
  const loud = log.with('ZK_MISSING_CHROOT').filter((line) => !line.startsWith('debug '));
  const minutes = Math.floor((performance.now() - startedMs) / 60_000);
  expect(loud.length).toBeLessThanOrEqual(2 * (minutes + 1));
  expect(Math.max(...loud.map((line) => line.length))).toBeLessThan(400);
  expect(Jobs.runs).toBe(0);

  await using admin = await startAdmin(server.connectString);
  await admin.create('/prod', '');
  await eventually(() => expect(Jobs.runs).toBeGreaterThan(0), { what: 'the job to run' });
});
