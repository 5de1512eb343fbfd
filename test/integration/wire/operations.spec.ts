import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ANY_VERSION } from '../../../src/zookeeper/wire/operations.js';
import { failureOf } from '../../support/eventually.js';
import { startServer, type ZooKeeperServer } from '../../support/zookeeper.js';
import { startPeer } from './peer.js';
import { RecordedWire } from './recorded-wire.js';

const empty = Buffer.alloc(0);
let server: ZooKeeperServer;
let wire: RecordedWire;
let names = 0;
const fresh = (): string => `/node-${++names}`;

beforeAll(async () => {
  server = await startServer({ jvm: ['-Dzookeeper.enforceQuota=true'] });
  wire = await RecordedWire.open(server.connectString, { sessionTimeoutMs: 10_000 });
});

afterAll(async () => {
  await wire?.connection.shutdown(5000);
  await server?.dispose();
});

it('creates, reads, sets and deletes a node', async () => {
  const path = fresh();
  expect(await wire.create(path, Buffer.from('one'), 'persistent')).toBe(path);
  expect(await wire.set(path, Buffer.from('two'), 0)).toMatchObject({ version: 1, dataLength: 3 });
  const { data, stat } = await wire.get(path);
  expect(data.toString()).toBe('two');
  expect(stat).toMatchObject({ version: 1, ephemeralOwner: 0n, numChildren: 0 });
  expect(stat.mzxid).toBeGreaterThan(stat.czxid);
  expect(Math.abs(stat.mtimeMs - Date.now())).toBeLessThan(600_000);
  expect(await wire.exists(path)).toEqual(stat);
  await wire.delete(path, 1);
  expect(await wire.exists(path)).toBeUndefined();
  expect(wire.connection.lastZxid).toBeGreaterThan(stat.mzxid);
});

it('makes nodes of all four modes, and an empty one', async () => {
  const parent = await wire.create(fresh(), empty, 'persistent');
  const made = await Promise.all(
    (['persistent', 'persistent-sequential', 'ephemeral', 'ephemeral-sequential'] as const).map((mode) =>
      wire.create(`${parent}/${mode}-`, empty, mode),
    ),
  );
  expect(made.map((path) => path.slice(parent.length))).toEqual([
    '/persistent-',
    expect.stringMatching(/^\/persistent-sequential-\d{10}$/),
    '/ephemeral-',
    expect.stringMatching(/^\/ephemeral-sequential-\d{10}$/),
  ]);
  const stats = await Promise.all(made.map((path) => wire.exists(path)));
  expect(stats.map((stat) => stat?.ephemeralOwner)).toEqual([0n, 0n, wire.connection.id, wire.connection.id]);
  expect([...(await wire.children(parent)).names].sort()).toEqual(made.map((path) => path.slice(parent.length + 1)).sort());
  expect((await wire.get(parent)).data).toEqual(empty);
});

it('names the reason, the path and the code of a refusal', async () => {
  const path = await wire.create(fresh(), empty, 'persistent');
  expect(await failureOf(wire.create(path, empty, 'persistent'))).toMatchObject({
    name: 'ZooKeeperError',
    code: 'ZK_NODE_EXISTS',
    reason: 'node-exists',
    message: `ZK_NODE_EXISTS: create ${path}: node-exists [-110]`,
    details: { operation: 'create', path, sent: true, zkCode: -110 },
    outcomeUnknown: false,
  });
  expect(await failureOf(wire.get('/nowhere'))).toMatchObject({ reason: 'no-node' });
  expect(await failureOf(wire.children('/nowhere'))).toMatchObject({ reason: 'no-node' });
  expect(await failureOf(wire.set(path, empty, 7))).toMatchObject({ reason: 'bad-version' });
  expect(await failureOf(wire.delete(path, 7))).toMatchObject({ reason: 'bad-version' });
});

it('reports an error that the package does not know, from the real server', async () => {
  const path = await wire.create(fresh(), empty, 'persistent');
  await wire.create(`/zookeeper/quota${path}`, empty, 'persistent');
  await wire.create(
    `/zookeeper/quota${path}/zookeeper_limits`,
    Buffer.from('count=-1,bytes=-1,byteHardLimit=5,countHardLimit=2'),
    'persistent',
  );
  await wire.create(`/zookeeper/quota${path}/zookeeper_stats`, Buffer.from('count=1,bytes=0'), 'persistent');
  expect(await failureOf(wire.set(path, Buffer.alloc(100), ANY_VERSION))).toMatchObject({
    reason: 'quota-exceeded',
    details: { zkCode: -125 },
  });
  expect(wire.attachments).toHaveLength(1);
});

describe('a transaction', () => {
  it('does all of its operations', async () => {
    const parent = await wire.create(fresh(), empty, 'persistent');
    const results = await wire.multi([
      { kind: 'check', path: parent, version: 0 },
      { kind: 'create', path: `${parent}/a-`, data: empty, mode: 'ephemeral-sequential' },
      { kind: 'set', path: parent, data: Buffer.from('x'), version: 0 },
      { kind: 'create', path: `${parent}/b`, data: empty, mode: 'persistent', access: 'parent' },
      { kind: 'delete', path: `${parent}/b`, version: 0 },
    ]);
    expect(results).toEqual([
      { kind: 'check' },
      { kind: 'create', path: expect.stringMatching(/a-\d{10}$/) },
      { kind: 'set', stat: expect.objectContaining({ version: 1 }) },
      { kind: 'create', path: `${parent}/b` },
      { kind: 'delete' },
    ]);
  });

  it.each(['check', 'set', 'delete'] as const)('takes version 0 as version 0 and not as any version, in a %s', async (kind) => {
    const path = await wire.create(fresh(), empty, 'persistent');
    const op = kind === 'set' ? ({ kind, path, version: 0, data: empty } as const) : { kind, path, version: 0 };
    await wire.multi([{ kind: 'check', path, version: 0 }]);
    await wire.set(path, empty, 0);
    expect(await failureOf(wire.multi([op]))).toMatchObject({ reason: 'bad-version' });
    expect(await wire.exists(path)).toMatchObject({ version: 1 });
  });

  it('does nothing, and says which operation failed, when one fails', async () => {
    const path = await wire.create(fresh(), empty, 'persistent');
    const failure = await failureOf(
      wire.multi([
        { kind: 'set', path, data: Buffer.from('x'), version: 0 },
        { kind: 'check', path: '/nowhere', version: 3 },
        { kind: 'create', path, data: empty, mode: 'persistent' },
      ]),
    );
    expect(failure).toMatchObject({
      reason: 'no-node',
      message: 'ZK_NO_NODE: multi /nowhere (operation 2 of the transaction): no-node [-101]',
      details: { opIndex: 1, path: '/nowhere', sent: true },
    });
    expect(await wire.exists(path)).toMatchObject({ version: 0 });
  });
});

it('catches up with the leader by sync', async () => {
  await wire.sync('/');
  expect(wire.attachments).toHaveLength(1);
});

it('rejects, and throws nothing, when the arguments are bad, and sends nothing', async () => {
  for (const refused of [
    wire.create('no-slash', empty, 'persistent'),
    wire.get('/trailing/'),
    wire.sync('no-slash'),
    wire.multi([{ kind: 'delete', path: 'no-slash', version: 0 }]),
    wire.multi([{ kind: 'delete', path: '/a/../b', version: 0 }]),
    wire.delete('/a', 2 ** 40),
    wire.multi([{ kind: 'check', path: '/a', version: 2 ** 40 }]),
  ]) {
    expect(await failureOf(refused)).toMatchObject({ name: 'ZooKeeperError', reason: 'bad-arguments', details: { sent: false } });
  }
  expect(wire.attachments).toHaveLength(1);
});

it('refuses data beyond the limit of the server before it is sent, with both sizes, and keeps the connection', async () => {
  const path = await wire.create(fresh(), empty, 'persistent');
  const large = Buffer.alloc(2 ** 20);
  for (const refused of [
    wire.create(fresh(), large, 'persistent'),
    wire.set(path, large, 0),
    wire.multi([{ kind: 'set', path, data: large, version: 0 }]),
  ]) {
    const failure = await failureOf(refused);
    expect(failure).toMatchObject({ reason: 'bad-arguments', details: { sent: false } });
    expect(String(failure)).toMatch(/the request has 1048\d\d\d bytes and the limit is 1044479/);
  }
  const overhead = 100;
  expect(await wire.set(path, Buffer.alloc(1_044_479 - overhead), 0)).toMatchObject({ version: 1 });
  expect((await wire.get(path)).data).toHaveLength(1_044_479 - overhead);
  expect(wire.detachments).toEqual([]);
});

it('goes on counting requests past the largest number', async () => {
  await using other = await RecordedWire.open(server.connectString);
  Reflect.set(Reflect.get(other.connection, 'exchange') as object, 'xid', 2 ** 31 - 3);
  const reads = await Promise.all(Array.from({ length: 6 }, () => other.exists('/')));
  expect(reads).toHaveLength(6);
  expect(other.attachments).toHaveLength(1);
});

it('works below a chroot as if it were the root', async () => {
  await wire.create('/app', empty, 'persistent');
  await wire.create('/app/deep', empty, 'persistent');
  await using below = await RecordedWire.open(`${server.connectString}/app/deep`);
  const events: string[] = [];
  const watch = (event: { type: string; path: string }): void => void events.push(`${event.type} ${event.path}`);
  await below.children('/', { watch });
  await below.exists('/a', { watch });
  expect(await below.create('/a', empty, 'persistent')).toBe('/a');
  const seen = await below.get('/a', { watch });
  await below.set('/a', Buffer.from('x'), seen.stat.version);
  expect(
    await below.multi([
      { kind: 'check', path: '/a', version: 1 },
      { kind: 'create', path: '/b-', data: empty, mode: 'ephemeral-sequential' },
    ]),
  ).toEqual([{ kind: 'check' }, { kind: 'create', path: expect.stringMatching(/^\/b-\d{10}$/) }]);
  await below.sync('/');
  await below.sync('/a');
  await below.delete('/a', 1);
  expect(events).toEqual(['created /a', 'children /', 'changed /a']);
  expect((await wire.children('/app/deep')).names).toEqual([expect.stringMatching(/^b-/)]);
  const unwatched = (): void => {};
  await below.exists('/c', { watch: unwatched });
  expect(await server.fourLetter('wchp')).toContain('/app/deep/c');
  below.unwatch('/c', unwatched);
  await below.sync('/');
  expect(await server.fourLetter('wchp')).not.toContain('/app/deep/c');
});

describe('signals', () => {
  it('reject at once with their reason when they have aborted before, and nothing is sent', async () => {
    const path = fresh();
    const reason = new Error('gone');
    expect(await failureOf(wire.create(path, empty, 'persistent', { signal: AbortSignal.abort(reason) }))).toBe(reason);
    expect(await wire.exists(path)).toBeUndefined();
  });

  it('give up the caller and not the request when they abort later', async () => {
    const path = fresh();
    const controller = new AbortController();
    const created = wire.create(path, empty, 'persistent', { signal: controller.signal });
    const other = wire.exists('/', { signal: controller.signal });
    const reason = new Error('gone');
    controller.abort(reason);
    expect(await failureOf(created)).toBe(reason);
    expect(await failureOf(other)).toBe(reason);
    expect(await wire.exists(path)).toBeDefined();
  });

  it('are listened to once, by however many calls, and not any more afterwards', async () => {
    const { signal } = new AbortController();
    let added = 0;
    let removed = 0;
    const { addEventListener, removeEventListener } = signal;
    signal.addEventListener = (...args: Parameters<typeof addEventListener>) => (added++, addEventListener.apply(signal, args));
    signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => (removed++, removeEventListener.apply(signal, args));
    await Promise.all(Array.from({ length: 100 }, () => wire.exists('/', { signal })));
    expect({ added, removed }).toEqual({ added: 1, removed: 1 });
  });
});

describe('onSent', () => {
  it('is called within the call, with the monotonic time before the request went out', async () => {
    const beforeMs = performance.now();
    let sentAtMs: number | undefined;
    const call = wire.exists('/', { onSent: (atMs) => (sentAtMs = atMs) });
    expect(sentAtMs).toBeGreaterThanOrEqual(beforeMs);
    expect(sentAtMs).toBeLessThanOrEqual(performance.now());
    await call;
  });

  it('is not called for what is not sent', async () => {
    let called = false;
    const onSent = (): void => void (called = true);
    await using idle = new RecordedWire(server.connectString);
    await failureOf(idle.exists('/', { onSent }));
    await failureOf(wire.create('no-slash', empty, 'persistent', { onSent }));
    expect(called).toBe(false);
  });

  it('may throw without harm', async () => {
    const boom = (): void => {
      throw new Error('boom');
    };
    expect(await wire.exists('/', { onSent: boom })).toBeDefined();
    expect(wire.callbackFailures).toEqual(['an onSent function: Error: boom']);
  });
});

it('rejects at once what is asked for without a connection, and never does it later', async () => {
  const path = fresh();
  await using late = new RecordedWire(server.connectString);
  expect(await failureOf(late.create(path, empty, 'persistent'))).toMatchObject({
    reason: 'connection-loss',
    details: { sent: false },
    message: expect.stringContaining('there is no connection to ZooKeeper') as unknown,
  });
  late.connection.connect();
  await late.toAttach(1);
  await late.sync('/');
  expect(await late.exists(path)).toBeUndefined();
});

it('needs no server to reject, when it has ended', async () => {
  await using peer = await startPeer({});
  const ended = await RecordedWire.open(peer.connectString);
  await ended.connection.shutdown(5000);
  expect(await failureOf(ended.exists('/'))).toMatchObject({ reason: 'session-expired', details: { sent: false } });
});
