import { heldBy } from '../../../src/zookeeper/jobs/record/job-record.js';
import { describe, expect, it } from 'vitest';
import { LONG_RUN_MS } from '../../../src/zookeeper/jobs/record/long-run.js';
import type { JobRules } from '../../../src/zookeeper/jobs/run/job-rules.js';
import type { ScheduleSpec } from '../../../src/zookeeper/jobs/schedule/schedule.js';
import { LoneReplica, type ReplicaOptions } from './lone-replica.js';

const EVERY_MINUTE: ScheduleSpec = { cronTime: '0 * * * * *', timeZone: 'UTC' };
const HANGING = (): Promise<void> => new Promise(() => undefined);

async function after(ms: number, options: ReplicaOptions): Promise<LoneReplica> {
  const replica = new LoneReplica({ schedule: EVERY_MINUTE, work: HANGING, ...options });
  await replica.pass(1, 60_000);
  expect(replica.runs).toHaveLength(1);
  await replica.pass(ms / 10_000, 10_000);
  return replica;
}

function told(replica: LoneReplica) {
  return replica.observed.filter(({ event }) => event === 'run.long');
}

describe('a run that never ends', () => {
  it.each<Partial<JobRules>>([{}, { overlap: 'queue-latest' }, { misfire: 'run-all' }])(
    'is told of once, with since when and where, when ticks do not start for its sake: %o',
    async (rules) => {
      const replica = await after(LONG_RUN_MS - 60_000, { rules });
      expect(told(replica)).toEqual([]);
      await replica.pass(90, 10_000);
      const since = replica.runs[0]?.firedTime.toISOString() ?? '';
      const [line, ...more] = told(replica);
      expect(more).toEqual([]);
      expect(line).toMatchObject({ level: 'warn', fields: { since, replica: 'a:1' } });
      expect(line?.message).toContain(`has been going on since ${since} on a:1`);
    },
  );

  it('is told of by another replica that is master, with the address of the one that runs it', async () => {
    const replica = new LoneReplica({ schedule: EVERY_MINUTE });
    await replica.pass(1, 60_000);
    const record = await replica.store.record();
    const startedMs = replica.clock.wallMs();
    const run = { claim: 'theirs', tick: undefined, trigger: 't', cause: 'trigger', starts: 1, startedMs, token: 1n } as const;
    await replica.store.edit({ running: [...record.running, { ...run, holder: heldBy('version~1'), election: 'other' }] });
    replica.job.loop?.cache.outdate();
    await replica.pass(120, 10_000);
    expect(told(replica).map(({ fields }) => fields)).toMatchObject([{ replica: '1:1', trigger: 't' }]);
  });

  it('is not told of while nothing is due, beside it everything starts, or its timeoutMs tells of it', async () => {
    const daily = await after(0, { work: () => undefined });
    expect(told(daily)).toEqual([]);
    const allowed = await after(LONG_RUN_MS / 2, { rules: { overlap: 'allow' } });
    expect(told(allowed)).toEqual([]);
    const limited = await after(2 * LONG_RUN_MS, { rules: { timeoutMs: 1_000 } });
    expect(told(limited)).toEqual([]);
    const rare = await after(2 * LONG_RUN_MS, { schedule: { cronTime: '0 14 22 14 11 *', timeZone: 'UTC' } });
    expect(told(rare)).toEqual([]);
  });

  it('is told of once for a job without claims, too', async () => {
    const replica = new LoneReplica({ kind: 'interval', schedule: undefined, rules: { claim: 'none' }, work: HANGING });
    await replica.pass(1);
    for (let fires = 0; fires < 100; fires += 1) {
      replica.fire();
      await replica.pass(1, 10_000);
    }
    expect(replica.runs).toHaveLength(1);
    expect(told(replica).map(({ fields }) => fields)).toMatchObject([{ replica: 'a:1', since: replica.runs[0]?.firedTime.toISOString() }]);
  });
});
