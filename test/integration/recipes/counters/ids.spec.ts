import { afterAll, beforeAll, expect, it } from 'vitest';
import { startAdmin, type Admin } from '../../../support/admin.js';
import { failureOf, within } from '../../../support/eventually.js';
import { startServer, type ZooKeeperServer } from '../../../support/zookeeper.js';
import { Client, LONG_SESSION_MS, LONG_TICK_MS, loseChange } from './clients.js';

let server: ZooKeeperServer;
let admin: Admin;
let client: Client;

beforeAll(async () => {
  server = await startServer({ tickTimeMs: LONG_TICK_MS });
  admin = await startAdmin(server.connectString);
  client = await Client.start(server.connectString);
});

afterAll(async () => {
  await client?.[Symbol.asyncDispose]();
  await admin?.[Symbol.asyncDispose]();
  await server?.dispose();
});

const upTo = (last: number): bigint[] => Array.from({ length: last }, (_, index) => BigInt(index + 1));
const sorted = (numbers: readonly bigint[]): bigint[] => numbers.toSorted((a, b) => (a < b ? -1 : 1));

it.concurrent('are numbers from 1, each higher than what was answered before to whomever', async () => {
  await using other = await Client.start(server.connectString);
  const ids = client.counters.ids('single');
  expect(ids.name).toBe('single');
  const got: bigint[] = [];
  for (let turn = 0; turn < 5; turn += 1) got.push(await ids.next(), await other.counters.ids('single').next());
  expect(got).toEqual(upTo(10));
  const together = await Promise.all(Array.from({ length: 50 }, (_, index) => [client, other][index % 2]!.counters.ids('single').next()));
  expect(sorted(together)).toEqual(upTo(60).slice(10));
});

it.concurrent('are names that sort as the numbers do', async () => {
  expect(await client.counters.ids('invoice').nextName()).toBe('invoice-0000000001');
  expect(await client.counters.ids('invoice', { prefix: 'INV' }).nextName()).toBe('INV0000000002');
  expect(await client.counters.ids({ path: '/shop/order' }).nextName()).toBe('order-0000000001');
  await client.counters.counter({ path: '/shop/order' }).set(12_345_678_901n);
  expect(await client.counters.ids({ path: '/shop/order' }).nextName()).toBe('order-12345678902');
});

it.concurrent('come from blocks that the process takes for itself, with one transaction for each', async () => {
  await using linked = await Client.linked(server);
  await using other = await Client.start(server.connectString);
  const next = (): Promise<bigint> => linked.counters.ids('blocks', { block: 100 }).next();
  expect(await next()).toBe(1n);
  expect(await other.counters.ids('blocks', { block: 100 }).next()).toBe(101n);
  linked.holder.link.resetCounts();
  expect(await Promise.all(Array.from({ length: 99 }, next))).toEqual(upTo(100).slice(1));
  expect(linked.holder.link.requestCount('multi')).toBe(0);
  // One who fetches is enough, however many wait.
  const more = await Promise.all(Array.from({ length: 250 }, next));
  expect(more).toEqual(Array.from({ length: 250 }, (_, index) => BigInt(201 + index)));
  expect(linked.holder.link.requestCount('multi')).toBe(3);
  // Another size has a block of its own.
  expect(await linked.counters.ids('blocks', { block: 10 }).next()).toBe(501n);
  expect(await next()).toBe(451n);
});

for (const block of [1, 10]) {
  it.concurrent(`leave a number out rather than give it twice, when a reply and the session are lost (blocks of ${block})`, async () => {
    await using linked = await Client.linked(server, { rootPath: `/lost-${block}`, sessionTimeoutMs: LONG_SESSION_MS });
    const ids = linked.counters.ids('n', { block });
    expect(await ids.next()).toBe(1n);
    for (let turn = 1; turn < block; turn += 1) await ids.next();
    const lost = loseChange(linked.holder, `/lost-${block}/ids/n`, true);
    const answer = ids.next({ waitMs: 120_000 });
    await within(lost, 'the loss');
    const { sessionId, password } = linked.holder.credentials;
    await admin.endSession(sessionId, password);
    linked.holder.link.pass();
    expect(await within(answer, 'the answer')).toBe(BigInt(2 * block + 1));
  });
}

it.concurrent('go on above the highest that this process has taken, when the node was deleted or set back by hand', async () => {
  const ids = client.counters.ids('deleted');
  for (let turn = 0; turn < 5; turn += 1) await ids.next();
  await admin.delete('/soa/ids/deleted');
  expect(await ids.next()).toBe(6n);
  await using other = await Client.start(server.connectString);
  expect(await other.counters.ids('deleted').next()).toBe(7n);
  await admin.set('/soa/ids/deleted', '');
  expect(await ids.next()).toBe(7n);
  expect(await other.counters.ids('deleted').next()).toBe(8n);
});

it.concurrent('end with the last number, and say so', async () => {
  const path = '/shop/last';
  await client.counters.counter({ path }).set(2n ** 63n - 2n);
  expect(await client.counters.ids({ path }).next()).toBe(2n ** 63n - 1n);
  expect(await failureOf(client.counters.ids({ path }).next())).toMatchObject({ code: 'ZK_COUNTER_RANGE' });
  expect(await failureOf(client.counters.ids({ path }, { block: 5 }).next())).toMatchObject({ code: 'ZK_COUNTER_RANGE' });
});

it.concurrent('are waited for as long as each caller says, also by those who wait for the block of another', async () => {
  await using linked = await Client.linked(server, { rootPath: '/waits' });
  const ids = linked.counters.ids('n', { block: 10 });
  const at = linked.holder.link.hold((frame) => frame.kind === 'request' && frame.op === 'getData');
  const controller = new AbortController();
  const fetching = failureOf(ids.next({ signal: controller.signal }));
  await within(at.held, 'the read');
  const second = new AbortController();
  const [late, aborted, patient] = [failureOf(ids.next({ waitMs: 1 })), failureOf(ids.next({ signal: second.signal })), ids.next()];
  expect(await late).toMatchObject({ code: 'ZK_COUNTER_BUSY' });
  second.abort(new Error('no more'));
  expect(await aborted).toMatchObject({ message: 'no more' });
  // Whoever waits for somebody who gives up fetches in its turn.
  controller.abort(new Error('enough'));
  expect(await fetching).toMatchObject({ message: 'enough' });
  at.release();
  expect(await within(patient, 'the number')).toBe(1n);
  expect(await failureOf(ids.next({ signal: controller.signal }))).toMatchObject({ message: 'enough' });
  expect(await ids.next()).toBe(2n);
});
