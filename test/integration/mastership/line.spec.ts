import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startAdmin, type Admin } from '../../support/admin.js';
import { eventually } from '../../support/eventually.js';
import { startProxy, type FaultProxy } from '../../support/proxy.js';
import { startServer, type ZooKeeperServer } from '../../support/zookeeper.js';
import { isRenewal } from './renewals.js';
import { HEAL_SLOWLY_MS, Replicas, type Replica } from './replicas.js';

/** Long enough that a slow machine does not take the link for broken, which would cost requests. */
const steady = { sessionTimeoutMs: 9_000 };
const RENEWALS_PER_SECOND = 4 / (steady.sessionTimeoutMs / 3 / 1_000);

let server: ZooKeeperServer;
let admin: Admin;

beforeAll(async () => {
  // Sessions of up to 40 s, so that 200 of them cost little.
  server = await startServer({ cfg: { maxSessionTimeout: 40_000 } });
  admin = await startAdmin(server.connectString);
});

afterAll(async () => {
  await admin[Symbol.asyncDispose]();
  await server.dispose();
});

/** Counts the write transactions that are sent through the proxy, renewals apart. */
function countWrites(proxy: FaultProxy): { readonly ops: string[]; renewals: number } {
  const counted = { ops: [] as string[], renewals: 0 };
  proxy.onFrame((frame) => {
    if (frame.kind === 'request' && frame.op !== undefined && ['create', 'delete', 'setData', 'multi', 'create2'].includes(frame.op)) {
      if (isRenewal(frame)) counted.renewals += 1;
      else counted.ops.push(frame.op);
    }
    return 'pass';
  });
  return counted;
}

/** Lets time pass at which nothing is expected to happen. */
function quietly(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

it('costs three writes at most, among 200 standbys, when a master hands on or dies', async () => {
  await using proxy = await startProxy(server);
  await using replicas = new Replicas(proxy.connectString);
  const long = { sessionTimeoutMs: 30_000 };
  const first = replicas.add(long);
  await replicas.master({ withinMs: 60_000 });
  const standbys = Array.from({ length: 200 }, () => replicas.add(long));
  const dead: Replica[] = [];
  const allSee = (master: string): Promise<void> =>
    eventually(
      () => {
        const others = standbys.filter((one) => one.address !== master && !dead.includes(one));
        expect(others.filter((one) => !seesMaster(one, master)).map((one) => one.address)).toEqual([]);
      },
      { what: `all standbys to see ${master}`, withinMs: 60_000 },
    );
  await allSee(first.address);

  const resigned = countWrites(proxy);
  await first.stop();
  const next = await replicas.master({ not: first, withinMs: 60_000 });
  await allSee(next.address);
  expect(resigned.ops.length).toBeLessThanOrEqual(3);

  const died = countWrites(proxy);
  dead.push(next);
  await next.loseSession();
  const last = await replicas.master({ not: next, withinMs: 60_000 });
  await allSee(last.address);
  expect(died.ops.length).toBeLessThanOrEqual(3);
}, 300_000);

function seesMaster(replica: Replica, master: string): boolean {
  const state = replica.election.state();
  return state.kind === 'standby' && state.master === master;
}

describe.concurrent('with a frozen line', () => {
  it('heals within the bound when the first half of the line is frozen', async () => {
    await using proxy = await startProxy(server);
    await using replicas = new Replicas(server.connectString);
    const frozen = { connectString: proxy.connectString, sessionTimeoutMs: 9_000 };
    const [first] = await replicas.line({}, frozen, frozen);
    const healthy = [
      await replicas.add(frozen).standsBy(),
      await replicas.add().standsBy(),
      await replicas.add().standsBy(),
      await replicas.add().standsBy(),
    ].slice(1);
    proxy.hole();
    await first.loseSession();
    const master = await replicas.master({ not: first, withinMs: HEAL_SLOWLY_MS });
    expect(healthy).toContain(master);
    expect(await admin.children(replicas.linePath)).not.toHaveLength(2);
    proxy.pass();
  });

  it('heals when all of the line is frozen and a newcomer comes, without a place', async () => {
    await using proxy = await startProxy(server);
    await using replicas = new Replicas(server.connectString);
    const frozen = { connectString: proxy.connectString, sessionTimeoutMs: 9_000 };
    const [first] = await replicas.line({}, frozen, frozen);
    proxy.hole();
    await first.loseSession();
    const newcomer = replicas.add();
    expect(await replicas.master({ not: first, withinMs: HEAL_SLOWLY_MS })).toBe(newcomer);
    expect(newcomer.observed('mastership.standby')).toEqual([]);
    proxy.pass();
  });
});

describe.concurrent('with places made by hand', () => {
  it('heals when the first place belongs to nobody, and when that one is named as successor', async () => {
    await using replicas = new Replicas(server.connectString);
    await admin.create(`${replicas.linePath}/10.9.9.9:1~nobody-0000000000`);
    await admin.create(`${replicas.linePath}/no place at all`);
    const [first] = await replicas.line();
    await first.election.transferTo('10.9.9.9:1');
    const next = await replicas.master({ not: first });
    expect(await admin.read(replicas.node)).toBe(next.address);
  });

  it('stands in line again when its place is deleted', async () => {
    await using replicas = new Replicas(server.connectString);
    const [, second, third] = await replicas.line();
    for (const standby of [second, third, second]) {
      const own = (await admin.children(replicas.linePath)).find((name) => name.startsWith(standby.address));
      await admin.delete(`${replicas.linePath}/${own}`);
      await eventually(
        async () => {
          const places = (await admin.children(replicas.linePath)).filter((name) => name.startsWith(standby.address));
          expect([places.length, places.includes(own ?? '')]).toEqual([1, false]);
        },
        { what: `${standby.address} to stand in line again` },
      );
    }
  });
});

describe.concurrent('what it costs to wait', () => {
  it('is nothing but pings, for a standby of one election or of many', async () => {
    await using proxy = await startProxy(server);
    await using replicas = new Replicas(server.connectString);
    const master = replicas.add(steady);
    const names = Array.from({ length: 20 }, (_, i) => `job-${i}`);
    for (const name of names) master.elections.election(name);
    await eventually(() => expect(names.filter((name) => !master.elections.election(name).isMaster())).toEqual([]), {
      what: 'all elections to be won',
    });
    const standby = replicas.add({ ...steady, connectString: proxy.connectString });
    for (const name of names) standby.elections.election(name);
    await standby.standsBy();
    await eventually(() => expect(names.filter((name) => standby.elections.election(name).state().kind !== 'standby')).toEqual([]), {
      what: 'all to stand by',
    });
    await eventually(
      async () => {
        proxy.resetCounts();
        await quietly(500);
        expect([...proxy.requests.keys()].filter((op) => op !== 'ping')).toEqual([]);
      },
      { what: 'it to be quiet' },
    );
    proxy.resetCounts();
    await quietly(7_000);
    expect([...proxy.requests.keys()]).toEqual(['ping']);
  });

  it('is four renewals per lease for a master, however many elections it has won', async () => {
    await using proxy = await startProxy(server);
    await using replicas = new Replicas(proxy.connectString);
    const master = replicas.add(steady);
    await replicas.master();
    const perSecond = async (): Promise<number> => {
      const before = proxy.requestCount('multi');
      const startedMs = performance.now();
      await quietly(6_000);
      return (proxy.requestCount('multi') - before) / ((performance.now() - startedMs) / 1_000);
    };
    const one = await perSecond();
    const names = Array.from({ length: 50 }, (_, i) => `job-${i}`);
    for (const name of names) master.elections.election(name);
    await eventually(() => expect(names.filter((name) => !master.elections.election(name).isMaster())).toEqual([]), {
      what: 'all elections to be won',
    });
    for (const rate of [one, await perSecond()]) {
      expect(rate).toBeGreaterThan(RENEWALS_PER_SECOND / 4);
      expect(rate).toBeLessThanOrEqual(RENEWALS_PER_SECOND * 1.2);
    }
  });
});
