import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually, failureOf } from '../../support/eventually.js';
import { startProxy } from '../../support/proxy.js';
import { startServer, type ZooKeeperServer } from '../../support/zookeeper.js';
import { frame, startPeer, welcome } from './peer.js';
import { IN_ORDER, RecordedWire } from './recorded-wire.js';

const empty = Buffer.alloc(0);
let server: ZooKeeperServer;
let operator: RecordedWire;

beforeAll(async () => {
  server = await startServer();
  operator = await RecordedWire.open(server.connectString, { sessionTimeoutMs: 10_000 });
});

afterAll(async () => {
  await operator?.connection.shutdown(5000);
  await server?.dispose();
});

it('attaches again after a connection was cut in the middle of a frame', async () => {
  await using proxy = await startProxy({ host: server.host, port: server.port });
  await using wire = await RecordedWire.open(proxy.connectString);
  const { id } = wire.connection;
  await wire.create('/large', Buffer.alloc(20_000), 'persistent');
  proxy.cutAfter('to-client', 5000);
  expect(await failureOf(wire.get('/large'))).toMatchObject({ reason: 'connection-loss', details: { sent: true } });
  await wire.toAttach(2);
  expect((await wire.get('/large')).data).toHaveLength(20_000);
  expect(wire.connection.id).toBe(id);
});

it('says of a write whose reply was lost that it may have happened, and does not repeat it', async () => {
  await using proxy = await startProxy({ host: server.host, port: server.port });
  await using wire = await RecordedWire.open(proxy.connectString);
  const lost = proxy.loseReplyTo('create');
  expect(await failureOf(wire.create('/lost-', empty, 'ephemeral-sequential'))).toMatchObject({
    reason: 'connection-loss',
    details: { sent: true },
    outcomeUnknown: true,
  });
  await lost;
  await wire.toAttach(2);
  await wire.sync('/');
  const made = (await wire.children('/')).names.filter((name) => name.startsWith('lost-'));
  expect(made).toHaveLength(1);
  expect(await wire.exists(`/${made[0]}`)).toMatchObject({ ephemeralOwner: wire.connection.id });
});

it('does nothing later that was asked for while there was no connection', async () => {
  await using proxy = await startProxy({ host: server.host, port: server.port });
  await using wire = await RecordedWire.open(proxy.connectString);
  proxy.refuse();
  proxy.resetAll();
  await wire.toDetach(1);
  const failure = await failureOf(wire.create('/too-late', empty, 'ephemeral'));
  expect(failure).toMatchObject({ reason: 'connection-loss', details: { sent: false }, outcomeUnknown: false });
  proxy.pass();
  await wire.toAttach(2);
  await wire.sync('/');
  expect(await wire.exists('/too-late')).toBeUndefined();
});

it('is told of the end of its session by the next server, and sends nothing more', async () => {
  await using proxy = await startProxy({ host: server.host, port: server.port });
  await using wire = await RecordedWire.open(proxy.connectString, { sessionTimeoutMs: 1000 });
  let fired = 0;
  await wire.exists('/never', { watch: () => fired++ });
  await wire.create('/short-lived', empty, 'ephemeral');
  proxy.refuse();
  proxy.resetAll();
  await eventually(async () => expect(await operator.exists('/short-lived')).toBeUndefined(), { what: 'the server to end the session' });
  proxy.pass();
  await wire.toEnd('expired');
  expect(await failureOf(wire.exists('/'))).toMatchObject({ reason: 'session-expired', details: { sent: false } });
  await operator.create('/never', empty, 'persistent');
  expect(fired).toBe(0);
  expect(wire.connection.watches.size).toBe(0);
  expect(wire.attachments).toHaveLength(1);
});

it('resolves a name anew at each attempt, and tries all of its addresses', async () => {
  await using proxy = await startProxy({ host: server.host, port: server.port });
  const asked: string[] = [];
  let addresses: readonly string[] | Error = new Error('no such name');
  const lookup = async (host: string): Promise<readonly string[]> => {
    asked.push(host);
    if (addresses instanceof Error) throw addresses;
    return addresses;
  };
  await using wire = new RecordedWire(`zk.example:${proxy.port}`, { lookup });
  wire.connection.connect();
  await eventually(() => expect(wire.failures).toContain(`zk.example:${proxy.port}: no such name`), { what: 'a name that is not known' });
  // Nobody listens there; 127.0.0.1 is the second address of the name.
  addresses = ['127.0.0.9', '127.0.0.1'];
  await wire.toAttach(1);
  expect(wire.attachments).toEqual([`zk.example:${proxy.port} (127.0.0.1)`]);
  const before = asked.length;
  proxy.resetAll();
  await wire.toAttach(2);
  expect(asked.length).toBeGreaterThan(before);
  expect(new Set(asked)).toEqual(new Set(['zk.example']));
});

it('gives up on a resolver that does not answer, and asks again', async () => {
  let calls = 0;
  const lookup = (): Promise<readonly string[]> => (++calls === 1 ? new Promise(() => {}) : Promise.resolve(['127.0.0.1']));
  await using wire = await RecordedWire.open(`zk.example:${server.port}`, { lookup, sessionTimeoutMs: 2000 });
  expect(wire.failures).toEqual([`zk.example:${server.port}: no answer from the name resolver within 2000 ms`]);
});

it('connects over IPv6', async () => {
  await using six = await startServer({ host: '::1' });
  await using wire = await RecordedWire.open(`[::1]:${six.port}`);
  expect(wire.attachments).toEqual([`[::1]:${six.port}`]);
  expect(await wire.exists('/')).toBeDefined();
});

it('tries every server before it pauses, and spreads over them', async () => {
  const hits: number[] = [];
  const refusing = async (index: number) => await startPeer({ onConnect: (socket) => (hits.push(index), socket.destroy()) });
  await using first = await refusing(1);
  await using second = await refusing(2);
  await using wire = await RecordedWire.open(`${first.connectString},${second.connectString},${server.connectString}`, {
    random: IN_ORDER,
  });
  expect(hits).toEqual([1, 2]);
  expect(wire.failures).toHaveLength(2);
  expect(wire.attachments).toEqual([server.connectString]);
});

it('names the cause of each failed attempt', async () => {
  await using closing = await startPeer({ onConnect: (socket) => socket.end() });
  await using wire = new RecordedWire(closing.connectString);
  wire.connection.connect();
  await eventually(() => expect(wire.failures[0]).toBe(`${closing.connectString}: the server closed the connection`), {
    what: 'a failed attempt',
  });
});

it('offers the session, and the last zxid seen, to the next server', async () => {
  const hellos: Buffer[] = [];
  await using peer = await startPeer({
    onConnect: (socket, connection, hello) => {
      hellos.push(hello);
      socket.write(frame(welcome(0x1234n, 4000), Buffer.of(0)));
      if (connection === 1) setTimeout(() => socket.destroy(), 100);
    },
  });
  await using wire = await RecordedWire.open(peer.connectString, { sessionTimeoutMs: 4000 });
  await wire.toAttach(2);
  // protocol, last zxid, timeout, session id, password, read-only
  expect(hellos.map((hello) => [hello.readBigInt64BE(4), hello.readInt32BE(12), hello.readBigInt64BE(16), hello.length])).toEqual([
    [0n, 4000, 0n, 45],
    [0n, 4000, 0x1234n, 45],
  ]);
});
