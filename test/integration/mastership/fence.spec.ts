import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Fence, HeldTenure } from '../../../src/zookeeper/mastership/election/held-tenure.js';
import { systemClock } from '../../../src/zookeeper/support/clock.js';
import { Membership } from '../../../src/zookeeper/recipes/membership/membership.js';
import { isZooKeeperError } from '../../../src/zookeeper/wire/errors.js';
import type { Op } from '../../../src/zookeeper/wire/operations.js';
import { startAdmin, type Admin } from '../../support/admin.js';
import { eventually } from '../../support/eventually.js';
import { startProxy } from '../../support/proxy.js';
import { startServer, type ZooKeeperServer } from '../../support/zookeeper.js';
import { Replicas, type Replica } from './replicas.js';

let server: ZooKeeperServer;
let admin: Admin;

beforeAll(async () => {
  server = await startServer();
  admin = await startAdmin(server.connectString);
});

afterAll(async () => {
  await admin[Symbol.asyncDispose]();
  await server.dispose();
});

interface Held extends HeldTenure {
  readonly fence: Fence;
}

async function tenureOf(replica: Replica): Promise<Held> {
  return eventually(
    () => {
      const tenure = replica.election.tenure();
      if (tenure?.fence === undefined) throw new Error(`it is ${replica.election.state().kind}`);
      return tenure as Held;
    },
    { what: `a tenure of ${replica.address}` },
  );
}

/** What ZooKeeper says to a transaction that begins with these checks. */
async function ask(fence: Fence, checks: readonly Op[]): Promise<string> {
  try {
    await fence.session.multi(checks);
    return 'accepted';
  } catch (thrown) {
    if (!isZooKeeperError(thrown)) throw thrown;
    return `${thrown.reason} at ${thrown.details.opIndex}`;
  }
}

describe.concurrent('what ties writes to a tenure', () => {
  it('is accepted while the tenure lasts', async () => {
    await using replicas = new Replicas(server.connectString);
    const { fence } = await tenureOf(replicas.add());
    expect(await ask(fence, fence.startChecks())).toBe('accepted');
    expect(await ask(fence, fence.workChecks())).toBe('accepted');
  });

  it('refuses new work when an operator has deleted the tenure node, until the master has put it back', async () => {
    await using replicas = new Replicas(server.connectString);
    const { fence, id } = await tenureOf(replicas.add());
    await admin.delete(`${replicas.record}/tenure-${id}`);
    expect(await ask(fence, fence.startChecks())).toBe('no-node at 0');
    expect(await ask(fence, fence.workChecks())).toBe('no-node at 0');
    await fence.refused();
    expect(await ask(fence, fence.startChecks())).toBe('accepted');
    expect((await admin.info(`${replicas.record}/tenure-${id}`))?.ephemeralOwner).toBe(fence.session.id);
  });

  it('refuses new work, and not work in progress, from the moment that the election node is edited', async () => {
    await using replicas = new Replicas(server.connectString);
    const [first, second] = await replicas.line();
    const { fence } = await tenureOf(first);
    // A run that goes on for as long as this test looks.
    let end!: () => void;
    const running = new Promise<void>((resolve) => (end = resolve));
    first.election.setDrain(async () => {
      await running;
      return 'drained';
    });
    const checks = fence.startChecks();
    await admin.set(replicas.node, second.address);
    expect(await ask(fence, checks)).toBe('bad-version at 1');
    await eventually(() => expect(first.election.state().kind).toBe('draining'), { what: 'the drain' });
    expect(await ask(fence, fence.workChecks())).toBe('accepted');
    end();
    await replicas.master({ not: first });
    await eventually(async () => expect(await ask(fence, fence.workChecks())).toBe('no-node at 0'), { what: 'the end of the tenure' });
  });

  it('refuses work in progress once a successor has won, though session and tenure node are there', async () => {
    await using replicas = new Replicas(server.connectString);
    const [first] = await replicas.line();
    const { fence, id } = await tenureOf(first);
    const checks = fence.workChecks();
    await admin.delete(replicas.node);
    await replicas.master({ not: first });
    // As if the deposed master had not heard of anything yet: its tenure node is there.
    await fence.session.create(`${replicas.record}/tenure-${id}`, Buffer.alloc(0), 'ephemeral').catch(() => undefined);
    expect(await ask(fence, checks)).toBe('bad-version at 1');
  });

  it('refuses everything once the session is over', async () => {
    await using replicas = new Replicas(server.connectString);
    const one = replicas.add();
    const { fence, id } = await tenureOf(one);
    await one.loseSession();
    await eventually(async () => expect(await admin.exists(`${replicas.record}/tenure-${id}`)).toBe(false), {
      what: 'the tenure node to go',
    });
    await expect(fence.session.multi(fence.startChecks())).rejects.toThrow('multi');
  });

  it('refuses new work while a foreign participant has the node', async () => {
    await using replicas = new Replicas(server.connectString);
    const one = replicas.add();
    const { fence } = await tenureOf(one);
    const checks = fence.startChecks();
    await admin.takeOver(replicas.node, 'foreign:1');
    expect(await ask(fence, checks)).toMatch(/at [01]$/);
    await admin.delete(replicas.node);
  });

  it('adopts a record that an operator has written, and goes on', async () => {
    await using replicas = new Replicas(server.connectString);
    const one = replicas.add();
    const { fence } = await tenureOf(one);
    await admin.set(replicas.record, (await admin.read(replicas.record)) ?? '');
    expect(await ask(fence, fence.workChecks())).toBe('bad-version at 1');
    await fence.refused();
    expect(await ask(fence, fence.workChecks())).toBe('accepted');
    await eventually(() => expect(one.isMaster).toBe(true), { what: 'the master to be believed' });
  });

  it('lets nobody wait for ever who asks for another look as the tenure ends', async () => {
    await using proxy = await startProxy(server);
    await using replicas = new Replicas(server.connectString);
    const one = replicas.add({ connectString: proxy.connectString });
    const { fence } = await tenureOf(one);
    // No answer comes any more, until the session is given up.
    proxy.hole();
    await fence.refused();
    expect(fence.session.ended.aborted).toBe(true);
    await fence.refused();
    proxy.pass();
  });
});

describe.concurrent("the ensemble's clock", () => {
  it('is read by a write, and goes on by itself', async () => {
    await using replicas = new Replicas(server.connectString);
    const { fence } = await tenureOf(replicas.add());
    // Server and test share one clock; what is left is the round trip.
    expect(Math.abs((await fence.readEnsembleTime()) - Date.now())).toBeLessThan(5_000);
    const before = fence.session.ensembleTimeMs() ?? 0;
    await eventually(() => expect(fence.session.ensembleTimeMs()).toBeGreaterThan(before + 50), { what: 'time to pass' });
  });

  it('is read also when an operator has deleted the member node', async () => {
    await using replicas = new Replicas(server.connectString);
    const { fence } = await tenureOf(replicas.add());
    await admin.delete(`${replicas.rootPath}/members/Bank/${fence.member}`);
    expect(await fence.readEnsembleTime()).toBeGreaterThan(0);
  });
});

describe.concurrent('the members', () => {
  it('tell which jobs they have, before and after the start, and when their node was deleted', async () => {
    await using replicas = new Replicas(server.connectString);
    const one = replicas.add();
    void one.elections.setJobs(['a', 'b']);
    const { fence } = await tenureOf(one);
    const path = `${replicas.rootPath}/members/Bank/${fence.member}`;
    const told = async (): Promise<unknown> => (JSON.parse((await admin.read(path)) ?? '{}') as { jobs?: unknown }).jobs;
    await eventually(async () => expect(await told()).toEqual(['a', 'b']), { what: 'the jobs' });
    await one.elections.setJobs(['c']);
    expect(await told()).toEqual(['c']);
    await admin.delete(path);
    await eventually(async () => expect(await told()).toEqual(['c']), { what: 'the node to come back' });
    void one.elections.setJobs(Array.from({ length: 5_000 }, (_, index) => `${'x'.repeat(100)}${index}`));
    await eventually(async () => expect(await told()).toBeUndefined(), { what: 'too many jobs to be left out' });
  });

  it('tell how their clocks stand to that of ZooKeeper, one for each other host', async () => {
    await using replicas = new Replicas(server.connectString);
    const ahead = { ...systemClock, wallMs: () => systemClock.wallMs() + 3_600_000 };
    const { fence } = await tenureOf(replicas.add({ address: '10.0.0.1:1', clock: ahead }));
    for (const address of ['10.0.0.1:2', '10.0.0.2:1', '10.0.0.2:2']) await replicas.add({ address }).standsBy();
    await replicas.add({ address: '10.0.0.3:1', clock: ahead }).standsBy();
    const { own, others } = await fence.clocks();
    const inHours = (offMs: number): string => (Math.abs(offMs) / 3_600_000).toFixed(0);
    expect([own.host, inHours(own.offMs)]).toEqual(['10.0.0.1', '1']);
    expect(others).toHaveLength(2);
    const told = Object.fromEntries(others.map(({ host, offMs }) => [host, inHours(offMs)]));
    expect(told).toEqual({ '10.0.0.2': '0', '10.0.0.3': '1' });
  });

  it('tell what was to be told while their node was being made, and not what a node had that was there', async () => {
    await using replicas = new Replicas(server.connectString);
    const { fence } = await tenureOf(replicas.add());
    const folder = `${replicas.rootPath}/members/Bank`;
    const member = { address: 'b:1', version: '1', scope: 'version', candidate: true, leaseMs: 1_000 } as const;
    const told = async (id: string): Promise<unknown> =>
      (JSON.parse((await admin.read(`${folder}/version~${id}`)) ?? '{}') as { jobs?: unknown }).jobs;

    const late = new Membership(fence.session, folder, member, 'late', systemClock, () => undefined);
    const joining = late.join();
    await late.update({ ...member, jobs: ['told late'] });
    await joining;
    expect(await told('late')).toEqual(['told late']);

    // Its own writes do not make it take itself for one that has left.
    for (const job of ['one', 'two', 'three']) {
      await late.update({ ...member, jobs: [job] });
      expect(await told('late')).toEqual([job]);
    }

    await fence.session.create(`${folder}/version~there`, Buffer.alloc(0), 'ephemeral');
    await new Membership(fence.session, folder, { ...member, jobs: ['told'] }, 'there', systemClock, () => undefined).join();
    expect(await told('there')).toEqual(['told']);
  });
});
