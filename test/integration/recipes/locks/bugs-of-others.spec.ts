// Bugs that locks of other libraries had, each by its reference: c is apache/curator, k is python-zk/kazoo, N is
// Netflix/curator. Two of them do not apply: c#583 (62), an orphan after an interrupted create, which there was one of
// an election (here: test/integration/mastership/heal-replies.spec.ts); and CURATOR-337, a release of a lock that was
// never acquired: only who has acquired it has anything to call `release` on.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { withLock } from '../../../../src/zookeeper/recipes/locks/lock-source.js';
import { startAdmin, type Admin } from '../../../support/admin.js';
import { eventually, failureOf, within } from '../../../support/eventually.js';
import { startServer, type ZooKeeperServer } from '../../../support/zookeeper.js';
import { Holder, LinkedHolder, RELEASE } from './holders.js';

let server: ZooKeeperServer;
let admin: Admin;

beforeAll(async () => {
  server = await startServer();
  admin = await startAdmin(server.connectString);
  await using first = await Holder.start(server.connectString, 'first:1');
  await (await first.locks.acquire('first', {})).release();
});

afterAll(async () => {
  await admin?.[Symbol.asyncDispose]();
  await server?.dispose();
});

const linked = (address: string, sessionTimeoutMs = 10_000): Promise<LinkedHolder> =>
  LinkedHolder.connect(server, address, { sessionTimeoutMs });
const lineOf = (name: string): Promise<string[]> => admin.children(`/soa/locks/${name}`);
const inLine = (name: string, count: number): Promise<void> =>
  eventually(async () => expect(await lineOf(name)).toHaveLength(count), { what: `${count} in line` });

it.concurrent('c#1121 (604), c#1018 (498): the own node of a session that is ending is not adopted by the next session', async () => {
  await using a = await linked('a:1');
  await using b = await linked('b:1', 2_000);
  const held = await a.locks.acquire('adopted', {});
  const [holding] = await lineOf('adopted');
  const waiting = b.locks.acquire('adopted', {});
  await inLine('adopted', 2);
  const old = (await lineOf('adopted')).find((name) => name !== holding);
  // The old session lives on at the server, while its client has to give it up.
  b.link.hole();
  const kept = await admin.keepSession(b.credentials.sessionId, b.credentials.password);
  const before = await b.session();
  await eventually(() => expect(before.ended.aborted).toBe(true), { what: 'the session to be given up' });
  b.link.pass();
  await inLine('adopted', 3);
  await held.release();
  expect(await lineOf('adopted')).toContain(old);
  kept.end();
  const next = await within(waiting, 'the lock');
  const [node] = await lineOf('adopted');
  const { ephemeralOwner } = (await admin.info(`/soa/locks/adopted/${node}`)) ?? {};
  expect(ephemeralOwner).toBe((await b.session()).id);
  await next.release();
});

it.concurrent('c#1193 (678): a release on a lost connection is carried out when it is back, on the same session', async () => {
  await using a = await linked('a:1');
  await using b = await linked('b:1');
  const held = await a.locks.acquire('release', {});
  const waiting = b.locks.acquire('release', {});
  await inLine('release', 2);
  a.link.refuse();
  a.link.resetAll();
  const released = held.release();
  expect(held.held).toBe(false);
  a.link.pass();
  await within(released, 'the release');
  await (await within(waiting, 'the lock')).release();
  await inLine('release', 0);
});

it.concurrent('c#1046 (527): a release between the look at the line and the watch is not missed', async () => {
  await using a = await linked('a:1');
  await using b = await linked('b:1');
  const held = await a.locks.acquire('race', {});
  const [node] = await lineOf('race');
  const watching = b.holdRequest(`/race/${node}`, 'exists');
  const waiting = b.locks.acquire('race', {});
  await within(watching.held, 'the watch');
  await held.release();
  watching.release();
  await (await within(waiting, 'the lock')).release();
});

it.concurrent('N#281 (43): children of the folder that are no contenders, with children of their own, are no obstacle', async () => {
  await using a = await linked('a:1');
  await (await a.locks.acquire('nested', {})).release();
  for (const name of ['nested/README', 'nested/inner/lock', 'nested/other-0000000000']) await admin.create(`/soa/locks/${name}`);
  const held = await a.locks.tryAcquire('nested');
  expect(held?.held).toBe(true);
  await held?.release();
  expect(await lineOf('nested')).toEqual(['README', 'inner', 'other-0000000000']);
});

it.concurrent('c#600 (79): an interrupted create leaves no orphan that blocks everybody', async () => {
  await using a = await linked('a:1');
  await using b = await linked('b:1');
  const controller = new AbortController();
  const making = a.holdRequest('/orphan/_c_');
  const waiting = failureOf(a.locks.acquire('orphan', { signal: controller.signal }));
  await within(making.held, 'the create');
  controller.abort(new Error('interrupted'));
  making.release();
  expect(await waiting).toMatchObject({ message: 'interrupted' });
  await (await within(b.locks.acquire('orphan', {}), 'the lock')).release();
  await inLine('orphan', 0);
});

it.concurrent('c#727 (206): the holder is told of the loss of its lock by the signal', async () => {
  await using a = await linked('a:1');
  const held = await a.locks.acquire('loss', {});
  const told = new Promise((resolve) => held.signal.addEventListener('abort', () => resolve(held.signal.reason)));
  await admin.endSession(a.credentials.sessionId, a.credentials.password);
  expect(await within(told, 'the news')).toMatchObject({ code: 'ZK_LOCK_LOST', lock: 'loss' });
});

it.concurrent('k#732, aiozk#34: an acquisition that fails at once, or after its time, leaves no node', async () => {
  await using a = await linked('a:1');
  await using b = await linked('b:1');
  const held = await a.locks.acquire('failed', {});
  expect(await b.locks.tryAcquire('failed')).toBeUndefined();
  for (const waitMs of [0, 20]) expect(await failureOf(b.locks.acquire('failed', { waitMs }))).toMatchObject({ code: 'ZK_LOCK_BUSY' });
  await inLine('failed', 1);
  await held.release();
  expect(await lineOf('failed')).toEqual([]);
});

it.concurrent('CURATOR-41: what the work throws is not hidden by a release that cannot be carried out', async () => {
  await using a = await linked('a:1');
  const failure = await failureOf(
    withLock(
      () => a.locks.acquire('hidden', {}),
      () => {
        a.link.refuse();
        a.link.resetAll();
        setImmediate(() => a.link.pass());
        throw new Error('the first one');
      },
    ),
  );
  expect(failure).toMatchObject({ message: 'the first one' });
  await inLine('hidden', 0);
});

it.concurrent('k#170: who waits while the connection is away for a moment gets the lock', async () => {
  await using a = await linked('a:1');
  await using b = await linked('b:1');
  const held = await a.locks.acquire('away', {});
  const waiting = b.locks.acquire('away', {});
  await inLine('away', 2);
  b.link.refuse();
  b.link.resetAll();
  await held.release();
  b.link.pass();
  await (await within(waiting, 'the lock')).release();
});

it.concurrent('k#61: a lock whose folder was removed after its release can be taken again', async () => {
  await using a = await linked('a:1');
  const path = { path: '/apart/lock' };
  const first = await a.locks.acquire(path, {});
  await first.release();
  await admin.delete(path.path);
  const second = await a.locks.acquire(path, {});
  expect(second.fencingToken).toBeGreaterThan(first.fencingToken);
  await second.release();
});

it.concurrent('k#482, k#83: a client that is not started, or stopped, says so and does not hang', async () => {
  await using never = new Holder(server.connectString, 'never:1');
  const expected = { code: 'ZK_NOT_CONNECTED' };
  expect(await failureOf(never.locks.acquire('never', { waitMs: 50 }))).toMatchObject(expected);
  expect(await failureOf(never.locks.tryAcquire('never'))).toMatchObject(expected);
  await using stopped = await Holder.start(server.connectString, 'stopped:1');
  const held = await stopped.locks.acquire('stopped', {});
  const waiting = failureOf(stopped.locks.acquire('stopped', {}));
  await inLine('stopped', 2);
  await stopped.sessions.stop(5_000);
  expect(await waiting).toMatchObject(expected);
  expect(held.held).toBe(false);
  expect(await failureOf(stopped.locks.acquire('stopped', {}))).toMatchObject(expected);
  await held.release();
});

it.concurrent('k#412: a crash right after the release leaves nothing that the next one would wait for', async () => {
  await using a = await linked('a:1');
  await using b = await linked('b:1');
  const held = await a.locks.acquire('crash', {});
  const waiting = b.locks.acquire('crash', {});
  await inLine('crash', 2);
  const happened = a.loseReplyTo(RELEASE).then(() => a.link.refuse());
  void held.release();
  await within(happened, 'the crash');
  await (await within(waiting, 'the lock')).release();
  expect(await admin.read('/soa/locks/crash')).toContain('"address":"b:1"');
  a.link.pass();
});
