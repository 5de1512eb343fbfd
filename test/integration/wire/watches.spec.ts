import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WatchEvent } from '../../../src/zookeeper/wire/operations.js';
import { eventually, failureOf } from '../../support/eventually.js';
import { startProxy } from '../../support/proxy.js';
import { startServer, type ZooKeeperServer } from '../../support/zookeeper.js';
import { RecordedWire } from './recorded-wire.js';

const empty = Buffer.alloc(0);
let server: ZooKeeperServer;
let operator: RecordedWire;
let names = 0;
const fresh = (): string => `/watched-${++names}`;

beforeAll(async () => {
  server = await startServer();
  operator = await RecordedWire.open(server.connectString, { sessionTimeoutMs: 10_000 });
});

afterAll(async () => {
  await operator?.connection.shutdown(5000);
  await server?.dispose();
});

function recorder(): { readonly events: string[]; readonly watch: (event: WatchEvent) => void } {
  const events: string[] = [];
  return { events, watch: (event) => events.push(`${event.type} ${event.path}`) };
}

/** How many watches the server keeps for all its clients. */
async function watchesOnServer(): Promise<number> {
  return Number(/Total watches:(\d+)/.exec(await server.fourLetter('wchs'))?.[1]);
}

describe('a watch', () => {
  it('tells of changes, deletion, creation and children, each once', async () => {
    await using wire = await RecordedWire.open(server.connectString);
    const path = fresh();
    const { events, watch } = recorder();
    await wire.exists(path, { watch });
    await wire.create(path, empty, 'persistent');
    await wire.get(path, { watch });
    await wire.set(path, empty, 0);
    await wire.set(path, empty, 1);
    await wire.exists(path, { watch });
    await wire.children(path, { watch });
    await wire.create(`${path}/child`, empty, 'persistent');
    await wire.delete(`${path}/child`, 0);
    await wire.children(path, { watch });
    await wire.delete(path, 2);
    await wire.sync('/');
    expect(events).toEqual([`created ${path}`, `changed ${path}`, `children ${path}`, `deleted ${path}`]);
    expect(wire.connection.watches.size).toBe(0);
  });

  it('is called before any later reply is delivered', async () => {
    await using wire = await RecordedWire.open(server.connectString);
    const path = await wire.create(fresh(), empty, 'persistent');
    const order: string[] = [];
    await wire.get(path, { watch: () => order.push('watch') });
    await Promise.all([wire.set(path, empty, 0).then(() => order.push('set')), wire.exists(path).then(() => order.push('exists'))]);
    expect(order).toEqual(['watch', 'set', 'exists']);
  });

  it('may throw, without harm to the others and to the connection', async () => {
    await using wire = await RecordedWire.open(server.connectString);
    const path = await wire.create(fresh(), empty, 'persistent');
    const { events, watch } = recorder();
    await wire.get(path, {
      watch: () => {
        throw new Error('boom');
      },
    });
    await wire.get(path, { watch });
    await wire.set(path, empty, 0);
    expect(events).toEqual([`changed ${path}`]);
    expect(wire.callbackFailures).toEqual([`a watcher of ${path}: Error: boom`]);
    expect(wire.attachments).toHaveLength(1);
  });

  it('can be left by many functions on one path, without a warning of a leak', async () => {
    await using wire = await RecordedWire.open(server.connectString);
    const path = await wire.create(fresh(), empty, 'persistent');
    const warnings: Error[] = [];
    const warn = (warning: Error): void => void warnings.push(warning);
    process.on('warning', warn);
    const recorders = Array.from({ length: 50 }, recorder);
    await Promise.all(recorders.map(({ watch }) => wire.get(path, { watch })));
    await wire.set(path, empty, 0);
    await new Promise(setImmediate);
    process.off('warning', warn);
    expect(warnings).toEqual([]);
    expect(recorders.map(({ events }) => events.length)).toEqual(Array.from({ length: 50 }, () => 1));
  });

  it('is not left by a read that fails or is given up', async () => {
    await using wire = await RecordedWire.open(server.connectString);
    const path = await wire.create(fresh(), empty, 'persistent');
    const before = await watchesOnServer();
    const { events, watch } = recorder();
    await failureOf(wire.get('/nowhere', { watch }));
    const controller = new AbortController();
    const read = wire.get(path, { watch, signal: controller.signal });
    controller.abort(new Error('gone'));
    await failureOf(read);
    await wire.set(path, empty, 0);
    await wire.sync('/');
    expect(events).toEqual([]);
    expect(wire.connection.watches.size).toBe(0);
    expect(await watchesOnServer()).toBe(before);
  });
});

describe('unwatch', () => {
  it('takes the watch out on the server with its last watcher, not before', async () => {
    await using wire = await RecordedWire.open(server.connectString);
    const path = await wire.create(fresh(), empty, 'persistent');
    const [first, second] = [recorder(), recorder()];
    await wire.get(path, { watch: first.watch });
    await wire.exists(path, { watch: second.watch });
    await wire.children(path, { watch: second.watch });
    wire.unwatch(path, first.watch);
    await wire.sync('/');
    expect(await server.fourLetter('wchp')).toContain(path);
    await wire.set(path, empty, 0);
    expect([first.events, second.events]).toEqual([[], [`changed ${path}`]]);
    await wire.get(path, { watch: second.watch });
    wire.unwatch(path, second.watch);
    await wire.sync('/');
    expect(await server.fourLetter('wchp')).not.toContain(path);
    expect(wire.connection.watches.size).toBe(0);
  });

  it('spares the watch of a read that is under way', async () => {
    await using wire = await RecordedWire.open(server.connectString);
    const path = await wire.create(fresh(), empty, 'persistent');
    const [first, second] = [recorder(), recorder()];
    await wire.get(path, { watch: first.watch });
    const read = wire.get(path, { watch: second.watch });
    wire.unwatch(path, first.watch);
    await read;
    await wire.set(path, empty, 0);
    await wire.sync('/');
    expect([first.events, second.events]).toEqual([[], [`changed ${path}`]]);
  });

  it('reaches a read that is under way', async () => {
    await using wire = await RecordedWire.open(server.connectString);
    const path = await wire.create(fresh(), empty, 'persistent');
    const { events, watch } = recorder();
    const read = wire.get(path, { watch });
    wire.unwatch(path, watch);
    await read;
    await wire.sync('/');
    expect(await server.fourLetter('wchp')).not.toContain(path);
    await wire.set(path, empty, 0);
    await wire.sync('/');
    expect(events).toEqual([]);
  });

  it('leaves nothing behind, here or on the server, of ten thousand watches', async () => {
    await using wire = await RecordedWire.open(server.connectString, { sessionTimeoutMs: 10_000 });
    const before = await watchesOnServer();
    const { watch } = recorder();
    const paths = Array.from({ length: 10_000 }, (_, index) => `/ten-thousand-${index}`);
    for (let from = 0; from < paths.length; from += 5000)
      await Promise.all(paths.slice(from, from + 5000).map((path) => wire.exists(path, { watch })));
    expect(await watchesOnServer()).toBe(before + 10_000);
    for (const path of paths) wire.unwatch(path, watch);
    await wire.sync('/');
    expect(await watchesOnServer()).toBe(before);
    expect(wire.connection.watches.size).toBe(0);
    expect(wire.attachments).toHaveLength(1);
  });
});

describe('after a reconnect', () => {
  it.each(['', '/below'])('what changed meanwhile is told, and the rest stays watched, with the chroot "%s"', async (chroot) => {
    await using proxy = await startProxy({ host: server.host, port: server.port });
    if (chroot !== '') await operator.create(chroot, empty, 'persistent');
    await using wire = await RecordedWire.open(proxy.connectString + chroot);
    const base = fresh();
    const at = (name: string): string => `${base}-${name}`;
    for (const name of ['data', 'deleted', 'children', 'set', 'gone', 'quiet']) await wire.create(at(name), empty, 'persistent');
    const { events, watch } = recorder();
    for (const name of ['data', 'deleted', 'quiet']) await wire.get(at(name), { watch });
    await wire.children(at('children'), { watch });
    for (const name of ['set', 'gone', 'made', 'unmade']) await wire.exists(at(name), { watch });

    proxy.refuse();
    proxy.resetAll();
    await wire.toDetach(1);
    await operator.set(chroot + at('data'), empty, 0);
    await operator.delete(chroot + at('deleted'), 0);
    await operator.create(`${chroot}${at('children')}/child`, empty, 'persistent');
    await operator.set(chroot + at('set'), empty, 0);
    await operator.delete(chroot + at('gone'), 0);
    await operator.create(chroot + at('made'), empty, 'persistent');
    expect(events).toEqual([]);
    proxy.pass();
    await wire.toAttach(2);
    const told = ['changed data', 'deleted deleted', 'children children', 'changed set', 'deleted gone', 'created made'];
    expect([...events].sort()).toEqual(told.map((line) => line.replace(' ', ` ${base}-`)).sort());

    await operator.set(chroot + at('quiet'), empty, 0);
    await operator.create(chroot + at('unmade'), empty, 'persistent');
    await eventually(() => expect(events.slice(6)).toEqual([`changed ${at('quiet')}`, `created ${at('unmade')}`]), {
      what: 'the watches that stayed',
    });
  });

  it('more watches than fit into one request are all set again, at the first try', async () => {
    await using proxy = await startProxy({ host: server.host, port: server.port });
    await using wire = await RecordedWire.open(proxy.connectString, { sessionTimeoutMs: 10_000 });
    const { events, watch } = recorder();
    // 12 000 names of 100 bytes: 1.2 MB, and a server reads at most 1 MiB in one piece.
    const paths = Array.from({ length: 12_000 }, (_, index) => `/${'x'.repeat(90)}-${index}`);
    for (let from = 0; from < paths.length; from += 4000)
      await Promise.all(paths.slice(from, from + 4000).map((path) => wire.exists(path, { watch })));
    proxy.refuse();
    proxy.resetAll();
    await wire.toDetach(1);
    const missed = paths.at(-1) ?? '';
    await operator.create(missed, empty, 'persistent');
    proxy.pass();
    await wire.toAttach(2);
    expect(events).toEqual([`created ${missed}`]);
    expect(proxy.requestCount('setWatches')).toBeGreaterThan(8);
    await operator.create(paths[0] ?? '', empty, 'persistent');
    await eventually(() => expect(events).toHaveLength(2), { what: 'a watch that was set again' });
    expect(wire.attachments).toHaveLength(2);
  });

  it('a watch whose reply was lost is not left', async () => {
    await using proxy = await startProxy({ host: server.host, port: server.port });
    await using wire = await RecordedWire.open(proxy.connectString);
    const path = await wire.create(fresh(), empty, 'persistent');
    const { watch } = recorder();
    const lost = proxy.loseReplyTo('getData');
    expect(await failureOf(wire.get(path, { watch }))).toMatchObject({ reason: 'connection-loss', details: { sent: true } });
    await lost;
    await wire.toAttach(2);
    expect(wire.connection.watches.size).toBe(0);
  });
});
