import { afterAll, beforeAll, expect, it } from 'vitest';
import { decodeEntry, holdIn, type Hold } from '../../../../src/zookeeper/recipes/lock-store/entry.js';
import { EnsembleKeyLocks } from '../../../../src/zookeeper/recipes/lock-store/ensemble-key-locks.js';
import type { LockAcquisition } from '../../../../src/zookeeper/recipes/lock-store/key-locks.js';
import { nodeNameOf } from '../../../../src/zookeeper/recipes/lock-store/key-name.js';
import { systemClock } from '../../../../src/zookeeper/support/clock.js';
import { startAdmin, type Admin } from '../../../support/admin.js';
import { eventually, failureOf, within, WITHIN_MS } from '../../../support/eventually.js';
import { startEnsemble, startServer, type ZooKeeperServer } from '../../../support/zookeeper.js';
import { Holder, LinkedHolder } from '../locks/holders.js';

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

const LONG_MS = 60_000;
const TAKE = '"kind":"take"';
const RENEW = '"kind":"renew"';

const storeOf = ({ sessions }: Holder, rootPath = '/soa', answerWaitMs = WITHIN_MS): EnsembleKeyLocks =>
  new EnsembleKeyLocks({ sessions, rootPath, clock: systemClock, answerWaitMs });
const pathOf = (key: string, rootPath = '/soa'): string => `${rootPath}/lock-store/${nodeNameOf(key)}`;
const linked = (address: string): Promise<LinkedHolder> => LinkedHolder.connect(server, address);
const started = (address: string): Promise<Holder> => Holder.start(server.connectString, address);

function tokenOf(answer: LockAcquisition): number {
  if (!answer.acquired) throw new Error('The key is held by somebody else.');
  return answer.fencingToken;
}

/** What the node of a key says, and when that was written. */
async function entryAt(
  path: string,
): Promise<{ readonly last: Hold | undefined; readonly hold: Hold | undefined; readonly mtimeMs: number }> {
  await using reader = await started('reader:1');
  const { data, stat } = await (await reader.session()).get(path);
  const entry = decodeEntry(data);
  return { last: entry?.last, hold: entry && holdIn(entry, stat), mtimeMs: stat.mtimeMs };
}

it.concurrent("an acquisition whose answer is lost is this owner's, once", async () => {
  await using a = await linked('a:1');
  const happened = a.loseReplyTo(TAKE);
  const taking = storeOf(a).acquire('lost take', 'a', LONG_MS);
  await within(happened, 'the lost reply');
  const token = tokenOf(await within(taking, 'the answer'));
  expect((await entryAt(pathOf('lost take'))).hold).toMatchObject({ owner: 'a', token: BigInt(token) });
});

it.concurrent('an acquisition that is still on its way when its connection is lost takes nothing after a refusal', async () => {
  await using a = await linked('a:1');
  await using b = await started('b:1');
  const store = storeOf(a);
  tokenOf(await storeOf(b).acquire('on its way', 'b', LONG_MS));
  // Without anything known of the leader's clock it is asked by a write, whose answer is lost.
  const happened = a.loseReplyTo(TAKE);
  const taking = store.acquire('on its way', 'a', LONG_MS);
  await within(happened, 'the lost reply');
  expect(await within(taking, 'the answer')).toEqual({ acquired: false });
  expect((await entryAt(pathOf('on its way'))).hold?.owner).toBe('b');
  expect(await storeOf(b).release('on its way', 'b')).toBe(true);
});

it.concurrent('a renewal and a release whose answers are lost are true', async () => {
  await using a = await linked('a:1');
  const store = storeOf(a);
  tokenOf(await store.acquire('lost rest', 'a', LONG_MS));
  for (const call of [() => store.renew('lost rest', 'a', LONG_MS), () => store.release('lost rest', 'a')]) {
    const happened = a.loseReplyTo(RENEW);
    const answer = call();
    await within(happened, 'the lost reply');
    expect(await within(answer, 'the answer')).toBe(true);
  }
  expect(await admin.exists(pathOf('lost rest'))).toBe(false);
});

it.concurrent('a session that ends in the middle of an acquisition is followed by the next, and one of the two has taken it', async () => {
  await using a = await linked('a:1');
  const store = storeOf(a);
  tokenOf(await store.acquire('other', 'a', LONG_MS));
  const held = a.holdRequest(TAKE);
  const taking = store.acquire('ended', 'a', LONG_MS);
  await within(held.held, 'the request');
  await admin.endSession(a.credentials.sessionId, a.credentials.password);
  held.release();
  tokenOf(await within(taking, 'the answer'));
  expect(await storeOf(a).acquire('ended', 'b', LONG_MS)).toEqual({ acquired: false });
});

it.concurrent('nobody takes over before the end by the clock of the leader, however many try', async () => {
  await using a = await started('a:1');
  await using b = await started('b:1');
  const first = tokenOf(await storeOf(a).acquire('end', 'a', 700));
  const { hold } = await entryAt(pathOf('end'));
  const next = await eventually(async () => tokenOf(await storeOf(b).acquire('end', 'b', LONG_MS)), { what: 'the take-over', everyMs: 1 });
  expect(next).toBeGreaterThan(first);
  const after = await entryAt(pathOf('end'));
  expect(after.last).toEqual(hold);
  expect(after.mtimeMs).toBeGreaterThanOrEqual(hold?.untilMs ?? Infinity);
});

it.concurrent('a renewal on its way while the lock expires is refused, and revives nothing', async () => {
  await using a = await linked('a:1');
  await using b = await started('b:1');
  const store = storeOf(a);
  tokenOf(await store.acquire('late', 'a', 300));
  const held = a.holdRequest(RENEW);
  const renewing = store.renew('late', 'a', LONG_MS);
  await within(held.held, 'the request');
  const { hold } = await entryAt(pathOf('late'));
  const session = await b.session();
  const leaderMs = async (): Promise<number> => (await session.set('/soa', Buffer.alloc(0), -1)).mtimeMs;
  await eventually(async () => expect(await leaderMs()).toBeGreaterThan(hold?.untilMs ?? Infinity), { what: 'the end of the lock' });
  held.release();
  expect(await within(renewing, 'the answer')).toBe(false);
  tokenOf(await storeOf(b).acquire('late', 'b', LONG_MS));
});

it.concurrent('who asks for a key that is held writes nothing while it knows what time it is', async () => {
  await using a = await linked('a:1');
  const store = storeOf(a);
  tokenOf(await store.acquire('quiet', 'a', LONG_MS));
  a.link.resetCounts();
  const startedMs = systemClock.monotonicMs();
  for (let times = 0; times < 20; times += 1) expect(await store.acquire('quiet', 'b', LONG_MS)).toEqual({ acquired: false });
  // What it knows of the clock of the leader is good for 10 s, and may be nearly that old when this begins.
  expect(a.link.writeCount).toBeLessThanOrEqual(1 + Math.floor((systemClock.monotonicMs() - startedMs) / 5_000));
});

it.concurrent('each call reads behind a sync, so that a server that lags does not speak of a lock that was given back', async () => {
  await using a = await linked('a:1');
  const store = storeOf(a);
  tokenOf(await store.acquire('sync', 'a', LONG_MS));
  a.link.resetCounts();
  expect(await store.renew('sync', 'b', LONG_MS)).toBe(false);
  expect([...a.link.requests.keys()].filter((op) => op !== 'ping')).toEqual(['sync', 'getData']);
});

it.concurrent('without an answer it says so within its limit, and gives back what was taken all the same', async () => {
  // A session that lasts so long that its connection is not given up first.
  await using patient = await startServer({ tickTimeMs: 2_000 });
  await using a = await LinkedHolder.connect(patient, 'a:1', { sessionTimeoutMs: 30_000 });
  const store = storeOf(a, '/soa', 10_000);
  tokenOf(await store.acquire('warm', 'a', LONG_MS));
  const held = a.holdRequest(TAKE);
  const taking = failureOf(store.acquire('silent', 'a', LONG_MS));
  await within(held.held, 'the request');
  expect(await taking).toMatchObject({ code: 'ZK_NOT_CONNECTED' });
  const givingBack = a.holdRequest(RENEW);
  held.release();
  await within(givingBack.held, 'it to be given back');
  await using b = await Holder.start(patient.connectString, 'b:1');
  const other = storeOf(b);
  expect(await other.acquire('silent', 'b', LONG_MS)).toEqual({ acquired: false });
  givingBack.release();
  await eventually(async () => tokenOf(await other.acquire('silent', 'b', LONG_MS)), { what: 'the key to be free again' });
});

it.concurrent('a store that is closed says so at once', async () => {
  await using a = await started('a:1');
  const store = storeOf(a);
  await store.close();
  expect(await failureOf(store.acquire('closed', 'a', LONG_MS))).toMatchObject({ code: 'ZK_NOT_CONNECTED' });
});

it.concurrent('tokens go on growing when everything is deleted, and when an ensemble counts from lower again', async () => {
  await using a = await started('a:1');
  const root = '/wiped';
  const store = storeOf(a, root);
  const first = tokenOf(await store.acquire('k', 'a', LONG_MS));
  await admin.wipe(root);
  const second = tokenOf(await store.acquire('k', 'a', LONG_MS));
  expect(second).toBeGreaterThan(first);
  // What a process that has seen a higher token leaves in the folder counts for everybody.
  const far = BigInt(second) + 1_000_000n;
  await admin.set(`${root}/lock-store`, `{"format":1,"floor":"${far}"}`);
  expect(await store.release('k', 'a')).toBe(true);
  await using b = await started('b:1');
  expect(tokenOf(await storeOf(b, root).acquire('k', 'b', LONG_MS))).toBeGreaterThan(Number(far));
});

it.concurrent('tokens go on growing in an ensemble that was restored empty, and for those who never saw the old one', async () => {
  await using restored = await startServer();
  await using a = await Holder.start(restored.connectString, 'a:1', { sessionTimeoutMs: 2_000 });
  const store = storeOf(a);
  let before = 0;
  for (let round = 0; round < 20; round += 1) {
    before = tokenOf(await store.acquire('k', 'a', LONG_MS));
    expect(await store.release('k', 'a')).toBe(true);
  }
  await restored.wipe();
  await restored.start();
  const after = await eventually(async () => tokenOf(await store.acquire('k', `${Math.random()}`, LONG_MS)), { what: 'the key' });
  expect(after).toBeGreaterThan(before);
  await using b = await Holder.start(restored.connectString, 'b:1');
  expect(tokenOf(await storeOf(b).acquire('other', 'b', LONG_MS))).toBeGreaterThan(before);
});

it.concurrent('a node that somebody else has written is refused by its path, and left as it is', async () => {
  await using a = await started('a:1');
  const store = storeOf(a);
  tokenOf(await store.acquire('foreign', 'a', LONG_MS));
  await admin.set(pathOf('foreign'), 'mine');
  for (const call of [store.acquire('foreign', 'b', 1), store.renew('foreign', 'a', 1), store.release('foreign', 'a')]) {
    expect(await failureOf(call)).toMatchObject({ code: 'ZK_LOCK_STORE_NODE', key: 'foreign', path: pathOf('foreign') });
  }
  expect(await admin.read(pathOf('foreign'))).toBe('mine');
});

it.concurrent('released keys leave no node, and of those whose owners have died the expired ones go', async () => {
  await using a = await started('a:1');
  const store = storeOf(a, '/idle');
  const left = (): Promise<string[]> => admin.children('/idle/lock-store');
  for (let index = 0; index < 20; index += 1) {
    tokenOf(await store.acquire(`used ${index}`, 'a', LONG_MS));
    expect(await store.release(`used ${index}`, 'a')).toBe(true);
  }
  expect(await left()).toEqual([]);
  await Promise.all(Array.from({ length: 110 }, (_, index) => store.acquire(`dead ${index}`, 'a', 1)));
  tokenOf(await store.acquire('alive', 'a', LONG_MS));
  // Another process, which has not looked for old keys yet.
  await using b = await started('b:1');
  tokenOf(await storeOf(b, '/idle').acquire('new', 'b', LONG_MS));
  const alive = [nodeNameOf('alive'), nodeNameOf('new')];
  await eventually(async () => expect((await left()).toSorted()).toEqual(alive), { what: 'the old ones to go' });
});

it.concurrent.each([
  ['', 'a', 1],
  [7, 'a', 1],
  ['k'.repeat(1_001), 'a', 1],
  ['k', '', 1],
  ['k', 'a', 0],
  ['k', 'a', 1.5],
  ['k', 'a', Infinity],
  ['k', 'a', '30s'],
])('arguments that cannot be used are refused before anything is sent (%#)', async (key, owner, ttl) => {
  await using a = new Holder(server.connectString, 'a:1');
  const store = storeOf(a) as unknown as { acquire(...given: readonly unknown[]): Promise<unknown> };
  expect(await failureOf(store.acquire(key, owner, ttl))).toMatchObject({ code: 'ZK_BAD_LOCK' });
  expect(a.sessions.state()).toEqual({ kind: 'idle' });
});

it('32 at once, with the leader killed among them: one of them gets each key, and what it holds is kept', async () => {
  await using ensemble = await startEnsemble(3);
  const holders = Array.from({ length: 8 }, (_, index) => new Holder(ensemble.connectString, `s:${index}`));
  await using all = { [Symbol.asyncDispose]: async () => void (await Promise.all(holders.map((one) => one[Symbol.asyncDispose]()))) };
  expect(all).toBeDefined();
  const stores = holders.map((holder) => storeOf(holder));
  const before = await Promise.all(stores.map(async (store, index) => tokenOf(await store.acquire(`before ${index}`, 'a', LONG_MS))));
  const keys = Array.from({ length: 20 }, (_, key) => `killed ${key}`);
  const winners: string[] = [];
  const answers = Promise.all(
    Array.from({ length: 32 }, async (_, caller) => {
      const store = stores[caller % 8] ?? expect.fail('no store');
      for (const key of keys) {
        // Whoever is not answered within the limit asks again.
        const answer = await eventually(() => store.acquire(key, `owner ${caller}`, 600_000), { what: 'an answer' });
        if (answer.acquired) winners.push(key);
      }
    }),
  );
  await (await ensemble.leader()).kill();
  await answers;
  expect(winners).toEqual([...new Set(winners)]);
  // What was taken without an answer in time is given back.
  const rest = keys.filter((key) => !winners.includes(key));
  for (const key of rest)
    await eventually(async () => tokenOf(await stores[0]!.acquire(key, 'rest', LONG_MS)), { what: `${key} to be free` });
  for (const [index, token] of before.entries()) {
    const store = stores[(index + 1) % 8] ?? expect.fail('no store');
    expect(await store.release(`before ${index}`, 'a')).toBe(true);
    expect(tokenOf(await store.acquire(`before ${index}`, 'b', LONG_MS))).toBeGreaterThan(token);
  }
});
