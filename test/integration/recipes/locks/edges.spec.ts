import { afterAll, beforeAll, expect, it } from 'vitest';
import { startAdmin, type Admin } from '../../../support/admin.js';
import { eventually, failureOf } from '../../../support/eventually.js';
import { startServer, type ZooKeeperServer } from '../../../support/zookeeper.js';
import { Holder, LinkedHolder, isHeldOrLapsed } from './holders.js';

let server: ZooKeeperServer;
let admin: Admin;

beforeAll(async () => {
  server = await startServer({ cfg: { maxSessionTimeout: 40_000 } });
  admin = await startAdmin(server.connectString);
});

afterAll(async () => {
  await admin?.[Symbol.asyncDispose]();
  await server?.dispose();
});

it.concurrent('who stands within the limit stays in line, however many come behind', async () => {
  await using a = await Holder.start(server.connectString, 'a:1', { rootPath: '/crowd' });
  await using b = await Holder.start(server.connectString, 'b:1', { rootPath: '/crowd' });
  const held = await a.locks.acquire('x', {});
  const waiting = b.locks.acquire('x', {});
  await eventually(async () => expect(await admin.children('/crowd/locks/x')).toHaveLength(2), { what: 'two in line' });
  const session = await a.session();
  // In the form of kazoo, which knows no limit.
  const one = { kind: 'create', path: '/crowd/locks/x/aa__lock__', data: Buffer.from('k'), mode: 'ephemeral-sequential' } as const;
  for (let made = 0; made < 5_000; made += 500) await session.multi(Array.from({ length: 500 }, () => one));
  await held.release();
  expect(isHeldOrLapsed(await waiting)).toBe(true);
  expect(await failureOf(a.locks.acquire('x', {}))).toMatchObject({ code: 'ZK_LOCK_CROWDED', waiting: 5_001, limit: 5_000 });
});

it.concurrent.each(['/own', '/own/jobs/bank/payouts', '/own/elections', '/own/locks/x'])(
  'refuses %s as the path of a lock: it is kept by the library',
  async (path) => {
    await using a = await Holder.start(server.connectString, 'a:1', { rootPath: '/own' });
    expect(await failureOf(a.locks.tryAcquire({ path }))).toMatchObject({ code: 'ZK_BAD_LOCK' });
  },
);

it.concurrent('who does not wait for the lock does not wait for a silent link either, until that is noticed', async () => {
  await using a = await LinkedHolder.connect(server, 'a:1', { rootPath: '/silent', sessionTimeoutMs: 30_000 });
  await (await a.locks.acquire('x', {})).release();
  const session = await a.session();
  a.link.hole();
  expect(await failureOf(a.locks.tryAcquire('x'))).toMatchObject({ code: 'ZK_NOT_CONNECTED' });
  expect([session.attached, session.ended.aborted]).toEqual([true, false]);
  a.link.pass();
});

it.concurrent('many new locks at once cost each its own writes, not those of all the others', async () => {
  const COUNT = 300;
  await using a = await LinkedHolder.connect(server, 'a:1', { rootPath: '/many' });
  let writes = 0;
  a.link.onFrame(({ kind, op }) => {
    if (kind === 'request' && op === 'multi') writes += 1;
    return 'pass';
  });
  const locks = await Promise.all(Array.from({ length: COUNT }, (_, i) => a.locks.acquire(`n-${i}`, {})));
  expect(locks).toHaveLength(COUNT);
  // Its folder, its claim, and at most one to say that the root is settled; renewals and repetitions beside them.
  expect(writes).toBeLessThan(4 * COUNT);
});
