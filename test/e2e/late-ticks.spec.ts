import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { startJobFleet, type JobReplica, type JobSpec } from '../support/job-replica/job-replica.js';
import { startServer, type ZooKeeperServer } from '../support/zookeeper.js';

const TICK: JobSpec = { name: 'tick', cronTime: '* * * * * *', options: { misfire: 'skip' } };

let server: ZooKeeperServer;

beforeAll(async () => {
  server = await startServer();
});

afterAll(() => server.dispose());

interface Verdict {
  readonly outcome: string;
  readonly reason?: string;
  readonly scheduledTime?: string;
  readonly explanation?: string;
}

/** The verdicts about ticks that were missed, once there is one with this in its explanation. */
function missed(asked: JobReplica, text: string): Promise<Verdict> {
  const look = async (): Promise<Verdict> => {
    const verdicts = (await asked.jobs('verdicts', 'tick')) as Verdict[];
    const found = verdicts.find(({ outcome, explanation }) => outcome === 'missed' && explanation?.includes(text));
    if (found === undefined) throw new Error(`there is none: ${JSON.stringify(verdicts.filter(({ outcome }) => outcome === 'missed'))}`);
    return found;
  };
  return eventually(look, { what: `a missed tick, explained with "${text}"`, everyMs: 200 });
}

async function reachedBy(asked: JobReplica, { scheduledTime }: Verdict): Promise<{ readonly why: unknown; readonly logged: string }> {
  const lines = asked.logged('tick.missed').map(({ message }) => (message as { message: string }).message);
  return { why: await asked.jobs('why', 'tick', scheduledTime), logged: lines.join('\n') };
}

it.concurrent('ticks that fell due after the death of their master name it', async () => {
  await using fleet = await startJobFleet(2, { connectString: server.connectString, jobs: [TICK], module: { rootPath: '/death' } });
  const master = await fleet.master();
  const standby = fleet.replicas.find((one) => one !== master) as JobReplica;
  await eventually(() => expect(standby.state).toBe('standby'), { what: 'the other one to stand by' });
  await master.process.kill();
  const text = `${master.address} had the election node of "bank:v1" until`;
  const verdict = await missed(standby, text);
  expect(verdict.reason).toBe('late');
  const { why, logged } = await reachedBy(standby, verdict);
  expect(why).toContain(text);
  expect(logged).toContain(text);
});

it.concurrent('ticks that fell due while their master stood still say so', async () => {
  await using fleet = await startJobFleet(1, {
    connectString: server.connectString,
    jobs: [TICK],
    module: { rootPath: '/stall' },
  });
  const master = await fleet.master();
  await eventually(async () => expect(await master.jobs('verdicts', 'tick')).not.toEqual([]), { what: 'the first run' });
  await master.stall(4_000);
  const verdict = await missed(master, 'Its process stood still for at least');
  const { why, logged } = await reachedBy(master, verdict);
  expect(why).toContain('stood still');
  expect(logged).toContain('stood still');
});
