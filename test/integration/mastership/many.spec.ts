import { getEventListeners } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createElections } from '../../../src/zookeeper/mastership/elections.js';
import type { Election, Elections } from '../../../src/zookeeper/mastership/election/election.js';
import type { Session, Sessions } from '../../../src/zookeeper/session/session.js';
import { createSessions } from '../../../src/zookeeper/session/sessions.js';
import { systemClock } from '../../../src/zookeeper/support/clock.js';
import { silentObserver } from '../../../src/zookeeper/support/observer.js';
import { startAdmin, type Admin } from '../../support/admin.js';
import { eventually } from '../../support/eventually.js';
import { startRealServer, type ZooKeeperServer } from '../../support/zookeeper.js';

let server: ZooKeeperServer;
let admin: Admin;

beforeAll(async () => {
  // The last test counts what this process holds: the server has to be another one, also with the
  // switch to the test ZooKeeper.
  server = await startRealServer();
  admin = await startAdmin(server.connectString);
});

afterAll(async () => {
  await admin[Symbol.asyncDispose]();
  await server.dispose();
});

interface One {
  readonly sessions: Sessions;
  readonly elections: Elections;
}

/** A replica that keeps nothing but what the library keeps. */
function start(rootPath: string, address: string, chroot = ''): One {
  const sessions = createSessions({
    connectString: server.connectString + chroot,
    sessionTimeoutMs: 10_000,
    clock: systemClock,
    observer: silentObserver,
  });
  const given = { sessions, rootPath, service: 'Bank', version: '1', scope: 'version', candidate: true, observer: silentObserver } as const;
  const elections = createElections({ ...given, address });
  elections.start();
  sessions.start();
  return { sessions, elections };
}

function some({ elections }: One, count: number): Election[] {
  return Array.from({ length: count }, (_, i) => elections.election(`job-${i}`));
}

function sessionOf({ sessions }: One): Session {
  const session = sessions.current();
  if (session === undefined) throw new Error('there is no session');
  return session;
}

async function all(elections: readonly Election[], kind: 'master' | 'standby'): Promise<void> {
  await eventually(() => expect(elections.filter((one) => one.state().kind !== kind).length).toBe(0), {
    what: `${elections.length} elections to be ${kind}`,
  });
}

/** How many watches the server keeps for all sessions together. */
async function watchCount(): Promise<number> {
  return Number(/^zk_watch_count\s+(\d+)/m.exec(await server.fourLetter('mntr'))?.[1]);
}

/** What keeps this process alive: sockets, and timers but for the one that the caller may be waiting by. */
function resources(): string[] {
  return process
    .getActiveResourcesInfo()
    .filter((one) => one === 'TCPSocketWrap' || one === 'Timeout')
    .sort()
    .filter((one, i, sorted) => one !== 'Timeout' || sorted[i - 1] === 'Timeout');
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

async function heapMb(): Promise<number> {
  for (let i = 0; i < 3; i += 1) {
    collect();
    await turn();
  }
  return process.memoryUsage().heapUsed / 1024 / 1024;
}

it('lets one session take part in several elections, each with its own master', async () => {
  const [a, b] = [start('/several', '10.0.1.1:1'), start('/several', '10.0.1.2:1')];
  const [ofA, ofB] = [some(a, 3), some(b, 3)];
  await eventually(
    () => ofA.forEach((one, i) => expect(new Set([one.state().kind, ofB[i]?.state().kind])).toEqual(new Set(['master', 'standby']))),
    { what: 'each election to have a master and a standby' },
  );
  const index = ofA.findIndex((one) => one.isMaster());
  const [giver, taker] = index === -1 ? [ofB[0], ofA[0]] : [ofA[index], ofB[index]];
  const others = [...ofA, ...ofB].filter((one) => one !== giver && one !== taker);
  const before = others.map((one) => one.isMaster());
  await giver?.resign();
  await eventually(() => expect([giver?.isMaster(), taker?.isMaster()]).toEqual([false, true]), { what: 'the other one to take over' });
  expect(others.map((one) => one.isMaster())).toEqual(before);
  await Promise.all([a, b].map((one) => one.elections.stop(10_000)));
});

it('elects at the root of a chroot as well, whether it is there yet or not', async () => {
  await admin.create('/prod');
  for (const rootPath of ['/', '/soa/deeper']) {
    const [a, b] = [start(rootPath, '10.0.1.1:1', '/prod'), start(rootPath, '10.0.1.2:1', '/prod')];
    const both = [...some(a, 1), ...some(b, 1)];
    await eventually(() => expect(both.filter((one) => one.isMaster()).length).toBe(1), { what: 'a master' });
    const master = both.find((one) => one.isMaster());
    const node = `/prod${rootPath === '/' ? '' : rootPath}/master/services/Bank:1:job-0`;
    expect(await admin.read(node)).toBe((await master?.master())?.address);
    await master?.resign();
    await eventually(() => expect(both.filter((one) => one !== master && one.isMaster()).length).toBe(1), {
      what: 'the other one to be master',
    });
    await Promise.all([a, b].map((one) => one.elections.stop(10_000)));
  }
});

it('takes 1 000 elections over in one session when their master resigns', async () => {
  const COUNT = 1_000;
  const a = start('/thousand', '10.0.1.1:1');
  const ofA = some(a, COUNT);
  await all(ofA, 'master');
  const tokens = ofA.map((one) => one.tenure()?.token ?? 0n);
  const b = start('/thousand', '10.0.1.2:1');
  const ofB = some(b, COUNT);
  await all(ofB, 'standby');
  const { id } = sessionOf(b);
  expect(await a.elections.stop(60_000)).toBe('resigned');
  await all(ofB, 'master');
  ofB.forEach((one, i) => expect(one.tenure()?.token).toBeGreaterThan(tokens[i] ?? 0n));
  expect(sessionOf(b).id).toBe(id);
  for (const name of await admin.children('/thousand/master/services')) {
    if (/-(0|500|999)$/.test(name)) expect((await admin.info(`/thousand/master/services/${name}`))?.ephemeralOwner).toBe(id);
  }
  expect(await b.elections.stop(60_000)).toBe('resigned');
}, 300_000);

it('leaves no node, watcher, listener, timer or socket behind after 10 000 tenures, and memory stays flat', async () => {
  const ELECTIONS = 100;
  await eventually(async () => expect(await watchCount()).toBe(0), { what: 'no watches' });
  const before = resources();
  const a = start('/ten-thousand', '10.0.1.1:1');
  const b = start('/ten-thousand', '10.0.1.2:1');
  const [ofA, ofB] = [some(a, ELECTIONS), some(b, ELECTIONS)];
  const settled = (): Promise<void> =>
    eventually(() => expect(ofA.filter((one, i) => one.isMaster() === (ofB[i]?.isMaster() ?? false)).length).toBe(0), {
      what: 'a master in each election',
      everyMs: 5,
    });
  const inLine = async (): Promise<void> => {
    await settled();
    await eventually(() => expect([...ofA, ...ofB].filter((one) => one.state().kind === 'standby').length).toBe(ELECTIONS), {
      what: 'a standby in each election',
    });
  };
  const measure = async (): Promise<{ watches: number; listeners: number; heap: number; nodes: number }> => {
    await inLine();
    const listeners = [a, b].map((one) => getEventListeners(sessionOf(one).ended, 'abort').length);
    const nodes = (await admin.tree('/ten-thousand')).length;
    return { watches: await watchCount(), listeners: Math.max(...listeners), heap: await heapMb(), nodes };
  };
  let tenures = 0;
  const handOn = async (until: number): Promise<void> => {
    while (tenures < until) {
      await settled();
      const masters = [...ofA, ...ofB].filter((one) => one.isMaster());
      tenures += masters.length;
      await Promise.all(masters.map((one) => one.resign().catch(() => undefined)));
    }
  };
  await handOn(500);
  const early = await measure();
  await handOn(10_000);
  const late = await measure();
  expect({ watches: late.watches, listeners: late.listeners, nodes: late.nodes }).toEqual({
    watches: early.watches,
    listeners: early.listeners,
    nodes: early.nodes,
  });
  expect(late.heap - early.heap).toBeLessThan(10);

  const owners = [a, b].map((one) => sessionOf(one).id);
  const outcomes = await Promise.all([a, b].map((one) => one.elections.stop(30_000)));
  expect(outcomes).toEqual(['resigned', 'resigned']);
  expect(owners).toHaveLength(2);
  for (const path of await admin.tree('/ten-thousand')) expect((await admin.info(path))?.ephemeralOwner, path).toBe(0n);
  expect(await watchCount()).toBe(0);
  await eventually(() => expect(resources()).toEqual(before), { what: 'all timers and sockets to go' });
}, 600_000);
