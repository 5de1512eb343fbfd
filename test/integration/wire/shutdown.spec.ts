import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually, failureOf, within } from '../../support/eventually.js';
import { startProxy } from '../../support/proxy.js';
import { startServer, type ZooKeeperServer } from '../../support/zookeeper.js';
import { startPeer } from './peer.js';
import { RecordedWire } from './recorded-wire.js';

const empty = Buffer.alloc(0);
let server: ZooKeeperServer;
let operator: RecordedWire;

beforeAll(async () => {
  server = await startServer();
  operator = await RecordedWire.open(server.connectString, { sessionTimeoutMs: 10_000 });
});

afterAll(async () => {
  await operator?.connection.shutdown(60_000);
  await server?.dispose();
});

/** How many sockets this process has. */
const sockets = (): number => process.getActiveResourcesInfo().filter((name) => /TCPSocket|TCPConnect|TLS/.test(name)).length;

async function expectNothingLeft(wire: RecordedWire, socketsBefore: number): Promise<void> {
  expect(wire.clock.pending).toBe(0);
  await eventually(() => expect(sockets()).toBeLessThanOrEqual(socketsBefore), { what: 'all sockets to be gone' });
}

it('ends an attached session at once, with its ephemeral nodes, and sends nothing more', async () => {
  const before = sockets();
  const wire = await RecordedWire.open(server.connectString);
  await wire.create('/attached', empty, 'ephemeral');
  const closing = wire.connection.shutdown(60_000);
  expect(await failureOf(wire.exists('/'))).toMatchObject({ reason: 'connection-loss', details: { sent: false } });
  expect(await closing).toBe('closed');
  expect(await wire.connection.shutdown(60_000)).toBe('closed');
  expect(await operator.exists('/attached')).toBeUndefined();
  expect(wire.ends).toEqual(['closed']);
  await expectNothingLeft(wire, before);
});

it('answers what was sent before it', async () => {
  const wire = await RecordedWire.open(server.connectString);
  const made = wire.create('/before', empty, 'ephemeral');
  expect(await wire.connection.shutdown(60_000)).toBe('closed');
  expect(await made).toBe('/before');
});

it('is done at once before connect, and connects no more', async () => {
  const wire = new RecordedWire(server.connectString);
  expect(await wire.connection.shutdown(60_000)).toBe('closed');
  wire.connection.connect();
  await new Promise(setImmediate);
  expect([wire.attachments, wire.failures]).toEqual([[], []]);
});

it('is done at once in the turn of connect, and while connecting', async () => {
  const before = sockets();
  const first = new RecordedWire(server.connectString);
  first.connection.connect();
  expect(await first.connection.shutdown(60_000)).toBe('closed');
  await using mute = await startPeer({ onConnect: () => {} });
  const second = new RecordedWire(mute.connectString);
  second.connection.connect();
  await eventually(() => expect(mute.accepted).toBe(1), { what: 'a connection that is not answered' });
  expect(await second.connection.shutdown(60_000)).toBe('closed');
  expect([...first.attachments, ...second.attachments]).toEqual([]);
  await mute[Symbol.asyncDispose]();
  for (const wire of [first, second]) await expectNothingLeft(wire, before);
});

it('is done at once while no server is there', async () => {
  const wire = new RecordedWire('127.0.0.9:1');
  wire.connection.connect();
  await eventually(() => expect(wire.failures.length).toBeGreaterThan(1), { what: 'two failed attempts' });
  expect(await within(wire.connection.shutdown(60_000), 'the shutdown')).toBe('closed');
  expect(wire.clock.pending).toBe(0);
});

it('attaches once more to end a detached session, so that its ephemeral nodes do not outlive it', async () => {
  await using proxy = await startProxy({ host: server.host, port: server.port });
  const wire = await RecordedWire.open(proxy.connectString, { sessionTimeoutMs: 10_000 });
  await wire.create('/detached', empty, 'ephemeral');
  proxy.refuse();
  proxy.resetAll();
  await wire.toDetach(1);
  const closing = wire.connection.shutdown(60_000);
  proxy.pass();
  expect(await closing).toBe('closed');
  expect(await operator.exists('/detached')).toBeUndefined();
  expect(wire.attachments).toHaveLength(1);
});

it('takes an expired session for closed', async () => {
  await using proxy = await startProxy({ host: server.host, port: server.port });
  const wire = await RecordedWire.open(proxy.connectString, { sessionTimeoutMs: 1000 });
  await wire.create('/expiring', empty, 'ephemeral');
  proxy.refuse();
  proxy.resetAll();
  await eventually(async () => expect(await operator.exists('/expiring')).toBeUndefined(), { what: 'the server to end the session' });
  const closing = wire.connection.shutdown(60_000);
  proxy.pass();
  expect(await closing).toBe('closed');
});

it('asks again when the answer to the end of the session is lost', async () => {
  await using proxy = await startProxy({ host: server.host, port: server.port });
  const wire = await RecordedWire.open(proxy.connectString);
  const lost = proxy.loseReplyTo('closeSession');
  expect(await wire.connection.shutdown(60_000)).toBe('closed');
  await lost;
});

it.each(['a half-open link', 'a hung server', 'a hung handshake'])('gives up within its limit on %s', async (fault) => {
  const before = sockets();
  await using hung = await startServer();
  await using proxy = await startProxy({ host: hung.host, port: hung.port });
  const wire = await RecordedWire.open(proxy.connectString, { sessionTimeoutMs: 10_000 });
  if (fault === 'a half-open link') proxy.hole();
  if (fault === 'a hung server') await hung.pause();
  if (fault === 'a hung handshake') {
    proxy.mute();
    proxy.resetAll();
    await wire.toDetach(1);
  }
  const waiting = failureOf(wire.connection.attached ? wire.sync('/') : Promise.reject(new Error('detached')));
  // Timers of one event loop come in their order, however slow the machine is.
  const later = wait(5000, 'not within its limit');
  expect(await Promise.race([wire.connection.shutdown(1000), later])).toBe('abandoned');
  await waiting;
  expect(wire.ends).toEqual(['abandoned']);
  if (fault === 'a hung server') await hung.resume();
  await proxy[Symbol.asyncDispose]();
  await expectNothingLeft(wire, before);
});
