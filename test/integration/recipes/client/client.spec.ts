import { afterAll, beforeAll, expect, it } from 'vitest';
import { NodeClient, type NodeContent } from '../../../../src/zookeeper/recipes/client/node-client.js';
import { createSessions, type SessionsOptions } from '../../../../src/zookeeper/session/sessions.js';
import { systemClock } from '../../../../src/zookeeper/support/clock.js';
import { startTestZookeeper } from '../../../../src/testing.js';
import { startAdmin, type Admin } from '../../../support/admin.js';
import { eventually, failureOf, within } from '../../../support/eventually.js';
import { startProxy, type FaultProxy } from '../../../support/proxy.js';
import { credentialsIn, type Credentials } from '../../../support/replica/proxied.js';
import { startServer, type ZooKeeperServer } from '../../../support/zookeeper.js';

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

/** A client behind a link of its own. */
class Linked implements AsyncDisposable {
  readonly sessions;
  readonly client;
  credentials: Credentials | undefined;

  private constructor(
    readonly link: FaultProxy,
    options: Partial<SessionsOptions>,
  ) {
    const observer = { observe: () => undefined };
    const { connectString } = link;
    this.sessions = createSessions({ connectString, sessionTimeoutMs: 10_000, clock: systemClock, observer, ...options });
    this.client = new NodeClient({ sessions: this.sessions, clock: systemClock, rootPath: '/soa', consequence: 'nothing can be done' });
    link.onFrame((frame) => {
      this.credentials = credentialsIn(frame) ?? this.credentials;
      return 'pass';
    });
  }

  static async start(options: Partial<SessionsOptions> = {}): Promise<Linked> {
    const linked = new Linked(await startProxy(server), options);
    linked.sessions.start();
    await linked.client.sync('/', {});
    return linked;
  }

  async endSession(): Promise<void> {
    const { sessionId, password } = this.credentials as Credentials;
    await admin.endSession(sessionId, password);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sessions.stop(2_000);
    await this.link[Symbol.asyncDispose]();
  }
}

/** The text of the next state; undefined: no node. */
async function next(states: AsyncIterator<NodeContent | undefined>): Promise<string | undefined> {
  const result = await within(states.next(), 'the next state');
  return (result.value as NodeContent | undefined)?.data.toString();
}

it.concurrent('makes, reads, writes, lists and deletes nodes in every mode, with versions', async () => {
  await using linked = await Linked.start();
  const { client } = linked;
  expect(await client.create('/basic/deep/node', 'one', { parents: true })).toBe('/basic/deep/node');
  const { data, stat } = await client.get('/basic/deep/node', {});
  expect([data.toString(), stat.version, stat.ephemeralOwner]).toEqual(['one', 0, 0n]);
  expect((await client.set('/basic/deep/node', Buffer.from('two'), { version: 0 })).version).toBe(1);
  // Version 0 is a version, not any.
  expect(await failureOf(client.set('/basic/deep/node', 'x', { version: 0 }))).toMatchObject({ code: 'ZK_BAD_VERSION' });
  expect((await client.exists('/basic/deep/node', {}))?.version).toBe(1);
  expect(await client.exists('/basic/none', {})).toBeUndefined();
  const sequential = [];
  for (const mode of ['ephemeral', 'persistent-sequential', 'ephemeral-sequential'] as const)
    sequential.push(await client.create('/basic/deep/m-', '', { mode }));
  expect(sequential[0]).toBe('/basic/deep/m-');
  expect(sequential.slice(1)).toEqual([expect.stringMatching(/m-\d{10}$/), expect.stringMatching(/m-\d{10}$/)]);
  const { names } = await client.children('/basic/deep', {});
  expect(names).toEqual(['m-', ...sequential.slice(1).map((path) => path.slice('/basic/deep/'.length)), 'node']);
  expect(await failureOf(client.delete('/basic/deep', {}))).toMatchObject({ code: 'ZK_NOT_EMPTY' });
  expect(await failureOf(client.delete('/basic/deep/node', { version: 0 }))).toMatchObject({ code: 'ZK_BAD_VERSION' });
  await client.delete('/basic/deep/node', { version: 1 });
  for (const call of [client.get('/basic/none', {}), client.children('/basic/none', {}), client.delete('/basic/none', {})])
    expect(await failureOf(call)).toMatchObject({ code: 'ZK_NO_NODE' });
  expect(await failureOf(client.create('/basic', '', {}))).toMatchObject({ code: 'ZK_NODE_EXISTS' });
});

it.concurrent('does all of a transaction, or nothing', async () => {
  await using linked = await Linked.start();
  const { client } = linked;
  await client.create('/multi', 'a', {});
  const refused = client.multi(
    [
      { kind: 'create', path: '/multi/one' },
      { kind: 'check', path: '/multi', version: 7 },
    ],
    {},
  );
  expect(await failureOf(refused)).toMatchObject({ code: 'ZK_BAD_VERSION', details: { opIndex: 1 } });
  expect((await client.children('/multi', {})).names).toEqual([]);
  const results = await client.multi(
    [
      { kind: 'check', path: '/multi', version: 0 },
      { kind: 'create', path: '/multi/s-', mode: 'ephemeral-sequential', data: 'x' },
      { kind: 'set', path: '/multi', data: 'b', version: 0 },
    ],
    {},
  );
  expect(results).toMatchObject([
    { kind: 'check' },
    { kind: 'create', path: '/multi/s-0000000000' },
    { kind: 'set', stat: { version: 1 } },
  ]);
  await client.multi([{ kind: 'delete', path: '/multi/s-0000000000' }], {});
});

it.concurrent('refuses to change what the library keeps, unless it is meant, and only that', async () => {
  await using linked = await Linked.start();
  const { client } = linked;
  for (const path of ['/soa', '/soa/master', '/soa/jobs/a/b', '/soa/locks/x', '/soa/members', '/soa/elections/y']) {
    for (const call of [
      () => client.create(path, '', { parents: true }),
      () => client.set(path, '', {}),
      () => client.delete(path, {}),
      () => client.multi([{ kind: 'delete', path }], {}),
    ])
      expect(await failureOf(call())).toMatchObject({ code: 'ZK_OWN_NODE', path });
  }
  expect(await admin.exists('/soa')).toBe(false);
  for (const path of ['/soa/mine', '/soa/masters', '/soap']) await client.create(path, '', { parents: true });
  expect(await client.create('/soa/locks/x', '', { parents: true, ownNodes: true })).toBe('/soa/locks/x');
  expect((await client.get('/soa/locks/x', {})).stat.version).toBe(0);
});

it.concurrent('gives a node the rights that are asked for', async () => {
  await using owner = await Linked.start({ auth: { scheme: 'digest', credentials: ['alice:one'] } });
  await using stranger = await Linked.start();
  const rights = [
    { scheme: 'auth', id: '', may: ['read', 'write', 'delete', 'create', 'admin'] },
    { scheme: 'world', id: 'anyone', may: ['write'] },
  ] as const;
  await owner.client.create('/rights', 'secret', { rights });
  await owner.client.multi([{ kind: 'create', path: '/rights/below', data: 'secret', rights }], {});
  for (const path of ['/rights', '/rights/below']) {
    expect(await failureOf(stranger.client.get(path, {}))).toMatchObject({ code: 'ZK_NO_AUTH' });
    await stranger.client.set(path, 'written', {});
    expect((await owner.client.get(path, {})).data.toString()).toBe('written');
  }
  expect(await failureOf(stranger.client.create('/rights/other', '', {}))).toMatchObject({ code: 'ZK_NO_AUTH' });
});

it.concurrent('watches a node from before it is there: each state once, the newest, over a new connection and a new session', async () => {
  await using linked = await Linked.start();
  const states = linked.client.watch('/watched');
  expect(await next(states)).toBeUndefined();
  const made = next(states);
  await admin.create('/watched', 'one');
  expect(await made).toBe('one');
  // Not looked at meanwhile: the newest counts.
  for (const text of ['two', 'three', 'four']) await admin.set('/watched', text);
  expect(await next(states)).toBe('four');
  // While it is away, over a new connection of the same session.
  linked.link.refuse();
  linked.link.resetAll();
  await admin.set('/watched', 'away');
  const after = next(states);
  linked.link.pass();
  expect(await after).toBe('away');
  // And over a new session, with which nothing has changed at first.
  const afterSession = next(states);
  const reads = linked.link.requestCount('getData');
  await linked.endSession();
  await eventually(() => expect(linked.link.requestCount('getData')).toBeGreaterThan(reads), { what: 'the next session to look' });
  await linked.client.sync('/', {});
  await admin.set('/watched', 'new session');
  expect(await afterSession).toBe('new session');
  // Deleted, and made anew with what was there before.
  await admin.delete('/watched');
  expect(await next(states)).toBeUndefined();
  await admin.create('/watched', 'new session');
  expect(await next(states)).toBe('new session');
  await states.return?.();
});

it.concurrent('watches children', async () => {
  await using linked = await Linked.start();
  const lists: (readonly string[] | undefined)[] = [];
  const controller = new AbortController();
  const watching = (async () => {
    for await (const seen of linked.client.watchChildren('/children', controller.signal)) lists.push(seen?.names);
  })();
  const seen = (what: readonly string[] | undefined): Promise<void> =>
    eventually(() => expect(lists.at(-1)).toEqual(what), { what: `to see ${what?.join() ?? 'nothing'}` });
  await eventually(() => expect(lists).toEqual([undefined]), { what: 'that there is no node' });
  await admin.create('/children');
  await seen([]);
  await admin.create('/children/b');
  await admin.create('/children/a');
  await seen(['a', 'b']);
  await admin.delete('/children/b');
  await seen(['a']);
  controller.abort(new Error('enough'));
  expect(await failureOf(watching)).toMatchObject({ message: 'enough' });
});

it.concurrent('leaves no watch behind when the loop is left, and says so when the application stops', async () => {
  await using linked = await Linked.start();
  await admin.create('/left', 'one');
  for await (const seen of linked.client.watch('/left')) {
    expect(seen?.data.toString()).toBe('one');
    break;
  }
  await linked.client.sync('/', {});
  let events = 0;
  linked.link.onFrame(({ kind }) => {
    if (kind === 'event') events += 1;
    return 'pass';
  });
  await admin.set('/left', 'two');
  await linked.client.sync('/', {});
  expect(events).toBe(0);
  const states = linked.client.watch('/left');
  await next(states);
  const failure = failureOf(states.next());
  await linked.sessions.stop(2_000);
  expect(await failure).toMatchObject({ code: 'ZK_NOT_CONNECTED' });
});

it.concurrent('repeats a read over a lost connection, and a change only if nothing of it was sent', async () => {
  await using linked = await Linked.start();
  const { client, link } = linked;
  await client.create('/repeated', 'one', {});
  const lostRead = link.loseReplyTo('getData');
  expect((await client.get('/repeated', {})).data.toString()).toBe('one');
  await lostRead;
  const lostWrite = link.loseReplyTo('setData');
  expect(await failureOf(client.set('/repeated', 'two', {}))).toMatchObject({ code: 'ZK_CONNECTION_LOSS', outcomeUnknown: true });
  await lostWrite;
  expect((await client.get('/repeated', {})).data.toString()).toBe('two');
  link.refuse();
  link.resetAll();
  await eventually(() => expect(linked.sessions.state().kind).toBe('detached'), { what: 'the loss' });
  const written = client.set('/repeated', 'three', {});
  link.pass();
  expect((await within(written, 'the write')).version).toBe(2);
});

it.concurrent('gives up after waitMs, and with the signal', async () => {
  await using linked = await Linked.start();
  linked.link.refuse();
  linked.link.resetAll();
  await eventually(() => expect(linked.sessions.state().kind).not.toBe('attached'), { what: 'the loss' });
  for (const waitMs of [0, 50]) expect(await failureOf(linked.client.get('/', { waitMs }))).toMatchObject({ code: 'ZK_NOT_CONNECTED' });
  const signal = AbortSignal.abort(new Error('enough'));
  expect(await failureOf(linked.client.get('/', { signal }))).toMatchObject({ message: 'enough' });
});

it.concurrent('makes a container, which ZooKeeper takes away when its last child has gone', async () => {
  await using linked = await Linked.start();
  const { client } = linked;
  expect(await client.create('/containers/box', 'data', { mode: 'container', parents: true })).toBe('/containers/box');
  expect((await client.get('/containers/box', {})).data.toString()).toBe('data');
  // A server of ZooKeeper does not tell that a node is one.
  expect(linked.link.requestCount('createContainer')).toBe(1);
  const child = await client.create('/containers/box/n-', '', { mode: 'ephemeral-sequential' });
  expect(child).toMatch(/^\/containers\/box\/n-\d{10}$/);
  expect(await failureOf(client.create('/containers/box', '', { mode: 'container' }))).toMatchObject({ code: 'ZK_NODE_EXISTS' });
  expect(await failureOf(client.create('/containers/none/box', '', { mode: 'container' }))).toMatchObject({ code: 'ZK_NO_NODE' });
  await using quick = await startTestZookeeper({ containerCheckMs: 20 });
  await using there = await Linked.start({ connectString: quick.connectString });
  await there.client.create('/box', '', { mode: 'container' });
  await there.client.create('/box/child', '', {});
  await there.client.delete('/box/child', {});
  await eventually(async () => expect(await there.client.exists('/box', {})).toBeUndefined(), { what: 'the container to go' });
});

it.concurrent('reads and sets the rights of a node, with the version of the rights', async () => {
  await using owner = await Linked.start({ auth: { scheme: 'digest', credentials: ['user:secret'] } });
  await using other = await Linked.start();
  const path = '/access/node';
  await owner.client.create(path, '', { parents: true });
  const before = await owner.client.rights(path, {});
  expect(before.stat.aversion).toBe(0);
  expect(before.rights).toEqual([
    { scheme: 'digest', id: expect.stringMatching(/^user:.{28}$/), may: ['read', 'write', 'create', 'delete', 'admin'] },
    { scheme: 'world', id: 'anyone', may: ['read'] },
  ]);
  // Hashes of passwords are for those who may change them.
  expect((await other.client.rights(path, {})).rights[0]?.id).toBe('user:x');
  const closed = [{ scheme: 'auth', id: '', may: ['read', 'admin'] }] as const;
  const open = [{ scheme: 'world', id: 'anyone', may: ['read', 'admin'] }] as const;
  expect(await failureOf(other.client.setRights(path, open, {}))).toMatchObject({ code: 'ZK_NO_AUTH' });
  // It has proved no identity that `auth` could stand for.
  expect(await failureOf(other.client.setRights(path, closed, {}))).toMatchObject({ code: 'ZK_INVALID_ACL' });
  expect(await failureOf(owner.client.setRights(path, closed, { version: 3 }))).toMatchObject({ code: 'ZK_BAD_VERSION' });
  expect((await owner.client.setRights(path, closed, { version: 0 })).aversion).toBe(1);
  expect(await failureOf(other.client.get(path, {}))).toMatchObject({ code: 'ZK_NO_AUTH' });
  expect(await failureOf(owner.client.set(path, 'x', {}))).toMatchObject({ code: 'ZK_NO_AUTH' });
  expect((await owner.client.rights(path, {})).rights).toEqual([{ ...before.rights[0], may: ['read', 'admin'] }]);
  expect(await failureOf(owner.client.setRights(path, [], {}))).toMatchObject({ code: 'ZK_INVALID_ACL' });
  expect(await failureOf(owner.client.setRights('/access/none', closed, {}))).toMatchObject({ code: 'ZK_NO_NODE' });
  expect(await failureOf(owner.client.setRights('/soa/locks', closed, {}))).toMatchObject({ code: 'ZK_OWN_NODE' });
});
