import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Lock } from '../../../../src/zookeeper/recipes/locks/lock.js';
import { startAdmin, type Admin } from '../../../support/admin.js';
import { eventually, within } from '../../../support/eventually.js';
import { startNeighbour } from '../../../support/neighbours/neighbours.js';
import { startServer, type ZooKeeperServer } from '../../../support/zookeeper.js';
import { Holder, LinkedHolder, isHeldOrLapsed } from './holders.js';

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

const inLine = (name: string, count: number): Promise<void> =>
  eventually(async () => expect(await admin.children(`/soa/locks/${name}`)).toHaveLength(count), { what: `${count} in line` });

/** Resolves when somebody has asked for it. */
function asked({ revocationRequested }: Lock): Promise<void> {
  return within(
    new Promise<void>((resolve) => {
      if (revocationRequested.aborted) resolve();
      revocationRequested.addEventListener('abort', () => resolve(), { once: true });
    }),
    'the request',
  );
}

it.concurrent('who holds a lock is told that somebody asks for it, holds it on, and gives it to the next one', async () => {
  await using a = await Holder.start(server.connectString, 'a:1');
  await using b = await Holder.start(server.connectString, 'b:1');
  expect(await b.locks.requestRevocation('asked')).toBe(0);
  const held = await a.locks.acquire('asked', {});
  const waiting = b.locks.acquire('asked', {});
  await inLine('asked', 2);
  expect(await b.locks.requestRevocation('asked')).toBe(1);
  await asked(held);
  expect(held.revocationRequested.reason).toMatchObject({ code: 'ZK_LOCK_REVOCATION', lock: 'asked' });
  expect([held.held, held.signal.aborted]).toEqual([true, false]);
  // What was written over its address hides neither who it is nor how long it may go on.
  expect((await b.locks.inspect('asked')).holder).toMatchObject({ address: 'a:1', token: held.fencingToken });
  const leaseMs = 10_000 / 3;
  const sinceMs = performance.now();
  await eventually(() => expect(performance.now() - sinceMs).toBeGreaterThan(1.2 * leaseMs), { what: 'more than a lease' });
  expect(isHeldOrLapsed(held)).toBe(true);
  await held.release();
  const next = await within(waiting, 'the lock');
  expect(next.revocationRequested.aborted).toBe(false);
  await next.release();
});

it.concurrent('all who read are told, and nobody who waits', async () => {
  await using a = await Holder.start(server.connectString, 'a:2');
  const readers = [await a.readWrite('readers').read(), await a.readWrite('readers').read()];
  const writing = a.readWrite('readers').write();
  await inLine('readers', 3);
  expect(await a.locks.requestRevocation('readers')).toBe(2);
  await Promise.all(readers.map(asked));
  await Promise.all(readers.map((reader) => reader.release()));
  const writer = await within(writing, 'the writer');
  expect(writer.revocationRequested.aborted).toBe(false);
  await writer.release();
});

it.concurrent('a request that comes while the connection is away is heard when it is back', async () => {
  await using a = await LinkedHolder.connect(server, 'a:3');
  await using b = await Holder.start(server.connectString, 'b:3');
  const held = await a.locks.acquire('away', {});
  a.link.refuse();
  a.link.resetAll();
  expect(await b.locks.requestRevocation('away')).toBe(1);
  a.link.pass();
  await asked(held);
  await held.release();
});

it.concurrent("Curator's Revoker is heard, and ours writes what it writes", async () => {
  const path = '/Curator/revoked';
  await using ours = await Holder.start(server.connectString, 'ours:1');
  await using theirs = await startNeighbour('Curator', { connectString: server.connectString, takes: 'mutex', path });
  const held = await ours.locks.acquire({ path }, {});
  const [holder] = (await ours.locks.inspect({ path })).holders;
  await theirs.ask(`revoke ${holder?.node}`, 'asked');
  await asked(held);
  await held.release();
  await theirs.acquire();
  expect(await ours.locks.requestRevocation({ path })).toBe(1);
  const [node] = await admin.children(path);
  expect(await admin.read(`${path}/${node}`)).toBe('__REVOKE__');
  await theirs.release();
});
