import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, it } from 'vitest';
import { JobRun } from '../../../src/zookeeper/jobs/run/job-run.js';
import { EVERY_HOUR, LoneReplica } from '../dispatch/lone-replica.js';

/** What a monitor, or a request, keeps for all that it has led to. */
const context = new AsyncLocalStorage<string>();

describe('the async context of a run', () => {
  it.each(['none', 'tick'] as const)('is not that of the code whose call has led to its start (claim: %s)', async (claim) => {
    const seen: unknown[] = [];
    const work = async (): Promise<void> => {
      seen.push(context.getStore());
      await Promise.resolve();
      seen.push(context.getStore());
    };
    const isClaimed = claim === 'tick';
    const replica = new LoneReplica({ work, schedule: EVERY_HOUR, rules: { claim }, kind: isClaimed ? 'cron' : 'interval' });
    await replica.pass(1);
    await context.run('a request', async () => {
      if (isClaimed) replica.clock.setWall(3_600_000);
      replica.fire();
      await replica.pass(1);
    });
    expect(replica.runs.length).toBeGreaterThan(0);
    expect(new Set(seen)).toEqual(new Set([undefined]));
    await replica.leave();
  });

  it('does not reach what its end leads to: listeners of verdicts, and the log', async () => {
    const seen: unknown[] = [];
    const note = (): void => void seen.push(JobRun.current()?.job, context.getStore());
    const work = (run: JobRun): Promise<void> =>
      context.run('the run', async () => {
        expect(JobRun.current()).toBe(run);
      });
    const replica = new LoneReplica({ work, logRuns: 'all' });
    const { push } = replica.observed;
    replica.observed.push = (...observed) => (
      observed.some(({ event }) => event === 'run.succeeded') && note(),
      push.apply(replica.observed, observed)
    );
    replica.verdicts.push = () => (note(), 0);
    await replica.pass(4);
    expect(replica.runs.length).toBeGreaterThan(1);
    expect(seen.length).toBeGreaterThan(4);
    expect(new Set(seen)).toEqual(new Set([undefined]));
    await replica.leave();
  });
});
