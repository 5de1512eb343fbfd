import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock, type Clock } from '../../../src/zookeeper/support/clock.js';
import { eventually } from '../../support/eventually.js';
import { startProxy } from '../../support/proxy.js';
import { startServer, type ZooKeeperServer } from '../../support/zookeeper.js';
import { Replicas } from './replicas.js';

const SESSION_MS = 3_000;

let server: ZooKeeperServer;

beforeAll(async () => {
  server = await startServer();
});

afterAll(() => server.dispose());

it('goes on as master, and tells no run to stop, when the wall clock is set forward', async () => {
  await using replicas = new Replicas(server.connectString);
  let stepMs = 0;
  const clock: Clock = { ...systemClock, wallMs: () => systemClock.wallMs() + stepMs };
  const replica = replicas.add({ clock });
  await replicas.master();
  // A hold that nothing but the step can end, if this machine is quick enough for the lease at all;
  // else the next one is tried.
  await eventually(
    async () => {
      await eventually(() => expect(replica.election.tenure()).toBeDefined(), { what: 'a tenure' });
      const told: string[] = [];
      const tenure = replica.election.tenure()!;
      tenure.onInvalid((why) => told.push(why));
      const doubts = replica.observed('mastership.doubtful').length;
      stepMs += 3_600_000;
      expect(replica.isMaster).toBe(false);
      await eventually(() => expect(replica.isMaster).toBe(true), { what: 'a renewal to be acknowledged' });
      if (replica.observed('mastership.doubtful').length > doubts)
        throw new Error('its lease has run out by the monotonic clock meanwhile');
      expect(told).toEqual([]);
      expect(tenure.isValid()).toBe(true);
    },
    { what: 'a step within a lease', withinMs: 60_000 },
  );
});

it('says that no master can be made of it when the round trip is longer than the lease, and makes way for others', async () => {
  await using proxy = await startProxy(server);
  await using replicas = new Replicas(server.connectString);
  proxy.latencyMs = SESSION_MS / 6 + 100;
  const slow = replicas.add({ connectString: proxy.connectString, sessionTimeoutMs: SESSION_MS });
  await eventually(() => expect(slow.observed('mastership.slow')).toHaveLength(1), { what: 'the warning', withinMs: 60_000 });
  expect(slow.isMaster).toBe(false);
  expect(slow.observed('mastership.slow')[0]).toMatchObject({ level: 'warn', fields: { leaseMs: SESSION_MS / 3 } });
  const quick = replicas.add({ sessionTimeoutMs: SESSION_MS });
  expect(await replicas.master({ withinMs: 90_000 })).toBe(quick);
});
