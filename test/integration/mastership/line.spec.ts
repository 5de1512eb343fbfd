import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rankDelayMs } from '../../../src/zookeeper/mastership/election/timing.js';
import { startAdmin, type Admin } from '../../support/admin.js';
import { eventually } from '../../support/eventually.js';
import { startProxy, type FaultProxy, type Frame } from '../../support/proxy.js';
import { startServer, type ZooKeeperServer } from '../../support/zookeeper.js';
import { isRenewal } from './renewals.js';
import { Replicas, type Replica } from './replicas.js';

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

interface Counted {
  /** The write transactions, renewals apart. */
  readonly ops: string[];
  /**
   * How many standbys had their turn (one after the other, and after a second all of them) before the first
   * answer to one that tried.
   */
  turnsBeforeAnswer(): number;
}

/**
 * Counts the write transactions that are sent through the proxy from now on: by the winner, and by those who
 * could not know of him yet.
 */
function countWrites(proxy: FaultProxy): Counted {
  const ops: string[] = [];
  const attempts = new Set<string>();
  let vacantMs: number | undefined;
  let answeredMs: number | undefined;
  proxy.onFrame((frame) => {
    const { kind, op = '', connection, xid } = frame;
    // The first that standbys hear is that the node is gone.
    if (kind === 'event') vacantMs ??= performance.now();
    if (kind === 'reply' && attempts.has(`${connection} ${xid}`)) answeredMs ??= performance.now();
    if (kind !== 'request' || !['create', 'delete', 'setData', 'multi', 'create2'].includes(op) || isRenewal(frame)) return 'pass';
    ops.push(op);
    if (isAttempt(frame)) attempts.add(`${connection} ${xid}`);
    return 'pass';
  });
  const turnsBeforeAnswer = (): number => {
    if (vacantMs === undefined || answeredMs === undefined) return 0;
    const waitedMs = answeredMs - vacantMs;
    return waitedMs < rankDelayMs(Infinity) ? Math.floor(waitedMs / rankDelayMs(1)) : Infinity;
  };
  return { ops, turnsBeforeAnswer };
}

/** It creates the election node. */
function isAttempt({ op, bytes }: Frame): boolean {
  const CREATE = 1;
  return op === 'multi' && bytes.readInt32BE(12) === CREATE && bytes.includes('/master/services/');
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
  await replicas.master();
  const standbys = Array.from({ length: 200 }, () => replicas.add(long));
  const dead: Replica[] = [];
  const allSee = (master: string): Promise<void> =>
    eventually(
      () => {
        const others = standbys.filter((one) => one.address !== master && !dead.includes(one));
        expect(others.filter((one) => !seesMaster(one, master)).map((one) => one.address)).toEqual([]);
      },
      { what: `all standbys to see ${master}` },
    );
  await allSee(first.address);

  const resigned = countWrites(proxy);
  await first.stop();
  const next = await replicas.master({ not: first });
  await allSee(next.address);
  expect(resigned.ops.length).toBeLessThanOrEqual(3 + resigned.turnsBeforeAnswer());

  const died = countWrites(proxy);
  dead.push(next);
  await next.loseSession();
  const last = await replicas.master({ not: next });
  await allSee(last.address);
  expect(died.ops.length).toBeLessThanOrEqual(3 + died.turnsBeforeAnswer());
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
    const master = await replicas.master({ not: first });
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
    expect(await replicas.master({ not: first })).toBe(newcomer);
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
    // However slow the machine is: so many are sent, and not sooner than they are due.
    const perSecond = async (): Promise<number> => {
      const before = proxy.requestCount('multi');
      const startedMs = performance.now();
      const sent = (): number => proxy.requestCount('multi') - before;
      await eventually(() => expect(sent()).toBeGreaterThanOrEqual(8), { what: 'renewals' });
      return sent() / ((performance.now() - startedMs) / 1_000);
    };
    const one = await perSecond();
    const names = Array.from({ length: 50 }, (_, i) => `job-${i}`);
    for (const name of names) master.elections.election(name);
    await eventually(() => expect(names.filter((name) => !master.elections.election(name).isMaster())).toEqual([]), {
      what: 'all elections to be won',
    });
    for (const rate of [one, await perSecond()]) expect(rate).toBeLessThanOrEqual(RENEWALS_PER_SECOND * 1.2);
  });
});
