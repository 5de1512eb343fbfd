import zookeeper from 'node-zookeeper-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AuthOptions } from '../../../src/zookeeper/wire/acl.js';
import { ANY_VERSION } from '../../../src/zookeeper/wire/operations.js';
import { eventually, failureOf, within } from '../../support/eventually.js';
import { startProxy } from '../../support/proxy.js';
import { startServer, type ZooKeeperServer } from '../../support/zookeeper.js';
import { frame, replyHeader, startPeer } from './peer.js';
import { RecordedWire } from './recorded-wire.js';

const empty = Buffer.alloc(0);
const AUTH = 100;
const alice: AuthOptions = { scheme: 'digest', credentials: ['alice:one', 'service:two'], readableBy: 'creator' };
let server: ZooKeeperServer;
let names = 0;
const fresh = (): string => `/secret-${++names}`;

beforeAll(async () => void (server = await startServer()));
afterAll(async () => await server?.dispose());

interface Acl {
  readonly permission: number;
  readonly id: { readonly scheme: string; readonly id: string };
}

interface BareClient {
  connect(): void;
  close(): void;
  once(event: 'connected', listener: () => void): void;
  addAuthInfo(scheme: string, auth: Buffer): void;
  getACL(path: string, done: (error: Error | null, acls: readonly Acl[]) => void): void;
}

/**
 * What the package's own client, with the right of alice, reads of a node's rights: `scheme:id` and permission bits.
 */
async function rightsOf(path: string): Promise<readonly string[]> {
  const client = (zookeeper as { createClient(connectString: string): BareClient }).createClient(server.connectString);
  client.addAuthInfo('digest', Buffer.from('alice:one'));
  await within(new Promise<void>((resolve) => (client.once('connected', resolve), client.connect())), 'a bare client');
  const acls = await new Promise<readonly Acl[]>((resolve, reject) =>
    client.getACL(path, (error, found) => (error === null || error === undefined ? resolve(found) : reject(error))),
  );
  client.close();
  return acls.map(({ permission, id }) => `${id.scheme}:${id.id.split(':')[0]} ${permission}`);
}

describe('the rights of a node', () => {
  it('go to all credentials, and to nobody else when only the creator may read', async () => {
    await using wire = await RecordedWire.open(server.connectString, { auth: alice });
    const path = await wire.create(fresh(), empty, 'persistent');
    expect(await rightsOf(path)).toEqual(['digest:alice 31', 'digest:service 31']);
  });

  it('let everybody read by default', async () => {
    await using wire = await RecordedWire.open(server.connectString, { auth: { scheme: 'digest', credentials: ['alice:one'] } });
    const path = await wire.create(fresh(), empty, 'persistent');
    await wire.multi([{ kind: 'create', path: `${path}/in-a-transaction`, data: empty, mode: 'persistent' }]);
    for (const made of [path, `${path}/in-a-transaction`]) expect(await rightsOf(made)).toEqual(['digest:alice 31', 'world:anyone 1']);
    await using stranger = await RecordedWire.open(server.connectString);
    expect(await stranger.exists(path)).toBeDefined();
    expect((await stranger.get(path)).data).toEqual(empty);
    expect(await failureOf(stranger.set(path, empty, ANY_VERSION))).toMatchObject({ reason: 'no-auth' });
    expect(await failureOf(stranger.create(`${path}/child`, empty, 'persistent'))).toMatchObject({ reason: 'no-auth' });
  });

  it('of a parent are shared by default: others may make and delete below it, but not change its rights', async () => {
    await using wire = await RecordedWire.open(server.connectString, { auth: alice });
    const parent = await wire.create(fresh(), empty, 'persistent', { access: 'parent' });
    expect(await rightsOf(parent)).toEqual(['digest:alice 31', 'digest:service 31', 'world:anyone 15']);
    await using stranger = await RecordedWire.open(server.connectString);
    await stranger.create(`${parent}/child`, empty, 'persistent');
    await wire.delete(`${parent}/child`, 0);
  });

  it('of a parent are the own ones on request', async () => {
    await using wire = await RecordedWire.open(server.connectString, { auth: { ...alice, parents: 'creator' } });
    const parent = await wire.create(fresh(), empty, 'persistent', { access: 'parent' });
    expect(await rightsOf(parent)).toEqual(['digest:alice 31', 'digest:service 31']);
  });

  it('are open without credentials', async () => {
    await using wire = await RecordedWire.open(server.connectString);
    const own = await wire.create(fresh(), empty, 'persistent');
    const parent = await wire.create(fresh(), empty, 'persistent', { access: 'parent' });
    for (const path of [own, parent]) expect(await rightsOf(path)).toEqual(['world:anyone 31']);
  });
});

it('presents every credential, so that each of them opens what was made under it', async () => {
  await using old = await RecordedWire.open(server.connectString, { auth: { ...alice, credentials: ['alice:one'] } });
  const path = await old.create(fresh(), empty, 'persistent');
  await using overlap = await RecordedWire.open(server.connectString, { auth: { ...alice, credentials: ['alice:new', 'alice:one'] } });
  expect((await overlap.get(path)).data).toEqual(empty);
  await using changed = await RecordedWire.open(server.connectString, { auth: { ...alice, credentials: ['alice:new'] } });
  expect(await failureOf(changed.get(path))).toMatchObject({ reason: 'no-auth' });
});

it('has its rights on a new connection before anything else is sent there', async () => {
  await using proxy = await startProxy({ host: server.host, port: server.port });
  await using wire = await RecordedWire.open(proxy.connectString, { auth: alice });
  const path = await wire.create(fresh(), empty, 'persistent');
  const order: string[] = [];
  proxy.onFrame((frame) => {
    if (frame.kind === 'request' && frame.op !== 'ping') order.push(frame.op ?? '?');
    return 'pass';
  });
  await wire.exists('/nowhere', { watch: () => {} });
  order.length = 0;
  proxy.resetAll();
  await wire.toDetach(1);
  const reads: Promise<unknown>[] = [];
  // Asked for again and again from the first moment on: none may be refused for want of rights.
  const untilMs = performance.now() + 20_000;
  while (wire.attachments.length < 2 && performance.now() < untilMs) {
    reads.push(wire.get(path).catch((error: { reason: string }) => error.reason));
    await new Promise(setImmediate);
  }
  reads.push(wire.get(path));
  const outcomes = new Set((await Promise.all(reads)).map((outcome) => (typeof outcome === 'string' ? outcome : 'read')));
  expect(outcomes).toEqual(new Set(['connection-loss', 'read']));
  expect(order.slice(0, 4)).toEqual(['auth', 'auth', 'setWatches', 'getData']);
});

it('sends nothing to a server that refuses the credentials, and tries again until one takes them', async () => {
  let isRefusing = true;
  await using peer = await startPeer({
    onRequest: ({ op, socket }) => {
      if (op === AUTH && isRefusing) socket.end(frame(replyHeader(-4, -115)));
      else if (op === AUTH) socket.write(frame(replyHeader(-4, 0)));
    },
  });
  await using wire = new RecordedWire(peer.connectString, { auth: { ...alice, credentials: ['alice:one'] } });
  wire.connection.connect();
  await eventually(() => expect(wire.failures.length).toBeGreaterThan(2), { what: 'three refusals' });
  expect(new Set(wire.failures)).toEqual(new Set([`${peer.connectString}: the server has refused the credentials (-115)`]));
  expect(await failureOf(wire.exists('/'))).toMatchObject({ reason: 'connection-loss', details: { sent: false } });
  expect([wire.attachments, wire.ends]).toEqual([[], []]);
  expect(new Set(peer.requests.map(({ op }) => op))).toEqual(new Set([AUTH]));
  isRefusing = false;
  await wire.toAttach(1);
});

it('goes on trying when the real server does not know the scheme', async () => {
  const auth = { ...alice, scheme: 'nosuch' } as unknown as AuthOptions;
  await using wire = new RecordedWire(server.connectString, { auth });
  wire.connection.connect();
  await eventually(() => expect(wire.failures.length).toBeGreaterThan(1), { what: 'two refusals' });
  expect(wire.failures[0]).toContain('has refused the credentials');
  expect(wire.ends).toEqual([]);
});
