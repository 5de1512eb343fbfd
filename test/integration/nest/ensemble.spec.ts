import { Injectable } from '@nestjs/common';
import { Interval, ScheduleModule } from '@nestjs/schedule';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type JobRun, MasterElection, MasterOnly, OnMasterElected, OnMasterLost, ZookeeperModule } from '../../../src/index.js';
import { eventually } from '../../support/eventually.js';
import { startServer, type ZooKeeperServer } from '../../support/zookeeper.js';
import { boot, closeAll, type Running } from './app.js';

let server: ZooKeeperServer;

beforeAll(async () => {
  server = await startServer();
});
afterEach(closeAll);
afterAll(() => server.dispose());

/** Which replica ran, with which token: shared by the replicas of a test. */
const runs: { replica: string; token: bigint }[] = [];
const hooks: string[] = [];

@Injectable()
class Jobs {
  constructor(readonly replica: string) {}

  @Interval(10)
  @MasterOnly()
  tick(run: JobRun): void {
    run.assertMaster();
    runs.push({ replica: this.replica, token: run.fencingToken });
  }

  @OnMasterElected()
  elected(): void {
    hooks.push(`${this.replica} elected`);
  }

  @OnMasterLost()
  lost(): void {
    hooks.push(`${this.replica} lost`);
  }
}

function replica(service: string, port: number): Promise<Running> {
  return boot({
    imports: [
      ScheduleModule.forRoot(),
      ZookeeperModule.forRoot({
        connectString: server.connectString,
        service,
        version: '1',
        address: `127.0.0.1:${port}`,
        sessionTimeoutMs: 9_000,
      }),
    ],
    providers: [{ provide: Jobs, useFactory: () => new Jobs(String(port)) }],
  });
}

describe('replicas on a real server', () => {
  it('run their jobs on one of them, and on the other after it has closed', async () => {
    const first = await replica('Failover', 1);
    await eventually(() => expect(runs.length).toBeGreaterThan(3), { what: 'runs of the first replica' });
    const second = await replica('Failover', 2);
    const election = second.app.get(MasterElection);
    await eventually(() => expect(election.mastership()).toMatchObject({ kind: 'standby', master: '127.0.0.1:1' }), {
      what: 'the second to stand by',
    });
    await expect(election.master()).resolves.toEqual({ address: '127.0.0.1:1', isThis: false });
    expect(() => second.app.get(Jobs).tick(undefined as never)).toThrow(/ZK_NOT_MASTER.*127\.0\.0\.1:1/u);
    await first.app.close();
    await eventually(() => expect(runs.filter((run) => run.replica === '2').length).toBeGreaterThan(3), {
      what: 'runs of the second replica',
    });
    const tokens = new Map(runs.map((run) => [run.replica, run.token]));
    expect(tokens.get('2')).toBeGreaterThan(tokens.get('1') as bigint);
    // The second may begin before the first has quite closed, but not before the first has run for the last time.
    const handOver = runs.findIndex((run) => run.replica === '2');
    expect(runs.slice(handOver).every((run) => run.replica === '2')).toBe(true);
    expect(hooks).toEqual(['1 elected', '1 lost', '2 elected']);
  });

  it('tell in their logs who was elected, under which token, and how it ended', async () => {
    const { app, log } = await replica('Logs', 3);
    await eventually(() => expect(app.get(MasterElection).isMaster()).toBe(true), { what: 'the mastership' });
    await app.close();
    const lines = log.lines.filter((line) => line.includes('Logs:1'));
    expect(lines.join('\n')).toMatch(/token=\d+/u);
    expect(log.with('event=shutdown.drained')[0]).toContain('end=resigned');
    expect(log.lines.every((line) => !line.startsWith('log') || /event=\S+/u.test(line) || !line.includes('Logs:1'))).toBe(true);
  });
});
