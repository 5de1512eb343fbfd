import { setMaxListeners } from 'node:events';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Lock } from '../../../../src/zookeeper/recipes/locks/lock.js';
import { startAdmin, type Admin } from '../../../support/admin.js';
import { eventually, failureOf, within } from '../../../support/eventually.js';
import { startServer, type ZooKeeperServer } from '../../../support/zookeeper.js';
import { CLAIM, Holder, LinkedHolder, RELEASE, isHeldOrLapsed, renewed } from './holders.js';

let server: ZooKeeperServer;
let admin: Admin;
let roots = 0;

beforeAll(async () => {
  server = await startServer();
  admin = await startAdmin(server.connectString);
});

afterAll(async () => {
  await admin?.[Symbol.asyncDispose]();
  await server?.dispose();
});

/** Two holders behind links of their own, under a root in which new locks are free at once. */
class Pair implements AsyncDisposable {
  readonly rootPath = `/faults-${++roots}`;
  a!: LinkedHolder;
  b!: LinkedHolder;

  static async start(): Promise<Pair> {
    const pair = new Pair();
    const { rootPath } = pair;
    pair.a = await LinkedHolder.connect(server, 'a:1', { rootPath });
    pair.b = await LinkedHolder.connect(server, 'b:1', { rootPath });
    await (await pair.a.locks.acquire('first', {})).release();
    await eventually(async () => expect(await admin.read(`${rootPath}/locks`)).toMatch(/^settled /), { what: 'the folder to settle' });
    return pair;
  }

  line(name = 'lock'): Promise<string[]> {
    return admin.children(`${this.rootPath}/locks/${name}`);
  }

  async inLine(count: number, name = 'lock'): Promise<void> {
    await eventually(async () => expect(await this.line(name)).toHaveLength(count), { what: `${count} in line` });
  }

  /** `a` holds it, and `b` waits for it. */
  async contended(): Promise<{ readonly held: Lock; readonly waiting: Promise<Lock> }> {
    const held = await this.a.locks.acquire('lock', {});
    const waiting = this.b.locks.acquire('lock', {});
    await this.inLine(2);
    return { held, waiting };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.a[Symbol.asyncDispose](), this.b[Symbol.asyncDispose]()]);
  }
}

const lost = { code: 'ZK_LOCK_LOST' };

it.concurrent('makes one contender when the reply of its making is lost', async () => {
  await using pair = await Pair.start();
  const held = await pair.a.locks.acquire('lock', {});
  const happened = pair.b.loseReplyTo('/lock/_c_');
  const waiting = pair.b.locks.acquire('lock', {});
  await within(happened, 'the lost reply');
  await pair.inLine(2);
  await held.release();
  const next = await within(waiting, 'the lock');
  expect(await pair.line()).toHaveLength(1);
  await next.release();
  expect(await pair.line()).toEqual([]);
});

it.concurrent('leaves no node when it is given up while the reply of its making is lost', async () => {
  await using pair = await Pair.start();
  const held = await pair.a.locks.acquire('lock', {});
  const controller = new AbortController();
  const happened = pair.b.loseReplyTo('/lock/_c_').then(() => controller.abort(new Error('enough')));
  const waiting = pair.b.locks.acquire('lock', { signal: controller.signal });
  expect(await failureOf(waiting)).toMatchObject({ message: 'enough' });
  await happened;
  await pair.inLine(1);
  expect(isHeldOrLapsed(held)).toBe(true);
});

it.concurrent('has taken the lock, once, when the reply of that is lost', async () => {
  await using pair = await Pair.start();
  const happened = pair.a.loseReplyTo(CLAIM);
  const held = await within(pair.a.locks.acquire('lock', {}), 'the lock');
  await happened;
  expect(isHeldOrLapsed(held)).toBe(true);
  expect((await pair.b.locks.inspect('lock')).holder).toMatchObject({ address: 'a:1', token: held.fencingToken });
});

it.concurrent('has not taken it when its node was deleted before the reply that was lost came again', async () => {
  await using pair = await Pair.start();
  const happened = pair.a.loseReplyTo(CLAIM).then(() => pair.a.link.refuse());
  const waiting = pair.a.locks.acquire('lock', {});
  await within(happened, 'the lost reply');
  const [node] = await pair.line();
  await admin.delete(`${pair.rootPath}/locks/lock/${node}`);
  pair.a.link.pass();
  const held = await within(waiting, 'the lock');
  const line = await pair.line();
  expect(line).toHaveLength(1);
  expect(line).not.toContain(node);
  expect(isHeldOrLapsed(held)).toBe(true);
});

it.concurrent('is released when the reply of that is lost: the next one has the proof, and nobody is left', async () => {
  await using pair = await Pair.start();
  const held = await pair.a.locks.acquire('lock', {});
  const happened = pair.a.loseReplyTo(RELEASE);
  await within(held.release(), 'the release');
  await happened;
  expect(await pair.line()).toEqual([]);
  expect(await admin.read(`${pair.rootPath}/locks/lock`)).toContain(RELEASE);
  expect((await pair.b.locks.tryAcquire('lock'))?.held).toBe(true);
});

it.concurrent('is lost when the session ends, which its holder is told, and goes to the next one', async () => {
  await using pair = await Pair.start();
  const { held, waiting } = await pair.contended();
  let told: unknown;
  held.signal.addEventListener('abort', () => (told = held.signal.reason));
  const { sessionId, password } = pair.a.credentials;
  await admin.endSession(sessionId, password);
  const next = await within(waiting, 'the lock');
  expect([held.held, held.signal.aborted]).toEqual([false, true]);
  expect(told).toMatchObject(lost);
  expect(() => held.assertHeld()).toThrow(expect.objectContaining(lost));
  expect(next.fencingToken).toBeGreaterThan(held.fencingToken);
  expect(pair.a.said('lock.lost')).toHaveLength(1);
  await within(held.release(), 'the release of what is lost');
  expect(await pair.line()).toHaveLength(1);
  expect(isHeldOrLapsed(next)).toBe(true);
});

for (const [what, strike] of [
  ['its session is ended by force', ({ a }) => admin.endSession(a.credentials.sessionId, a.credentials.password)],
  ['its node is deleted', async (pair) => admin.delete(`${pair.rootPath}/locks/lock/${(await pair.line())[0]}`)],
  ['its lock is deleted', ({ rootPath }) => admin.wipe(`${rootPath}/locks/lock`)],
  ['the whole tree is wiped', ({ rootPath }) => admin.wipe(rootPath)],
] as const satisfies readonly (readonly [string, (pair: Pair) => Promise<unknown>])[]) {
  it.concurrent(`has no two holders when ${what} behind a half-open link, and tokens that grow`, async () => {
    await using pair = await Pair.start();
    const { held, waiting } = await pair.contended();
    let whenTaken: boolean | undefined;
    const taken = waiting.then((next) => {
      whenTaken = held.held;
      return next;
    });
    // A lease begins with the next renewal, and with that the link goes silent.
    await renewed(pair.a, held);
    await strike(pair);
    const next = await within(taken, 'the lock');
    expect(whenTaken).toBe(false);
    expect(held.signal.reason).toMatchObject(lost);
    expect(next.fencingToken).toBeGreaterThan(held.fencingToken);
    pair.a.link.pass();
    await within(held.release(), 'the release');
    expect(isHeldOrLapsed(next)).toBe(true);
    await next.release();
    await pair.inLine(0);
  });
}

it.concurrent('is lost behind a cut link after its lease, stays so when the link heals, and is given up then', async () => {
  await using pair = await Pair.start();
  const { held, waiting } = await pair.contended();
  pair.a.link.hole();
  await eventually(() => expect(held.held).toBe(false), { what: 'the end of the lease' });
  await eventually(() => expect(held.signal.aborted).toBe(true), { what: 'the signal' });
  const released = held.release();
  pair.a.link.pass();
  await within(released, 'the release');
  const next = await within(waiting, 'the lock');
  expect([held.held, isHeldOrLapsed(next)]).toEqual([false, true]);
  await next.release();
  await pair.inLine(0);
});

it.concurrent('survives a connection that is reset, for the holder and for who waits', async () => {
  await using pair = await Pair.start();
  const { held, waiting } = await pair.contended();
  for (const holder of [pair.a, pair.b]) {
    const { accepted } = holder.link.connections;
    holder.link.resetAll();
    await eventually(() => expect(holder.link.connections.accepted).toBeGreaterThan(accepted), { what: 'the next connection' });
  }
  await held.release();
  const next = await within(waiting, 'the lock');
  await next.release();
  await pair.inLine(0);
});

it.concurrent('is not free at once when another lock was deleted while the folder was written', async () => {
  await using pair = await Pair.start();
  const held = await pair.a.locks.acquire('lock', {});
  await renewed(pair.a, held);
  // Who makes a new lock has read the folder; before it writes, the lock of the other one is deleted.
  const writing = pair.b.holdRequest(`${pair.rootPath}/locks/other`, 'multi');
  const other = pair.b.locks.acquire('other', {});
  await within(writing.held, 'the write');
  await admin.wipe(`${pair.rootPath}/locks/lock`);
  writing.release();
  await within(other, 'the other lock');
  const taken = await pair.b.locks.tryAcquire('lock');
  expect([taken?.held, held.held]).not.toEqual([true, true]);
  await taken?.release();
});

it.concurrent('is refused without the right to it, and leaves nothing', async () => {
  await using pair = await Pair.start();
  const auth = { scheme: 'digest', credentials: ['alice:one'], parents: 'creator' } as const;
  const rootPath = `${pair.rootPath}/closed`;
  await admin.create(rootPath);
  await using alice = await Holder.start(server.connectString, 'alice:1', { rootPath, auth });
  await using stranger = await Holder.start(server.connectString, 'stranger:1', { rootPath });
  const held = await alice.locks.acquire('lock', {});
  const attempts = [
    () => stranger.locks.acquire('lock', {}),
    () => stranger.locks.acquire('other', {}),
    () => stranger.locks.tryAcquire('lock'),
  ];
  for (const attempt of attempts) expect(await failureOf(attempt())).toMatchObject({ code: 'ZK_NO_AUTH' });
  expect(isHeldOrLapsed(held)).toBe(true);
  expect(await admin.children(`${rootPath}/locks/lock`)).toHaveLength(1);
  await held.release();
});

it.concurrent('is given up in the background when ZooKeeper refuses the deletion, once it does not any more', async () => {
  await using pair = await Pair.start();
  const path = `${pair.rootPath}/locks/lock`;
  const { held, waiting } = await pair.contended();
  await admin.setRights(path, 'read');
  const released = held.release();
  expect(held.held).toBe(false);
  await eventually(() => expect(pair.a.said('lock.not-removed')).toHaveLength(1), { what: 'the refusal' });
  expect(await pair.line()).toHaveLength(2);
  await admin.setRights(path, 'all');
  await within(released, 'the release');
  await (await within(waiting, 'the lock')).release();
  await pair.inLine(0);
});

for (const [step, text, op] of [
  ['making its node', '/lock/_c_', undefined],
  ['listing the others', '/locks/lock', 'getChildren2'],
  ['watching the one before it', '/locks/lock/_c_', 'exists'],
] as const) {
  it.concurrent(`leaves nothing when it is given up while it is ${step}`, async () => {
    await using pair = await Pair.start();
    const held = await pair.a.locks.acquire('lock', {});
    const controller = new AbortController();
    const at = pair.b.holdRequest(text, op);
    const waiting = pair.b.locks.acquire('lock', { signal: controller.signal });
    await within(at.held, 'the request');
    controller.abort(new Error('enough'));
    expect(await failureOf(waiting)).toMatchObject({ message: 'enough' });
    at.release();
    await (await pair.b.locks.acquire('marker', {})).release();
    await pair.inLine(1);
    await held.release();
    expect((await pair.b.locks.tryAcquire('lock'))?.held).toBe(true);
  });
}

it.concurrent('is released again when it is given up in the moment in which it is taken', async () => {
  await using pair = await Pair.start();
  const controller = new AbortController();
  const claim = pair.b.holdRequest(CLAIM);
  const waiting = pair.b.locks.acquire('lock', { signal: controller.signal });
  await within(claim.held, 'the claim');
  controller.abort(new Error('enough'));
  const failure = failureOf(waiting);
  claim.release();
  expect(await failure).toMatchObject({ message: 'enough' });
  await pair.inLine(0);
  expect((await pair.a.locks.tryAcquire('lock'))?.held).toBe(true);
});

it.concurrent('wakes one of 500 who wait, and leaves nothing of those who give up', async () => {
  await using pair = await Pair.start();
  const held = await pair.a.locks.acquire('lock', {});
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  let events = 0;
  pair.b.link.onFrame(({ kind }) => {
    if (kind === 'event') events += 1;
    return 'pass';
  });
  const waiting = Array.from({ length: 500 }, () => pair.b.locks.acquire('lock', { signal: controller.signal }));
  await pair.inLine(501);
  // All have read the line, and watch: each does so twice at most before it waits.
  await eventually(() => expect(pair.b.link.requestCount('exists')).toBeGreaterThanOrEqual(1_000), { what: 'all of them to watch' });
  await pair.b.session().then((session) => session.sync('/'));
  pair.b.link.resetCounts();
  await held.release();
  const next = await within(Promise.race(waiting), 'the next one');
  expect(events).toBe(1);
  // None when a lease that ran out on a slow machine has given it away before.
  expect(pair.b.link.requestCount('getChildren2', 'getChildren')).toBeLessThanOrEqual(1);
  const given = Promise.allSettled(waiting);
  controller.abort(new Error('enough'));
  expect((await given).filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  await next.release();
  await pair.inLine(0);
});
