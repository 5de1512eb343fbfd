import { Injectable } from '@nestjs/common';
import { Cron, ScheduleModule } from '@nestjs/schedule';
import { firstValueFrom } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';
import { ClusterJobs, JobRun, MasterElection, MasterOnly, ZookeeperModule } from '../../../src/index.js';
import { TestElections, ZookeeperTestingModule } from '../../../src/testing.js';
import { boot, closeAll } from './app.js';

afterEach(closeAll);

const NEVER = '0 0 0 1 1 *';
const standalone = ZookeeperModule.forRoot({ service: 'A', version: '1', standalone: true });

describe('what applications are given', () => {
  it('is JSON in every state of the mastership', async () => {
    const { app } = await boot({ imports: [ZookeeperTestingModule.forRoot({ master: true })] });
    const election = app.get(MasterElection);
    const { tenure } = election.mastership() as Extract<ReturnType<MasterElection['mastership']>, { kind: 'master' }>;
    expect(typeof tenure.token).toBe('bigint');
    expect(JSON.parse(JSON.stringify(election.mastership()))).toEqual({
      kind: 'master',
      tenure: { id: tenure.id, token: tenure.token.toString(), czxid: '0' },
      lease: { sentAtMs: expect.any(Number) as number, sentWallMs: expect.any(Number) as number, lengthMs: expect.any(Number) as number },
    });
    expect(JSON.stringify(await firstValueFrom(election.mastership$()))).toBe(JSON.stringify(election.mastership()));
    app.get(TestElections).setMaster(false);
    expect(JSON.parse(JSON.stringify(election.mastership()))).toMatchObject({ kind: 'standby', master: 'other.test:9090' });
  });

  it('is JSON where it is a run, a job, a trigger or a verdict', async () => {
    const runs: string[] = [];
    @Injectable()
    class Jobs {
      @Cron(NEVER, { name: 'pay' })
      @MasterOnly()
      async pay(): Promise<void> {
        runs.push(JSON.stringify(JobRun.current()), JSON.stringify(await jobs().list()));
      }
    }
    const { app } = await boot({ imports: [ScheduleModule.forRoot(), standalone], providers: [Jobs] });
    const jobs = (): ClusterJobs => app.get(ClusterJobs);
    const triggered = await jobs().trigger('pay', { input: { invoice: 7 }, wait: 'done' });
    const [run, list] = runs.map((text) => JSON.parse(text) as unknown);
    expect(run).toEqual({
      job: 'pay',
      cause: 'trigger',
      firedTime: expect.any(String) as string,
      attempt: 1,
      input: { invoice: 7 },
      fencingToken: expect.stringMatching(/^\d+$/) as string,
    });
    expect(list).toMatchObject([{ job: 'pay', running: [{ fencingToken: expect.stringMatching(/^\d+$/) as string }] }]);
    expect(JSON.parse(JSON.stringify(triggered))).toMatchObject({ verdict: { outcome: 'ran' } });
    expect(JSON.stringify(await jobs().verdicts('pay'))).toContain('"outcome":"ran"');
  });
});

describe('a run that throws', () => {
  it.each<[string, () => unknown, string]>([
    [
      'an aggregate without a message',
      () => new AggregateError([new Error('connect ECONNREFUSED ::1:5432')], ''),
      'connect ECONNREFUSED ::1:5432',
    ],
    [
      'an error with a cause',
      () => new TypeError('fetch failed', { cause: new Error('socket hang up') }),
      'fetch failed (cause: socket hang up)',
    ],
    ['an error without a message', () => new RangeError(''), 'RangeError'],
    ['undefined', () => undefined, 'undefined'],
    ['null', () => null, 'null'],
    ['an empty text', () => '', "''"],
  ])('has a verdict and a line in the log that say what it was: %s', async (_what, make, text) => {
    @Injectable()
    class Jobs {
      @Cron(NEVER, { name: 'pay' })
      @MasterOnly()
      pay(): void {
        throw make();
      }
    }
    const { app, log } = await boot({ imports: [ScheduleModule.forRoot(), standalone], providers: [Jobs] });
    const { verdict } = await app.get(ClusterJobs).trigger('pay', { wait: 'done' });
    expect(verdict).toMatchObject({ outcome: 'failed', error: expect.stringContaining(text) as string });
    expect(log.with('event=run.failed')).toEqual([expect.stringContaining(text) as string]);
  });
});
