import { afterEach, describe, expect, it } from 'vitest';
import { SELDOM_MS } from '../../../src/zookeeper/execution/run-log.js';
import { LoneReplica } from '../dispatch/lone-replica.js';

const EVERY_SECOND = { cronTime: '* * * * * *', timeZone: 'UTC' };
const EVERY_QUARTER = { cronTime: '0 */15 * * * *', timeZone: 'UTC' };
const MINUTE_MS = 60_000;

const replicas: LoneReplica[] = [];

afterEach(async () => {
  await Promise.all(replicas.splice(0).map((replica) => replica.leave()));
});

function start(options: ConstructorParameters<typeof LoneReplica>[0]): LoneReplica {
  const replica = new LoneReplica(options);
  replicas.push(replica);
  return replica;
}

/** What was logged of runs: level and event. */
function told({ observed }: LoneReplica): string[] {
  return observed.filter(({ event }) => event.startsWith('run.')).map(({ level, event }) => `${level} ${event}`);
}

describe('starts and successes of runs in the log', () => {
  it('stand there for jobs that run seldom', async () => {
    const replica = start({ schedule: EVERY_QUARTER });
    await replica.pass(31, MINUTE_MS);
    expect(replica.runs.length).toBeGreaterThanOrEqual(2);
    expect(SELDOM_MS).toBeLessThan(15 * MINUTE_MS);
    expect(told(replica)).toEqual(replica.runs.flatMap(() => ['info run.started', 'info run.succeeded']));
    const [first] = replica.runs;
    const [started, succeeded] = replica.observed.filter(({ event }) => event.startsWith('run.'));
    const { cause } = first ?? {};
    const why = cause === 'misfire' ? ' (misfire)' : '';
    expect(started?.message).toBe(`Job "payouts" starts for tick ${first?.scheduledTime?.toISOString()}${why}.`);
    expect(succeeded?.message).toMatch(/^Job "payouts" has succeeded for tick .* after \d+ ms\.$/u);
    expect(succeeded?.fields).toMatchObject({ token: first?.fencingToken.toString(), cause, attempt: 1 });
  });

  it('are for debugging after the first one, for jobs that run often', async () => {
    const replica = start({ schedule: EVERY_SECOND });
    await replica.pass(4);
    expect(replica.runs.length).toBeGreaterThanOrEqual(3);
    expect(told(replica).slice(0, 2)).toEqual(['info run.started', 'info run.succeeded']);
    expect(new Set(told(replica).slice(2))).toEqual(new Set(['debug run.started', 'debug run.succeeded']));
  });

  it.each([
    ['all', 'info'],
    ['none', 'debug'],
  ] as const)('are all at one level with logRuns: %s', async (logRuns, level) => {
    const replica = start({ schedule: EVERY_SECOND, logRuns });
    await replica.pass(3);
    expect(new Set(told(replica))).toEqual(new Set([`${level} run.started`, `${level} run.succeeded`]));
  });

  it('tell of no success when a run has failed', async () => {
    const replica = start({
      schedule: EVERY_SECOND,
      work: () => {
        throw new Error('no money');
      },
    });
    await replica.pass(2);
    expect(told(replica).slice(0, 2)).toEqual(['info run.started', 'error run.failed']);
    expect(told(replica)).not.toContain('info run.succeeded');
  });
});
