import { afterAll, beforeAll, expect, it } from 'vitest';
import { startAdmin, type Admin } from '../../../support/admin.js';
import { failureOf, within } from '../../../support/eventually.js';
import { startServer, type ZooKeeperServer } from '../../../support/zookeeper.js';
import { Client } from './clients.js';

let server: ZooKeeperServer;
let admin: Admin;
let client: Client;

beforeAll(async () => {
  server = await startServer();
  admin = await startAdmin(server.connectString);
  client = await Client.start(server.connectString);
});

afterAll(async () => {
  await client?.[Symbol.asyncDispose]();
  await admin?.[Symbol.asyncDispose]();
  await server?.dispose();
});

it.concurrent('counts, and is 0 before anybody has', async () => {
  const counter = client.counter('plain');
  expect(await counter.get()).toBe(0n);
  expect(await admin.exists('/soa/counters/plain')).toBe(false);
  expect([await counter.increment(), await counter.add(41), await counter.decrement(), await counter.add(-51n)]).toEqual([
    1n,
    42n,
    41n,
    -10n,
  ]);
  await counter.set(7);
  expect(await counter.get()).toBe(7n);
  expect(counter.name).toBe('plain');
});

it.concurrent('is set only from the number that was expected, which the answer tells', async () => {
  const counter = client.counter('compared');
  expect(await counter.compareAndSet(1, 2)).toBe(false);
  expect(await admin.exists('/soa/counters/compared')).toBe(false);
  expect(await counter.compareAndSet(0, 2)).toBe(true);
  const answers = await Promise.all([1n, 2n, 3n].map((next) => counter.compareAndSet(2n, next)));
  // The first that changes it; 2 to 2 is a change, too.
  expect(answers).toEqual([true, false, false]);
  expect(await counter.get()).toBe(1n);
});

for (const { format, wire, least, most } of [
  { format: 'int64', wire: 'fffffffffffffffe', least: -(2n ** 63n), most: 2n ** 63n - 1n },
  { format: 'text', wire: Buffer.from('-2').toString('hex'), least: -(2n ** 63n), most: 2n ** 63n - 1n },
  { format: 'int32', wire: 'fffffffe', least: -(2n ** 31n), most: 2n ** 31n - 1n },
] as const) {
  it.concurrent(`is kept as ${format}, up to its largest and smallest number, and refuses what goes beyond without a change`, async () => {
    const name = `format-${format}`;
    const { counters } = client;
    const counter = format === 'int32' ? counters.counter(name, { format }) : counters.counter(name, { format });
    await counter.add(-2);
    expect(await client.bytes(`/soa/counters/${name}`)).toBe(wire);
    await counter.set(most - 1n);
    // Those that fit beside the one that does not are made.
    const [first, second, third] = await Promise.allSettled([counter.increment(), counter.increment(), counter.decrement()]);
    expect([first, third]).toEqual([
      { status: 'fulfilled', value: format === 'int32' ? Number(most) : most },
      { status: 'fulfilled', value: format === 'int32' ? Number(most - 1n) : most - 1n },
    ]);
    const code = 'ZK_COUNTER_RANGE';
    expect(second).toMatchObject({ status: 'rejected', reason: { code, value: most + 1n, min: least, max: most, httpStatus: 409 } });
    expect(await failureOf(counter.set(least - 1n))).toMatchObject({ code });
    await counter.set(least);
    expect(await failureOf(counter.decrement())).toMatchObject({ code, value: least - 1n });
    expect(BigInt(await counter.get())).toBe(least);
  });
}

it.concurrent('is a number, and not a bigint, as int32', async () => {
  const counter = client.counters.counter('small', { format: 'int32' });
  expect([await counter.increment(), await counter.get()]).toEqual([1, 1]);
});

it.concurrent('is not taken from a node that holds something else', async () => {
  await admin.create('/soa/counters/strange', 'four');
  for (const attempt of [client.counter('strange').get(), client.counter('strange').increment(), client.counter('strange').set(1)]) {
    expect(await failureOf(attempt)).toMatchObject({
      code: 'ZK_COUNTER_FORMAT',
      message: expect.stringContaining(`the format 'int64' expects 8 bytes, and it holds "four"`),
    });
  }
  expect(await failureOf(client.counter('strange', { format: 'text' }).increment())).toMatchObject({ code: 'ZK_COUNTER_FORMAT' });
  expect(await admin.read('/soa/counters/strange')).toBe('four');
  // A parent that was made for something else, as kazoo makes its counters.
  await admin.create('/soa/counters/empty');
  expect(await client.counter('empty').increment()).toBe(1n);
});

it.concurrent('counts each of 300 calls by three clients once, and answers each with a number of its own', async () => {
  await using second = await Client.start(server.connectString);
  await using third = await Client.start(server.connectString);
  const clients = [client, second, third];
  const calls = Array.from({ length: 300 }, (_, index) => clients[index % 3]!.counter('contended').increment());
  // One after the other, too, so that they meet at many moments.
  const turns = clients.map(async (one) => {
    const answers: bigint[] = [];
    for (let turn = 0; turn < 30; turn += 1) answers.push(await one.counter('contended').increment());
    return answers;
  });
  const answers = [...(await Promise.all(calls)), ...(await Promise.all(turns)).flat()];
  expect(answers.toSorted((a, b) => Number(a - b))).toEqual(Array.from({ length: 390 }, (_, index) => BigInt(index + 1)));
  expect(await client.counter('contended').get()).toBe(390n);
});

it.concurrent('sends 1 000 calls that wait together in two transactions', async () => {
  await using linked = await Client.linked(server, { rootPath: '/together' });
  const counter = linked.counter('together');
  await counter.increment();
  linked.holder.link.resetCounts();
  const answers = await Promise.all(Array.from({ length: 1_000 }, () => counter.increment()));
  expect(answers.at(-1)).toBe(1_001n);
  expect(linked.holder.link.requestCount('multi')).toBeLessThanOrEqual(2);
});

it.concurrent('counts where the tree has other rights, and says so where it may not', async () => {
  const auth = { scheme: 'digest', credentials: ['alice:one'], parents: 'creator' } as const;
  await admin.create('/closed');
  await using alice = await Client.start(server.connectString, { rootPath: '/closed/soa', auth });
  await using stranger = await Client.start(server.connectString, { rootPath: '/closed/soa' });
  expect(await alice.counter('own').increment()).toBe(1n);
  expect(await failureOf(stranger.counter('own').increment())).toMatchObject({ code: 'ZK_NO_AUTH' });
  expect(await alice.counter('own').get()).toBe(1n);
});

it.concurrent(
  'lives at a path of its own, whose parents it makes, and leaves nothing but the number once its session has ended',
  async () => {
    const path = '/neighbours/of/ours';
    {
      await using other = await Client.start(server.connectString, { rootPath: '/quiet' });
      expect(await other.counters.counter({ path }).increment()).toBe(1n);
      await Promise.all(['a', 'b', 'c'].map((name) => other.counter(name).increment()));
      expect((await admin.children('/quiet/receipts')).length).toBeGreaterThan(0);
    }
    expect(await admin.children('/quiet/receipts')).toEqual([]);
    expect(await client.counters.counter({ path }).get()).toBe(1n);
    expect(await admin.children('/neighbours/of')).toEqual(['ours']);
  },
);

it.concurrent('begins anew when the whole tree was wiped, also below a chroot', async () => {
  await admin.create('/chroot');
  await using below = await Client.start(`${server.connectString}/chroot`, { rootPath: '/' });
  const counter = below.counter('wiped');
  await counter.add(5);
  for (const folder of ['counters', 'receipts']) await admin.wipe(`/chroot/${folder}`);
  expect(await counter.increment()).toBe(1n);
  await using lost = await Client.start(`${server.connectString}/missing`);
  expect(await failureOf(lost.counter('wiped').increment())).toMatchObject({ code: 'ZK_MISSING_CHROOT' });
});

it.concurrent('refuses names, options, numbers and waits that cannot be used', async () => {
  const { counters } = client;
  const counter = counters.counter('checked');
  for (const [attempt, problem] of [
    [() => counters.counter(''), 'it is empty'],
    [() => counters.counter('a/b'), 'contains "/"'],
    [() => counters.counter({ path: 'a' }), 'must be an absolute path'],
    [() => counters.counter({ path: '/a//b' }), 'it is empty'],
    [() => counters.counter({ path: `/${'a'.repeat(1_000)}` }), '1001 characters'],
    [() => counters.counter({ path: '/soa/locks/a' }), 'kept by this library'],
    [() => counters.counter({ path: '/soa/receipts/a' }), 'kept by this library'],
    [() => counters.counter('a', { format: 'float' as 'text' }), "'int64', 'int32' or 'text'"],
    [() => counters.ids('a', { block: 0 }), 'from 1 to 1000000'],
    [() => counters.ids('a', { prefix: 1 as unknown as string }), 'must be text'],
    [() => counter.add(0.5), 'must be a whole number, received 0.5'],
    [() => counter.set(2 ** 60), 'which is not exact: use a bigint'],
    [() => counter.set('1' as unknown as number), 'received "1"'],
    [() => counter.increment({ waitMs: -1 }), 'milliseconds from 0'],
    [() => counter.get({ signal: 'no' as unknown as AbortSignal }), 'must be an AbortSignal'],
    [() => counters.ids('a').next({ waitMs: 1.5 }), 'milliseconds from 0'],
  ] as const) {
    const failure = await failureOf(Promise.resolve().then<unknown>(attempt));
    expect(failure).toMatchObject({ code: 'ZK_BAD_COUNTER', message: expect.stringContaining(problem) });
  }
  expect(await counter.get()).toBe(0n);
});

it.concurrent('is read with what was answered to somebody else before', async () => {
  await using linked = await Client.linked(server);
  await client.counter('read').set(3);
  linked.holder.link.resetCounts();
  expect(await linked.counter('read').get()).toBe(3n);
  expect(linked.holder.link.requestCount('sync')).toBe(1);
  // A change that is not made rests on what was read alone.
  expect(await linked.counter('read').compareAndSet(1, 2)).toBe(false);
  expect(linked.holder.link.requestCount('sync')).toBe(2);
  expect(await failureOf(within(linked.counters.counter('read', { format: 'int64' }).add(2n ** 63n - 1n), 'an answer'))).toMatchObject({
    code: 'ZK_COUNTER_RANGE',
  });
  expect(linked.holder.link.requestCount('sync')).toBe(3);
});
