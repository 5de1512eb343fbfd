import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startAdmin, type Admin } from '../../../support/admin.js';
import { eventually, within } from '../../../support/eventually.js';
import { startLockHolder } from '../../../support/lock-holder/lock-holder.js';
import { startNeighbour, type Interval, type Library, type Neighbour } from '../../../support/neighbours/neighbours.js';
import { startServer, type ZooKeeperServer } from '../../../support/zookeeper.js';
import { Holder } from './holders.js';

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

const nowUs = (): number => Number(process.hrtime.bigint() / 1_000n);

async function turns(holder: Holder, path: string, mode: 'read' | 'write', count: number): Promise<Interval[]> {
  const held: Interval[] = [];
  for (let turn = 0; turn < count; turn += 1) {
    const lock = await holder.readWrite({ path })[mode]();
    const first = nowUs();
    await admin.exists(path);
    held.push({ first, last: nowUs() });
    await lock.release();
  }
  return held;
}

/** Those who wrote while anybody else read or wrote. */
function disturbed(writers: readonly Interval[], readers: readonly Interval[]): readonly Interval[] {
  return writers.filter((writer) =>
    [...writers, ...readers].some((other) => other !== writer && other.first <= writer.last && other.last >= writer.first),
  );
}

describe.concurrent.each<{ library: Library }>([{ library: 'Curator' }, { library: 'kazoo' }])('beside $library', ({ library }) => {
  const path = (name: string): string => `/${library}/${name}`;
  const neighbour = (name: string, takes: 'read' | 'write'): Promise<Neighbour> =>
    startNeighbour(library, { connectString: server.connectString, takes, path: path(name) });
  const inLine = (name: string, count: number): Promise<void> =>
    eventually(async () => expect(await admin.children(path(name))).toHaveLength(count), { what: `${count} in line` });

  it('readers of both read together, and a writer of each waits for readers and writers of the other', async () => {
    await using ours = await Holder.start(server.connectString, 'ours:1');
    await using reader = await neighbour('both', 'read');
    await using writer = await neighbour('both', 'write');
    const lock = ours.readWrite({ path: path('both') });
    const reads = await lock.read();
    expect(await reader.tries()).toBe(true);
    expect(await writer.tries()).toBe(false);
    const writes = writer.acquire();
    await inLine('both', 3);
    expect(await lock.tryRead()).toBeUndefined();
    await reads.release();
    await inLine('both', 2);
    await reader.release();
    await within(writes, 'the writer of the other library');
    expect([await lock.tryRead(), await lock.tryWrite(), await reader.tries()]).toEqual([undefined, undefined, false]);
    const waiting = lock.write();
    await inLine('both', 2);
    await writer.release();
    const ownWriter = await within(waiting, 'our writer');
    expect([await reader.tries(), await writer.tries()]).toEqual([false, false]);
    await ownWriter.release();
    expect(await reader.tries()).toBe(true);
    expect([await lock.tryWrite(), (await lock.tryRead())?.held]).toEqual([undefined, true]);
    await reader.release();
  });

  it('no writer of either is disturbed under contention', async () => {
    await using a = await Holder.start(server.connectString, 'ours:2');
    await using b = await Holder.start(server.connectString, 'ours:3');
    await using theirWriter = await neighbour('busy', 'write');
    // A ReadLock of kazoo 2.8 waits for writers behind it, and they for it: its own bug, k#649.
    await using other = await neighbour('busy', library === 'kazoo' ? 'write' : 'read');
    const [written, read] = await Promise.all([
      turns(a, path('busy'), 'write', 15),
      turns(b, path('busy'), 'read', 15),
      theirWriter.turns(15),
      other.turns(15),
    ]);
    const [writers, readers] = [[...written, ...theirWriter.held], [...read]];
    (library === 'kazoo' ? writers : readers).push(...other.held);
    expect(writers.length + readers.length).toBe(60);
    expect(disturbed(writers, readers)).toEqual([]);
    await inLine('busy', 0);
  });

  it('a writer of either gets it when a reader of the other, that reads, is killed', async () => {
    await using theirs = await neighbour('killed', 'read');
    await using ours = await Holder.start(server.connectString, 'ours:4');
    await theirs.acquire();
    const waiting = ours.readWrite({ path: path('killed') }).write();
    await inLine('killed', 2);
    await theirs.process.kill('SIGKILL');
    await (await within(waiting, 'our writer')).release();
    await using process = await startLockHolder({ connectString: server.connectString, address: 'ours:5', sessionTimeoutMs: 2_000 });
    await using next = await neighbour('killed', 'write');
    await process.acquire({ path: path('killed') }, { mode: 'read' });
    const waits = next.acquire();
    await inLine('killed', 2);
    await process.process.kill('SIGKILL');
    await within(waits, 'the writer of the other library');
    await next.release();
    await inLine('killed', 0);
  });
});

it('a writer of Curator that waits does not get before one of ours that goes on as a reader; a reader of Curator does', async () => {
  const path = '/Curator/down';
  const start = (takes: 'read' | 'write'): Promise<Neighbour> =>
    startNeighbour('Curator', { connectString: server.connectString, takes, path });
  await using ours = await Holder.start(server.connectString, 'ours:6');
  await using reader = await start('read');
  await using writer = await start('write');
  const ownWriter = await ours.readWrite({ path }).write();
  const reads = reader.acquire();
  await eventually(async () => expect(await admin.children(path)).toHaveLength(2), { what: 'two in line' });
  const writes = writer.acquire();
  await eventually(async () => expect(await admin.children(path)).toHaveLength(3), { what: 'three in line' });
  const ownReader = await ownWriter.downgrade();
  await within(reads, 'the reader');
  await reader.release();
  await eventually(async () => expect(await admin.children(path)).toHaveLength(2), { what: 'two in line' });
  const [first] = (await ours.locks.inspect({ path })).holders;
  expect(first).toMatchObject({ address: 'ours:6', shares: true });
  expect(writer.process.messages.some(({ event }) => event === 'held')).toBe(false);
  await ownReader.release();
  await within(writes, 'the writer');
  await writer.release();
});
