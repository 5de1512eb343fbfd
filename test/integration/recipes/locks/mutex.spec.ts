import { afterAll, beforeAll, expect, it } from 'vitest';
import { LockBusyError } from '../../../../src/zookeeper/recipes/locks/errors.js';
import type { Lock } from '../../../../src/zookeeper/recipes/locks/lock.js';
import { startAdmin, type Admin } from '../../../support/admin.js';
import { eventually, failureOf, within } from '../../../support/eventually.js';
import { startServer, type ZooKeeperServer } from '../../../support/zookeeper.js';
import { Holder, isHeldOrLapsed } from './holders.js';

let server: ZooKeeperServer;
let admin: Admin;

beforeAll(async () => {
  server = await startServer();
  admin = await startAdmin(server.connectString);
  // The folder of all locks is made, and its first wait is over.
  await using first = await Holder.start(server.connectString, 'first:1');
  await (await first.locks.acquire('first', {})).release();
});

afterAll(async () => {
  await admin?.[Symbol.asyncDispose]();
  await server?.dispose();
});

const start = (address: string): Promise<Holder> => Holder.start(server.connectString, address);
const lineOf = (name: string): Promise<string[]> => admin.children(`/soa/locks/${name}`);
const inLine = (name: string, count: number): Promise<void> =>
  eventually(async () => expect(await lineOf(name)).toHaveLength(count), { what: `${count} in line` });

it.concurrent(
  'excludes: the second client gets it when the first has released, in the order of the line, with a higher token',
  async () => {
    await using a = await start('a:1');
    await using b = await start('b:1');
    const first = await a.locks.acquire('order', {});
    expect([first.held, first.signal.aborted, first.name]).toEqual([true, false, 'order']);
    const got: string[] = [];
    const waiting: Promise<Lock>[] = [];
    for (const [index, holder] of [b, a, b].entries()) {
      waiting.push(
        holder.locks.acquire('order', {}).then((lock) => {
          got.push(`${index}`);
          return lock;
        }),
      );
      await inLine('order', index + 2);
    }
    expect(await b.locks.tryAcquire('order')).toBeUndefined();
    await inLine('order', 4);
    expect(got).toEqual([]);
    let previous: Lock = first;
    for (const next of waiting) {
      await previous.release();
      expect([previous.held, previous.signal.aborted]).toEqual([false, true]);
      const lock = await within(next, 'the next');
      expect(lock.fencingToken).toBeGreaterThan(previous.fencingToken);
      previous = lock;
    }
    expect(got).toEqual(['0', '1', '2']);
    await previous.release();
    expect(await lineOf('order')).toEqual([]);
  },
);

it.concurrent('lasts: renewals keep it for longer than its lease, and for nobody else', async () => {
  await using a = await start('a:2');
  const lock = await a.locks.acquire('lasting', {});
  const leaseMs = 10_000 / 3;
  const failure = await failureOf(a.locks.acquire('lasting', { waitMs: leaseMs * 1.5 }));
  expect(failure).toBeInstanceOf(LockBusyError);
  expect(failure).toMatchObject({ code: 'ZK_LOCK_BUSY', holder: 'a:2', lock: 'lasting' });
  expect(isHeldOrLapsed(lock)).toBe(true);
  expect(a.said('lock.lost')).toEqual([]);
  await lock.release();
});

it.concurrent('leaves nothing behind when it does not wait, waits too long, or is aborted while it waits', async () => {
  await using a = await start('a:3');
  await using b = await start('b:3');
  await using held = await a.locks.acquire('left', {});
  expect(await b.locks.tryAcquire('left')).toBeUndefined();
  expect(isHeldOrLapsed(held)).toBe(true);
  expect(await failureOf(b.locks.acquire('left', { waitMs: 0 }))).toMatchObject({ code: 'ZK_LOCK_BUSY' });
  expect(await lineOf('left')).toHaveLength(1);
  expect(await failureOf(b.locks.acquire('left', { waitMs: 50 }))).toMatchObject({ code: 'ZK_LOCK_BUSY' });
  await inLine('left', 1);
  const controller = new AbortController();
  const waiting = b.locks.acquire('left', { signal: controller.signal });
  await inLine('left', 2);
  controller.abort(new Error('enough'));
  expect(await failureOf(waiting)).toMatchObject({ message: 'enough' });
  await inLine('left', 1);
  expect(await failureOf(b.locks.acquire('left', { signal: controller.signal }))).toMatchObject({ message: 'enough' });
});

it.concurrent('can be seen: who holds it with which token, who waits, since when', async () => {
  await using a = await start('a:4');
  await using b = await start('b:4');
  expect(await a.locks.inspect('seen')).toEqual({ holder: undefined, holders: [], waiting: [], waitingCount: 0 });
  const lock = await a.locks.acquire('seen', {});
  const waiting = b.locks.acquire('seen', {});
  await inLine('seen', 2);
  const view = await b.locks.inspect('seen');
  expect(view).toMatchObject({ holder: { address: 'a:4', token: lock.fencingToken }, waiting: [{ address: 'b:4' }], waitingCount: 1 });
  const session = await b.session();
  expect(view.waiting[0]?.session).toBe(`0x${BigInt.asUintN(64, session.id).toString(16)}`);
  await lock.release();
  await (await waiting).release();
});

it.concurrent('is free at once for everybody who comes after a release', async () => {
  await using a = await start('a:5');
  await using b = await start('b:5');
  for (const holder of [a, b, a, b]) {
    const lock = await holder.locks.tryAcquire('again');
    expect(lock?.held).toBe(true);
    await lock?.release();
    await lock?.release();
  }
});
