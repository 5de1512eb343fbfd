// Also, by their references, the bugs that semaphores of other libraries had: c is apache/curator, k is
// python-zk/kazoo.
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Lock } from '../../../../src/zookeeper/recipes/locks/lock.js';
import { startAdmin, type Admin } from '../../../support/admin.js';
import { eventually, failureOf, within } from '../../../support/eventually.js';
import { startServer, type ZooKeeperServer } from '../../../support/zookeeper.js';
import { Holder, LinkedHolder, SHARED, isHeldOrLapsed } from './holders.js';

let server: ZooKeeperServer;
let admin: Admin;

beforeAll(async () => {
  server = await startServer();
  admin = await startAdmin(server.connectString);
  await using first = await Holder.start(server.connectString, 'first:1');
  await (await first.semaphore('first', 1).acquire()).release();
});

afterAll(async () => {
  await admin?.[Symbol.asyncDispose]();
  await server?.dispose();
});

const start = (address: string): Promise<Holder> => Holder.start(server.connectString, address);
const linked = (address: string, sessionTimeoutMs = 10_000): Promise<LinkedHolder> =>
  LinkedHolder.connect(server, address, { sessionTimeoutMs });
const pathOf = (name: string): string => `/soa/semaphores/${name}`;
const held = (name: string, count: number): Promise<void> =>
  eventually(async () => expect(await admin.children(`${pathOf(name)}/leases`)).toHaveLength(count), { what: `${count} held` });
const inLine = (name: string, count: number): Promise<void> =>
  eventually(async () => expect(await admin.children(`${pathOf(name)}/locks`)).toHaveLength(count), { what: `${count} in line` });

it.concurrent('so many hold it, and the next one waits until one is released; first come, first served', async () => {
  await using a = await start('a:1');
  await using b = await start('b:1');
  const [ofA, ofB] = [a.semaphore('order', 2), b.semaphore('order', 2)];
  const holding = [await ofA.acquire(), await ofB.acquire()];
  expect([await ofA.tryAcquire(), await failureOf(ofB.acquire({ waitMs: 20 }))]).toMatchObject([undefined, { code: 'ZK_LOCK_BUSY' }]);
  await inLine('order', 0);
  const waiting: Promise<Lock>[] = [];
  for (const semaphore of [ofA, ofB, ofA]) {
    waiting.push(semaphore.acquire());
    await inLine('order', waiting.length);
  }
  expect(await ofB.inspect()).toMatchObject({
    heldCount: 2,
    waitingCount: 3,
    waiting: [{ address: 'a:1' }, { address: 'b:1' }, { address: 'a:1' }],
  });
  let last = 0n;
  for (const next of waiting) {
    await holding.shift()?.release();
    const permit = await within(next, 'the next permit');
    expect(permit.fencingToken).toBeGreaterThan(last);
    last = permit.fencingToken;
    holding.push(permit);
    await held('order', 2);
  }
  await Promise.all(holding.map((permit) => permit.release()));
  await held('order', 0);
  await inLine('order', 0);
});

it.concurrent('several are taken together or not at all, and given back one by one or in a bunch', async () => {
  await using a = await start('a:2');
  await using b = await start('b:2');
  const [ofA, ofB] = [a.semaphore('bunch', 3), b.semaphore('bunch', 3)];
  const two = await ofA.acquireMany(2);
  const waiting = ofB.acquireMany(3);
  await inLine('bunch', 1);
  await two.locks[0]?.release();
  await held('bunch', 1);
  expect([two.held, two.locks[1] && isHeldOrLapsed(two.locks[1])]).toEqual([false, true]);
  await inLine('bunch', 1);
  await two.release();
  const three = await within(waiting, 'three permits');
  expect([three.held, three.locks.length]).toEqual([true, 3]);
  await held('bunch', 3);
  await three.release();
  await held('bunch', 0);
  expect(await failureOf(ofA.acquireMany(4))).toMatchObject({ code: 'ZK_BAD_LOCK' });
  expect(() => a.semaphore('bunch', 0)).toThrow(expect.objectContaining({ code: 'ZK_BAD_LOCK' }));
  expect(() => a.semaphore('bunch', 501)).toThrow(expect.objectContaining({ code: 'ZK_BAD_LOCK' }));
});

it.concurrent('c#1112 (595): the permits of a session that has ended are free for others, and its holder is told', async () => {
  await using a = await linked('a:3');
  await using b = await start('b:3');
  const lost = await a.semaphore('ended', 1).acquire();
  const waiting = b.semaphore('ended', 1).acquire();
  await inLine('ended', 1);
  await admin.endSession(a.credentials.sessionId, a.credentials.password);
  const next = await within(waiting, 'the permit');
  expect([lost.held, lost.signal.aborted, isHeldOrLapsed(next)]).toEqual([false, true, true]);
  expect(lost.signal.reason).toMatchObject({ code: 'ZK_LOCK_LOST' });
  await next.release();
  await held('ended', 0);
});

it.concurrent('no more believe than there are permits when one is lost behind a half-open link', async () => {
  await using a = await linked('a:4');
  await using b = await start('b:4');
  const first = await a.semaphore('half-open', 2).acquire();
  const second = await b.semaphore('half-open', 2).acquire();
  let whenTaken: boolean | undefined;
  const waiting = b
    .semaphore('half-open', 2)
    .acquire()
    .then((permit) => {
      whenTaken = first.held;
      return permit;
    });
  await inLine('half-open', 1);
  await new Promise<void>((resolve) => {
    const remove = a.link.onFrame((frame) => {
      if (frame.kind !== 'reply' || frame.op !== 'multi') return 'pass';
      remove();
      setImmediate(() => resolve(a.link.hole()));
      return 'pass';
    });
  });
  await admin.endSession(a.credentials.sessionId, a.credentials.password);
  const third = await within(waiting, 'the permit');
  expect([whenTaken, first.held, isHeldOrLapsed(second), isHeldOrLapsed(third)]).toEqual([false, false, true, true]);
  a.link.pass();
  await Promise.all([second.release(), third.release()]);
});

it.concurrent('c#835 (315), c#982 (462): a permit is one node, and none is left, when replies are lost', async () => {
  await using a = await linked('a:5');
  await using b = await start('b:5');
  const semaphore = a.semaphore('lost', 1);
  const taken = a.loseReplyTo(SHARED);
  const permit = await within(semaphore.acquire(), 'the permit');
  await taken;
  await held('lost', 1);
  await inLine('lost', 0);
  expect(await b.semaphore('lost', 1).tryAcquire()).toBeUndefined();
  const released = a.loseReplyTo('"state":"released"');
  await within(permit.release(), 'the release');
  await released;
  await held('lost', 0);
  expect((await b.semaphore('lost', 1).tryAcquire())?.held).toBe(true);
});

for (const [step, text, op] of [
  ['making its place in the line', '/locks/_c_', undefined],
  ['listing the line', '/locks', 'getChildren2'],
  ['looking at the permits', '/leases', 'getChildren2'],
  ['taking its permit', SHARED, undefined],
] as const) {
  it.concurrent(`c#982 (462): leaves nothing when it is given up while it is ${step}`, async () => {
    const name = `step-${step.length}`;
    await using a = await linked('a:6');
    await using b = await start('b:6');
    await (await b.semaphore(name, 1).acquire()).release();
    const controller = new AbortController();
    const at = a.holdRequest(`${name}${text.startsWith('/') ? text : ''}`, op);
    const taking = text.startsWith('/') ? undefined : a.holdRequest(text);
    if (taking !== undefined) at.release();
    const waiting = failureOf(a.semaphore(name, 1).acquire({ signal: controller.signal }));
    await within((taking ?? at).held, 'the request');
    controller.abort(new Error('enough'));
    (taking ?? at).release();
    expect(await waiting).toMatchObject({ message: 'enough' });
    await inLine(name, 0);
    await held(name, 0);
    expect((await b.semaphore(name, 1).tryAcquire())?.held).toBe(true);
  });
}

it.concurrent('CURATOR-75: whoever waits gets a permit when the number is raised', async () => {
  await using a = await start('a:7');
  await using b = await start('b:7');
  const semaphore = a.semaphore('raised', 1);
  const first = await semaphore.acquire();
  const waiting = semaphore.acquire();
  await inLine('raised', 1);
  const behind = b.semaphore('raised', 2).acquire();
  await inLine('raised', 2);
  semaphore.resize(2);
  const second = await within(waiting, 'the second permit');
  expect([first, second].map(isHeldOrLapsed)).toEqual([true, true]);
  semaphore.resize(1);
  await first.release();
  await (await within(behind, 'the one behind')).release();
  expect(await semaphore.tryAcquire()).toBeUndefined();
  await second.release();
  await held('raised', 0);
});

it.concurrent('those who do not agree on the number are told, once', async () => {
  await using a = await start('a:8');
  await using b = await start('b:8');
  const permit = await a.semaphore('differ', 3).acquire();
  const other = b.semaphore('differ', 1);
  for (const _ of [1, 2]) expect(await other.tryAcquire()).toBeUndefined();
  expect(b.said('lock.permits-differ')).toMatchObject([
    { level: 'warn', fields: { lock: 'differ', permits: 1, others: 3, replica: 'a:8' } },
  ]);
  expect(a.said('lock.permits-differ')).toEqual([]);
  await permit.release();
});

it.concurrent('k#429: of those who do not wait, as many as there are permits get one, when all try at once', async () => {
  await using a = await start('a:9');
  await using b = await start('b:9');
  await (await a.semaphore('at-once', 2).acquire()).release();
  for (let round = 0; round < 5; round += 1) {
    const tries = [a, b, a, b].map(({ address }) => (address === 'a:9' ? a : b).semaphore('at-once', 2).tryAcquire());
    const got = (await within(Promise.all(tries), 'the answers')).filter((permit) => permit !== undefined);
    expect(got).toHaveLength(2);
    await Promise.all(got.map((permit) => permit.release()));
  }
  await inLine('at-once', 0);
  await held('at-once', 0);
});

it.concurrent('c#540 (19), c#701 (180): a place that was deleted, or has lost its inside, is made again', async () => {
  await using a = await start('a:10');
  const path = pathOf('remade');
  await (await a.semaphore('remade', 1).acquire()).release();
  await admin.wipe(path);
  await (await within(a.semaphore('remade', 1).acquire(), 'the permit')).release();
  for (const inside of ['locks', 'leases']) {
    await admin.wipe(`${path}/${inside}`);
    await (await within(a.semaphore('remade', 1).acquire(), `the permit without ${inside}`)).release();
  }
});

it.concurrent('c#855 (335): connections that are reset again and again hold nobody up for ever', async () => {
  await using a = await linked('a:11');
  await using b = await linked('b:11');
  const semaphores = [a.semaphore('stress', 2), b.semaphore('stress', 2)];
  let done = 0;
  const turns = [...semaphores, ...semaphores].map(async (semaphore) => {
    for (let turn = 0; turn < 8; turn += 1) {
      await (await semaphore.acquire()).release();
      done += 1;
    }
  });
  const reset = async (): Promise<void> => {
    for (const count of [4, 8, 12, 16, 20, 24]) {
      await eventually(() => expect(done).toBeGreaterThan(count), { what: `turn ${count}` });
      (count % 8 === 0 ? a : b).link.resetAll();
    }
  };
  await Promise.all([...turns, reset()]);
  await inLine('stress', 0);
  await held('stress', 0);
});

it.concurrent('whoever has lost its place in the line stands in it again', async () => {
  await using a = await start('a:12');
  const permit = await a.semaphore('place', 1).acquire();
  const waiting = a.semaphore('place', 1).acquire();
  await inLine('place', 1);
  const [node] = await admin.children(`${pathOf('place')}/locks`);
  await admin.delete(`${pathOf('place')}/locks/${node}`);
  await inLine('place', 1);
  await permit.release();
  await (await within(waiting, 'the permit')).release();
});
