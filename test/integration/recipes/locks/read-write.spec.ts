// Also, by their references, the bugs that read-write locks of other libraries had: c is apache/curator, k is
// python-zk/kazoo.
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Lock } from '../../../../src/zookeeper/recipes/locks/lock.js';
import { startAdmin, type Admin } from '../../../support/admin.js';
import { eventually, failureOf, within } from '../../../support/eventually.js';
import { startServer, type ZooKeeperServer } from '../../../support/zookeeper.js';
import { Holder, LinkedHolder, RELEASE, SHARED, isHeldOrLapsed, renewed } from './holders.js';

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

const start = (address: string): Promise<Holder> => Holder.start(server.connectString, address);
const linked = (address: string, sessionTimeoutMs = 10_000): Promise<LinkedHolder> =>
  LinkedHolder.connect(server, address, { sessionTimeoutMs });
const lineOf = (name: string): Promise<string[]> => admin.children(`/soa/locks/${name}`);
const inLine = (name: string, count: number): Promise<void> =>
  eventually(async () => expect(await lineOf(name)).toHaveLength(count), { what: `${count} in line` });
const recordOf = async (name: string): Promise<Readonly<Record<string, unknown>>> =>
  JSON.parse(String(await admin.read(`/soa/locks/${name}`))) as Readonly<Record<string, unknown>>;

it.concurrent('readers hold it together, a writer alone, and who comes behind a writer waits for it', async () => {
  await using a = await start('a:1');
  await using b = await start('b:1');
  const [one, other] = await Promise.all([a.readWrite('order').read(), b.readWrite('order').read()]);
  expect([one, other].map(isHeldOrLapsed)).toEqual([true, true]);
  expect(await a.readWrite('order').tryWrite()).toBeUndefined();
  const writing = a.readWrite('order').write();
  await inLine('order', 3);
  expect(await b.readWrite('order').tryRead()).toBeUndefined();
  expect(await failureOf(b.readWrite('order').read({ waitMs: 20 }))).toMatchObject({ code: 'ZK_LOCK_BUSY' });
  const reading = b.readWrite('order').read();
  await inLine('order', 4);
  await one.release();
  await inLine('order', 3);
  expect((await a.locks.inspect('order')).holders).toMatchObject([{ address: 'b:1', shares: true }]);
  await other.release();
  const writer = await within(writing, 'the writer');
  for (const { fencingToken } of [one, other]) expect(writer.fencingToken).toBeGreaterThan(fencingToken);
  expect(await b.locks.tryAcquire('order')).toBeUndefined();
  await writer.release();
  const reader = await within(reading, 'the reader');
  expect(await b.locks.tryAcquire('order')).toBeUndefined();
  await reader.release();
  const mutex = await b.locks.tryAcquire('order');
  expect([mutex?.held, await a.readWrite('order').tryRead()]).toEqual([true, undefined]);
  await mutex?.release();
  await inLine('order', 0);
});

it.concurrent('k#649, k#650: a reader between two writers waits for the first alone, and the second for the reader', async () => {
  await using a = await start('a:2');
  await using b = await start('b:2');
  const first = await a.readWrite('between').write();
  const reading = b.readWrite('between').read();
  await inLine('between', 2);
  const second = a.readWrite('between').write();
  await inLine('between', 3);
  await first.release();
  const reader = await within(reading, 'the reader');
  await inLine('between', 2);
  await reader.release();
  await (await within(second, 'the second writer')).release();
});

it.concurrent('a reader that asks to write as well is refused when its time is over, and goes on to read', async () => {
  await using a = await start('a:3');
  const reader = await a.readWrite('upgrade').read();
  expect(await a.readWrite('upgrade').tryWrite()).toBeUndefined();
  expect(await failureOf(a.readWrite('upgrade').write({ waitMs: 50 }))).toMatchObject({ code: 'ZK_LOCK_BUSY' });
  await inLine('upgrade', 1);
  expect(isHeldOrLapsed(reader)).toBe(true);
  await reader.release();
});

it.concurrent('CURATOR-621: a writer goes on as a reader before all who wait; a writer behind it gets the lock after it', async () => {
  await using a = await start('a:4');
  await using b = await start('b:4');
  const writer = await a.readWrite('down').write();
  const writing = b.readWrite('down').write();
  await inLine('down', 2);
  const reader = await writer.downgrade();
  expect([writer.held, writer.signal.aborted, isHeldOrLapsed(reader)]).toEqual([false, true, true]);
  expect(reader.fencingToken).toBeGreaterThan(writer.fencingToken);
  await writer.release();
  expect(isHeldOrLapsed(reader)).toBe(true);
  // In the form of Curator: the writer's sequence, then its own.
  const waits = (await lineOf('down')).find((name) => name.includes('__WRIT__'));
  const reads = (await lineOf('down')).find((name) => name.includes('__READ__'));
  expect(reads?.slice(-20, -10)).toBe('0000000000');
  expect(waits?.slice(-10)).toBe('0000000001');
  expect(await b.readWrite('down').tryRead()).toBeUndefined();
  await inLine('down', 2);
  await reader.release();
  await (await within(writing, 'the writer')).release();
  await inLine('down', 0);
});

it.concurrent('a downgrade lets readers in that waited, and is done once when its reply is lost', async () => {
  await using a = await linked('a:5');
  await using b = await start('b:5');
  const writer = await a.readWrite('lost-down').write();
  const reading = b.readWrite('lost-down').read();
  await inLine('lost-down', 2);
  const happened = a.loseReplyTo(SHARED);
  const reader = await within(writer.downgrade(), 'the downgrade');
  await happened;
  const other = await within(reading, 'the reader');
  expect([reader, other].map(isHeldOrLapsed)).toEqual([true, true]);
  await inLine('lost-down', 2);
  await Promise.all([reader.release(), other.release()]);
  await inLine('lost-down', 0);
  expect((await recordOf('lost-down'))['state']).toBe('released');
});

it.concurrent('a downgrade of what is lost fails, and leaves nothing', async () => {
  await using a = await linked('a:6');
  const writer = await a.readWrite('no-down').write();
  const [node] = await lineOf('no-down');
  const held = a.holdRequest(SHARED);
  const failure = failureOf(writer.downgrade());
  await within(held.held, 'the downgrade');
  await admin.delete(`/soa/locks/no-down/${node}`);
  held.release();
  expect(await failure).toMatchObject({ code: 'ZK_LOCK_LOST' });
  expect(writer.held).toBe(false);
  await inLine('no-down', 0);
  expect(await failureOf(writer.downgrade())).toMatchObject({ code: 'ZK_LOCK_LOST' });
  const mutex = await a.locks.acquire('no-down', {});
  expect(await failureOf(mutex.downgrade())).toMatchObject({ code: 'ZK_BAD_LOCK' });
  expect(isHeldOrLapsed(mutex)).toBe(true);
  await mutex.release();
});

it.concurrent('a downgrade that ZooKeeper refuses gives the lock up, once it may be deleted', async () => {
  await using a = await start('a:7');
  const writer = await a.readWrite('refused-down').write();
  await admin.setRights('/soa/locks/refused-down', 'read');
  expect(await failureOf(writer.downgrade())).toMatchObject({ code: 'ZK_NO_AUTH' });
  expect(writer.held).toBe(false);
  await admin.setRights('/soa/locks/refused-down', 'all');
  await inLine('refused-down', 0);
});

for (const [what, strike] of [
  ['its session is ended by force', (reader: LinkedHolder) => admin.endSession(reader.credentials.sessionId, reader.credentials.password)],
  ['its node is deleted', async (_: LinkedHolder, name: string) => admin.delete(`/soa/locks/${name}/${(await lineOf(name))[0]}`)],
] as const) {
  it.concurrent(`a writer does not begin while a reader behind a half-open link may believe, when ${what}`, async () => {
    const name = `half-open-${what.length}`;
    await using a = await linked('a:8');
    await using b = await start('b:8');
    const reader = await a.readWrite(name).read();
    let whenTaken: boolean | undefined;
    const writing = b
      .readWrite(name)
      .write()
      .then((writer) => {
        whenTaken = reader.held;
        return writer;
      });
    await inLine(name, 2);
    await renewed(a, reader);
    await strike(a, name);
    const writer = await within(writing, 'the writer');
    expect([whenTaken, reader.held]).toEqual([false, false]);
    expect(writer.fencingToken).toBeGreaterThan(reader.fencingToken);
    a.link.pass();
    await writer.release();
  });
}

it.concurrent('a reader that has gone without a release is forgotten by later readers when it cannot believe any more', async () => {
  await using a = await linked('a:9', 4_000);
  await using b = await start('b:9');
  await a.readWrite('forgotten').read();
  await admin.endSession(a.credentials.sessionId, a.credentials.password);
  await inLine('forgotten', 0);
  const kept = await b.readWrite('forgotten').read();
  expect((await recordOf('forgotten'))['sharers']).toHaveLength(2);
  await eventually(
    async () => {
      await (await b.readWrite('forgotten').read()).release();
      expect((await recordOf('forgotten'))['sharers']).toMatchObject([[expect.any(String), 'b:9', expect.any(Number)]]);
    },
    { what: 'the one who has gone to be forgotten' },
  );
  await kept.release();
  expect((await b.readWrite('forgotten').tryWrite())?.held).toBe(true);
});

it.concurrent('a reader is named once, and out again, when the replies to its claim and its release are lost', async () => {
  await using a = await linked('a:10');
  await using b = await start('b:10');
  const other = await b.readWrite('lost').read();
  const claimed = a.loseReplyTo(SHARED);
  const reader = await within(a.readWrite('lost').read(), 'the reader');
  await claimed;
  expect((await recordOf('lost'))['sharers']).toMatchObject([
    [expect.any(String), 'b:10', expect.any(Number)],
    [expect.any(String), 'a:10', expect.any(Number)],
  ]);
  const released = a.loseReplyTo(SHARED);
  await within(reader.release(), 'the release');
  await released;
  expect((await recordOf('lost'))['sharers']).toMatchObject([[expect.any(String), 'b:10', expect.any(Number)]]);
  await other.release();
  expect(await admin.read('/soa/locks/lost')).toContain(RELEASE);
  await inLine('lost', 0);
});

it.concurrent('readers whose record was edited by hand are not forgotten by those who come after', async () => {
  await using a = await linked('a:11');
  await using b = await start('b:11');
  const reader = await a.readWrite('edited').read();
  await admin.set('/soa/locks/edited', 'by hand');
  const other = await b.readWrite('edited').read();
  expect((await recordOf('edited'))['sharers']).toHaveLength(2);
  await renewed(a, reader);
  await admin.endSession(a.credentials.sessionId, a.credentials.password);
  await other.release();
  const writer = await b.readWrite('edited').write();
  expect([reader.held, isHeldOrLapsed(writer)]).toEqual([false, true]);
  a.link.pass();
  await writer.release();
});

it.concurrent('a reader that waits behind a writer is not taken for a holder when nothing is known of who held it', async () => {
  await using a = await start('a:16');
  const lock = a.readWrite({ path: '/unknown/lock' });
  const waiting: Promise<Lock>[] = [];
  for (const mode of ['read', 'write', 'read'] as const) {
    waiting.push(lock[mode]());
    await eventually(async () => expect(await admin.children('/unknown/lock')).toHaveLength(waiting.length), { what: 'its node' });
  }
  for (const next of waiting) await (await within(next, 'the next one')).release();
});

it.concurrent('fifty readers at once of one process get it with few writes each, and give it back', async () => {
  await using a = await linked('a:12');
  await (await a.readWrite('many').read()).release();
  let writes = 0;
  a.link.onFrame(({ kind, op }) => {
    if (kind === 'request' && op === 'multi') writes += 1;
    return 'pass';
  });
  const readers = await Promise.all(Array.from({ length: 50 }, () => a.readWrite('many').read()));
  expect(readers.filter(({ held }) => !held)).toEqual([]);
  expect((await recordOf('many'))['sharers']).toHaveLength(50);
  await Promise.all(readers.map((reader) => reader.release()));
  await inLine('many', 0);
  // A claim and a release of each; the first release may find the record changed; renewals beside them.
  expect(writes).toBeLessThan(3 * 50);
});

it.concurrent('a release, of a reader and of a writer, on a lost connection is carried out when it is back', async () => {
  await using a = await linked('a:13');
  for (const mode of ['read', 'write'] as const) {
    const held = await a.readWrite('away')[mode]();
    a.link.refuse();
    a.link.resetAll();
    const released = held.release();
    a.link.pass();
    await within(released, 'the release');
    await inLine('away', 0);
  }
  expect((await a.readWrite('away').tryWrite())?.held).toBe(true);
});

it.concurrent('c#827 (307), c#732 (211): a waiter whose node, or whole line, has gone stands in line again', async () => {
  await using a = await linked('a:14');
  const writer = await a.readWrite('gone').write();
  const [first] = await lineOf('gone');
  const reading = a.readWrite('gone').read();
  await inLine('gone', 2);
  const own = (await lineOf('gone')).find((name) => name !== first);
  await admin.delete(`/soa/locks/gone/${own}`);
  await eventually(
    async () => {
      const line = await lineOf('gone');
      expect(line).toHaveLength(2);
      expect(line).not.toContain(own);
    },
    { what: 'a new node' },
  );
  await admin.wipe('/soa/locks/gone');
  await eventually(() => expect(writer.held).toBe(false), { what: 'the loss' });
  await (await within(reading, 'the reader')).release();
  await writer.release();
});

it.concurrent('CURATOR-607, CURATOR-662: where the node of each stands can be read', async () => {
  await using a = await start('a:15');
  await using one = await a.readWrite('seen').read();
  await using other = await a.readWrite('seen').read();
  const writing = a.readWrite('seen').write();
  await inLine('seen', 3);
  const { holder, holders, waiting } = await a.locks.inspect('seen');
  const nodes = [...holders, ...waiting].map(({ node }) => node);
  expect(nodes).toEqual(
    (await lineOf('seen')).map((name) => `/soa/locks/seen/${name}`).toSorted((one, other) => (one.slice(-10) < other.slice(-10) ? -1 : 1)),
  );
  expect([holder, holders.length, waiting[0]?.shares]).toEqual([holders[0], 2, false]);
  await other.release();
  await one.release();
  await (await writing).release();
});
