import { appendFileSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { temporaryDirectory } from '../../../scripts/support/guard.mjs';
import { FileStorage } from '../../../src/testing/zookeeper/server/file-storage.js';
import { startTestZookeeper } from '../../../src/testing/zookeeper/start.js';
import type { TestZookeeper } from '../../../src/testing/zookeeper/test-zookeeper.js';
import { creation, RawClient } from '../../support/raw-client.js';

let root: ReturnType<typeof temporaryDirectory>;
let directory: string;
let count = 0;

beforeAll(() => void (root = temporaryDirectory('test-zookeeper')));
beforeEach(() => void (directory = join(root.path, String((count += 1)))));
afterAll(() => root.remove());

/** Everything of a server that clients can see. */
async function seen(server: TestZookeeper): Promise<unknown> {
  await using client = await RawClient.connect(server);
  const found: unknown[] = [];
  for (const path of await server.paths()) {
    const { body } = await client.ask('exists', (to) => to.text(path).bool(false));
    const acl = (await client.ask('getAcl', (to) => to.text(path))).body;
    const entries = acl.list(() => [acl.int(), acl.text(), acl.text()]);
    const stat = [body.long(), body.long(), body.long(), body.long(), body.int(), body.int(), body.int(), body.long()];
    found.push({ path, data: (await server.read(path))?.toString(), stat, entries });
  }
  return found;
}

async function fill(server: TestZookeeper): Promise<RawClient['session']> {
  await using client = await RawClient.connect(server, { timeoutMs: 60_000 });
  await client.ask('create', creation('/a', { data: 'one' }));
  await client.ask('create', creation('/a/b', { data: 'two', acl: [[31, 'ip', '127.0.0.1'], [1, 'world', 'anyone']] })); // prettier-ignore
  await client.ask('create', creation('/a/c'));
  await client.ask('delete', (to) => to.text('/a/c').int(-1));
  await client.ask('setData', (to) => to.text('/a').buffer(Buffer.from('three')).int(0));
  await client.ask('create', creation('/e', { mode: 1 }));
  return client.session;
}

it('keeps nodes, their stats and rights, and sessions, from one server to the next', async () => {
  let before: unknown;
  let session: RawClient['session'];
  {
    await using server = await startTestZookeeper({ directory });
    session = await fill(server);
    before = await seen(server);
  }
  await using server = await startTestZookeeper({ directory });
  expect(await seen(server)).toEqual(before);
  await using back = await RawClient.connect(server, { session, timeoutMs: 60_000 });
  expect(back.session.id).toBe(session.id);
  expect(await server.ownerOf('/e')).toBe(session.id);
  expect((await back.ask('create', creation('/a/d'))).error).toBe(0);
});

it('goes on from a log whose last record was cut short, without that record', async () => {
  {
    await using server = await startTestZookeeper({ directory });
    await fill(server);
    await using client = await RawClient.connect(server);
    await client.ask('create', creation('/last'));
    await server.stop();
  }
  const log = join(directory, 'log.0');
  truncateSync(log, statSync(log).size - 3);
  {
    await using server = await startTestZookeeper({ directory });
    expect(await server.paths()).toEqual(['/a', '/a/b', '/e']);
    await using client = await RawClient.connect(server);
    await client.ask('create', creation('/next'));
  }
  appendFileSync(log, Buffer.from('half a record'));
  await using server = await startTestZookeeper({ directory });
  expect(await server.paths()).toEqual(['/a', '/a/b', '/e', '/next']);
});

it('brings nothing back that stood behind a damaged record', async () => {
  {
    await using server = await startTestZookeeper({ directory });
    for (const path of ['/1', '/2']) await (await RawClient.connect(server)).ask('create', creation(path));
  }
  const log = join(directory, 'log.0');
  const bytes = readFileSync(log);
  // The third record opens the second session: a record as long as that which a new session writes in its place.
  let at = 0;
  for (let record = 1; record < 3; record += 1) at += 8 + bytes.readUInt32BE(at);
  bytes[at + 12] = 255 - bytes[at + 12]!;
  writeFileSync(log, bytes);
  for (const start of ['first', 'second']) {
    await using server = await startTestZookeeper({ directory });
    expect([start, await server.paths()]).toEqual([start, ['/1']]);
    await using client = await RawClient.connect(server);
    expect(client.timeoutMs).toBe(10_000);
  }
});

it('begins a new snapshot when the log has grown, and keeps no older one', async () => {
  const settings = { directory };
  await using server = await startTestZookeeper(settings);
  await fill(server);
  await server.stop();
  const storage = new FileStorage(directory, { snapshotAfterBytes: 1 });
  const image = storage.open();
  storage.append({ txn: { zxid: image.tree.zxid + 1n, puts: new Map() } }, () => image);
  storage.close();
  expect(readdirSync(directory).sort()).toEqual(['log.1', 'snapshot.1']);
  await server.start();
  expect(await server.paths()).toEqual(['/a', '/a/b', '/e']);
});

it('refuses a directory that another server has, and takes over one whose server was killed', async () => {
  await using first = await startTestZookeeper({ directory });
  await expect(startTestZookeeper({ directory })).rejects.toThrow(/belongs to a server of process/);
  await first.close();
  // The number of a process that cannot be: Linux gives at most 2^22.
  writeFileSync(join(directory, 'owner'), String(2 ** 30));
  await using second = await startTestZookeeper({ directory });
  expect(await second.paths()).toEqual([]);
});

it('refuses a snapshot that is damaged', async () => {
  {
    await using server = await startTestZookeeper({ directory });
    await fill(server);
    await server.backup();
    await server.restart({ keep: 'older' });
  }
  const snapshot = join(directory, 'snapshot.1');
  truncateSync(snapshot, statSync(snapshot).size - 1);
  await expect(startTestZookeeper({ directory })).rejects.toThrow(/snapshot\.1 is damaged/);
});

it('restores what was backed up, or nothing, also on the disk', async () => {
  await using server = await startTestZookeeper({ directory });
  await fill(server);
  await server.backup();
  const later = await RawClient.connect(server);
  await later.ask('create', creation('/later'));
  await server.restart({ keep: 'all' });
  expect(await server.paths()).toContain('/later');
  await server.restart({ keep: 'older' });
  expect(await server.paths()).toEqual(['/a', '/a/b', '/e']);
  await server.restart({ keep: 'nothing' });
  expect(await server.paths()).toEqual([]);
  await server.close();
  await using next = await startTestZookeeper({ directory });
  expect(await next.paths()).toEqual([]);
});
