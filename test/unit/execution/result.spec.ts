import { of } from 'rxjs';
import { expect, it } from 'vitest';
import type { JobRules } from '../../../src/zookeeper/jobs/run/job-rules.js';
import type { KeptResult } from '../../../src/zookeeper/jobs/run/run-result.js';
import { EVERY_HOUR, JOB, LoneReplica, type ReplicaOptions } from '../dispatch/lone-replica.js';

/** What is kept of a triggered run that returns this. */
async function keptOf(work: NonNullable<ReplicaOptions['work']>, rules: Partial<JobRules> = {}): Promise<KeptResult | undefined> {
  const replica = new LoneReplica({ schedule: EVERY_HOUR, work, rules });
  await replica.pass(1);
  const node = { id: 'pay', input: undefined, by: 'anna', atMs: 1, state: 'waiting', verdict: undefined } as const;
  expect(await replica.store.addTrigger(JOB, node)).toBe('added');
  await replica.pass(5);
  expect(replica.verdicts).toMatchObject([{ trigger: 'pay' }]);
  const kept = await replica.store.loadResult(JOB, 'pay');
  await replica.leave();
  return kept;
}

it('keeps what a triggered run has returned: its value, the value of its promise, the last one of its Observable', async () => {
  expect(await keptOf(() => 7)).toMatchObject({ value: 7 });
  expect(await keptOf(async () => ({ paid: 7 }))).toMatchObject({ value: { paid: 7 } });
  expect(await keptOf(() => of(1, 2, 3))).toMatchObject({ value: 3 });
  expect(await keptOf(() => [Promise.resolve(1), 2])).toMatchObject({ value: [1, 2] });
  expect(await keptOf(() => undefined)).toBeUndefined();
});

it('keeps what the last attempt has returned, and nothing of a run that failed', async () => {
  const retry = { attempts: 2, backoffMs: 10, maxBackoffMs: 10 };
  const second = ({ attempt }: { readonly attempt: number }): string => {
    if (attempt === 1) throw new Error('no money');
    return `attempt ${attempt}`;
  };
  expect(await keptOf((run) => second(run), { retry })).toMatchObject({ value: 'attempt 2' });
  expect(await keptOf((run) => second(run))).toBeUndefined();
});

it('leaves out what is not JSON, and the run has run', async () => {
  expect(await keptOf(() => ({ amount: 7n }))).toMatchObject({ value: undefined, leftOut: expect.stringMatching(/BigInt/) });
});

it('keeps nothing of a run that nobody has asked for', async () => {
  const replica = new LoneReplica({ work: () => 7 });
  let results = 0;
  const write = replica.store.write.bind(replica.store);
  replica.store.write = (job, change) => {
    results += change.triggers.filter((each) => 'result' in each && each.result !== undefined).length;
    return write(job, change);
  };
  await replica.pass(3);
  expect(replica.verdicts.length).toBeGreaterThan(0);
  expect(results).toBe(0);
  await replica.leave();
});
