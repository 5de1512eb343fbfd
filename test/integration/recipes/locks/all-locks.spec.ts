import { afterAll, beforeAll, expect, it } from 'vitest';
import { acquireAll } from '../../../../src/zookeeper/recipes/locks/all-locks.js';
import type { LockName, LockSet, LockWait } from '../../../../src/zookeeper/recipes/locks/lock.js';
import { systemClock } from '../../../../src/zookeeper/support/clock.js';
import { startAdmin, type Admin } from '../../../support/admin.js';
import { eventually, failureOf, within } from '../../../support/eventually.js';
import { startServer, type ZooKeeperServer } from '../../../support/zookeeper.js';
import { Holder, LinkedHolder } from './holders.js';

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

const all = ({ locks }: Holder, names: readonly LockName[], wait: LockWait = {}): Promise<LockSet> =>
  acquireAll(locks, systemClock, names, wait);
const lineOf = (name: string): Promise<string[]> => admin.children(`/soa/locks/${name}`);
const inLine = (name: string, count: number): Promise<void> =>
  eventually(async () => expect(await lineOf(name)).toHaveLength(count), { what: `${count} in line` });

it.concurrent('gives all back, on the server too, when one of several locks is refused', async () => {
  await using a = await Holder.start(server.connectString, 'a:1');
  await using b = await Holder.start(server.connectString, 'b:1');
  await using _ = await a.locks.acquire('refused-2', {});
  const names = ['refused-3', 'refused-2', 'refused-1'];
  expect(await failureOf(all(b, names, { waitMs: 0 }))).toMatchObject({ code: 'ZK_LOCK_BUSY', lock: 'refused-2', holder: 'a:1' });
  for (const name of ['refused-1', 'refused-3']) expect(await lineOf(name)).toEqual([]);
  expect(await lineOf('refused-2')).toHaveLength(1);
});

it.concurrent('six who want the same locks, named in all orders, get them one after the other', async () => {
  await using a = await Holder.start(server.connectString, 'a:2');
  await using b = await Holder.start(server.connectString, 'b:2');
  const orders = ['123', '132', '213', '231', '312', '321'].map((order) => order.split('').map((digit) => `order-${digit}`));
  let inside = 0;
  await Promise.all(
    orders.map(async (names, index) => {
      await using set = await all(index % 2 === 0 ? a : b, names);
      inside += 1;
      await admin.exists('/');
      expect([inside, set.held]).toEqual([1, true]);
      inside -= 1;
    }),
  );
  for (const name of orders[0] ?? []) await inLine(name, 0);
});

it.concurrent('gives all back, and says which was lost, when one is lost while another is waited for', async () => {
  await using a = await Holder.start(server.connectString, 'a:3');
  await using b = await LinkedHolder.connect(server, 'b:3');
  await using _ = await a.locks.acquire('lost-3', {});
  const waiting = failureOf(all(b, ['lost-1', 'lost-2', 'lost-3']));
  await inLine('lost-3', 2);
  const [node] = await lineOf('lost-2');
  await admin.delete(`/soa/locks/lost-2/${node}`);
  expect(await within(waiting, 'the refusal')).toMatchObject({ code: 'ZK_LOCK_LOST', lock: 'lost-2' });
  await inLine('lost-1', 0);
  await inLine('lost-3', 1);
});

it.concurrent('releases the others when ZooKeeper refuses one, and names that one in one error', async () => {
  await using a = await Holder.start(server.connectString, 'a:4');
  const set = await all(a, ['stuck-1', 'stuck-2', 'stuck-3']);
  await admin.setRights('/soa/locks/stuck-2', 'read');
  const failure = failureOf(set.release());
  expect(set.held).toBe(false);
  expect(await failure).toMatchObject({ code: 'ZK_LOCKS_NOT_RELEASED', locks: ['stuck-2'], of: 3 });
  for (const name of ['stuck-1', 'stuck-3']) expect(await lineOf(name)).toEqual([]);
  await admin.setRights('/soa/locks/stuck-2', 'all');
  await inLine('stuck-2', 0);
});
