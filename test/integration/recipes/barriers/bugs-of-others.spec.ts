// Bugs that barriers of other libraries had, each by its reference: c is apache/curator, N is Netflix/curator.
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { DoubleBarrier } from '../../../../src/zookeeper/recipes/barriers/barrier.js';
import { startAdmin, type Admin } from '../../../support/admin.js';
import { eventually, failureOf, within } from '../../../support/eventually.js';
import { startServer, type ZooKeeperServer } from '../../../support/zookeeper.js';
import { Holder, LinkedHolder } from '../locks/holders.js';
import { barriersOf, TIME_IS_OVER } from './guests.js';

let server: ZooKeeperServer;
let admin: Admin;

beforeAll(async () => {
  server = await startServer();
  admin = await startAdmin(server.connectString);
});

afterAll(async () => {
  await admin?.[Symbol.asyncDispose]();
  await server?.dispose();
});

const start = (address: string): Promise<Holder> => Holder.start(server.connectString, address);
const linked = (address: string): Promise<LinkedHolder> => LinkedHolder.connect(server, address);
const double = (holder: Holder, name: string, members = 2): DoubleBarrier => barriersOf(holder).double(name, members);
const below = (name: string): Promise<string[]> => admin.children(`/soa/barriers/double/${name}`);
const count = (name: string, number: number): Promise<void> =>
  eventually(async () => expect(await below(name)).toHaveLength(number), { what: `${number} nodes below ${name}` });

it.concurrent('c#1290 (2026): a connection that is lost and comes back is no arrival', async () => {
  await using a = await linked('a:1');
  await using b = await start('b:1');
  const [one, two] = [double(a, 'event'), double(b, 'event')];
  let isIn = false;
  const entering = one.enter().then(() => (isIn = true));
  await count('event', 1);
  const names = await below('event');
  for (let times = 0; times < 3; times += 1) {
    const before = a.link.connections.accepted;
    const looks = a.link.requestCount('getChildren2');
    a.link.resetAll();
    await eventually(() => expect(a.link.connections.accepted).toBeGreaterThan(before), { what: 'another connection' });
    await eventually(() => expect(a.link.requestCount('getChildren2')).toBeGreaterThan(looks), { what: 'another look' });
  }
  expect(isIn).toBe(false);
  // It has kept its place: the same node.
  expect(await below('event')).toEqual(names);
  await within(Promise.all([entering, two.enter()]), 'both to enter');
  await within(Promise.all([one.leave(), two.leave()]), 'both to leave');
});

it.concurrent('c#1055 (536), c#753 (233): leaving ends at its deadline, and the own node is gone then, whoever came first', async () => {
  await using a = await start('a:1');
  await using b = await start('b:1');
  await using c = await start('c:1');
  const byAddress = new Map([a, b, c].map((holder) => [holder.address, double(holder, 'deadline', 3)]));
  await within(Promise.all([...byAddress.values()].map((one) => one.enter())), 'all to enter');
  // The one whose name comes first would stay to the last.
  const names = (await below('deadline')).filter((name) => name !== 'ready').toSorted();
  const addresses = await Promise.all(names.map(async (name) => (await admin.read(`/soa/barriers/double/deadline/${name}`)) ?? ''));
  const [lowest, second, last] = addresses.map((address) => byAddress.get(address) ?? expect.fail('nobody'));
  for (const [index, one] of [lowest, second].entries()) {
    expect(await failureOf(one?.leave({ waitMs: 30 }) ?? Promise.resolve())).toMatchObject(TIME_IS_OVER);
    await count('deadline', 3 - index);
  }
  await within(last?.leave() ?? Promise.reject(new Error('there are three')), 'the last to leave');
  await count('deadline', 0);
});

it.concurrent('who leaves waits for those who have entered with it, and for nobody who comes for the next round', async () => {
  await using a = await start('a:1');
  await using b = await start('b:1');
  const [one, two] = [double(a, 'next'), double(b, 'next')];
  await within(Promise.all([one.enter(), two.enter()]), 'both to enter');
  await admin.create('/soa/barriers/double/next/another');
  await within(Promise.all([one.leave(), two.leave()]), 'both to leave');
  expect(await below('next')).toEqual(['another']);
});

it.concurrent('c#601 (80): whoever cannot enter takes its node with it', async () => {
  await using a = await start('a:1');
  const member = double(a, 'throws');
  const controller = new AbortController();
  const entering = failureOf(member.enter({ signal: controller.signal }));
  await count('throws', 1);
  await admin.create('/soa/barriers/double/throws/another');
  await admin.create('/soa/barriers/double/throws/stranger');
  controller.abort(new Error('enough'));
  expect(await entering).toMatchObject({ message: 'enough' });
  expect(await below('throws')).toEqual(['another', 'stranger']);
  expect(await failureOf(member.enter())).toMatchObject({ code: 'ZK_BARRIER_FULL' });
  await count('throws', 2);
});

it.concurrent(
  'c#850 (330): whoever has failed to enter, and a session that is over, do not stand in the way of entering again',
  async () => {
    await using a = await linked('a:1');
    await using b = await start('b:1');
    const [one, two] = [double(a, 'again'), double(b, 'again')];
    expect(await failureOf(one.enter({ waitMs: 30 }))).toMatchObject(TIME_IS_OVER);
    const entering = one.enter();
    await count('again', 1);
    await admin.endSession(a.credentials.sessionId, a.credentials.password);
    await within(Promise.all([entering, two.enter()]), 'both to enter');
    await within(Promise.all([one.leave(), two.leave()]), 'both to leave');
    await count('again', 0);
  },
);

it.concurrent('N#99: one too many does not break the barrier for the others', async () => {
  await using a = await start('a:1');
  await using b = await start('b:1');
  const members = [double(a, 'crowd'), double(b, 'crowd')];
  const [first, second] = members.map((one) => one.enter());
  await within(Promise.all([first, second]), 'both to enter');
  expect(await failureOf(double(b, 'crowd').enter())).toMatchObject({ code: 'ZK_BARRIER_FULL', barrier: 'crowd', members: 2 });
  await within(Promise.all(members.map((one) => one.leave())), 'both to leave');
  await count('crowd', 0);
});

it.concurrent('c PR#416: what wakes one who enters wakes nobody who leaves, and the other way round', async () => {
  await using a = await linked('a:1');
  await using b = await start('b:1');
  const [one, two] = [double(a, 'watch'), double(b, 'watch')];
  await within(Promise.all([one.enter(), two.enter()]), 'both to enter');
  let hasLeft = false;
  const leaving = one.leave().then(() => (hasLeft = true));
  await admin.create('/soa/barriers/double/watch/passer-by');
  await admin.delete('/soa/barriers/double/watch/passer-by');
  await admin.set('/soa/barriers/double/watch/ready', (await admin.read('/soa/barriers/double/watch/ready')) ?? '');
  expect(hasLeft).toBe(false);
  await within(Promise.all([leaving, two.leave()]), 'both to leave');
  let hasEntered = false;
  const entering = one.enter().then(() => (hasEntered = true));
  await count('watch', 1);
  const [own] = await below('watch');
  // It looks again each time, so it has not entered at the time before.
  for (let times = 0; times < 2; times += 1) {
    const looks = a.link.requestCount('getChildren2');
    await admin.set(`/soa/barriers/double/watch/${own}`, `changed ${times}`);
    await eventually(() => expect(a.link.requestCount('getChildren2')).toBeGreaterThan(looks), { what: 'another look' });
  }
  expect(hasEntered).toBe(false);
  await within(Promise.all([entering, two.enter()]), 'both to enter');
  await within(Promise.all([one.leave(), two.leave()]), 'both to leave');
});

it.concurrent('a node that somebody deletes is made again, and a barrier whose folder is deleted goes on', async () => {
  await using a = await start('a:1');
  await using b = await start('b:1');
  const [one, two] = [double(a, 'deleted'), double(b, 'deleted')];
  const entering = one.enter();
  await count('deleted', 1);
  await admin.wipe('/soa/barriers/double/deleted');
  await count('deleted', 1);
  await within(Promise.all([entering, two.enter()]), 'both to enter');
  await within(Promise.all([one.leave(), two.leave()]), 'both to leave');
});
