import zookeeper from 'node-zookeeper-client';
import { describe, expect, it } from 'vitest';
import { SessionEndedError } from '../../../src/zookeeper/session/errors.js';
import type { Session } from '../../../src/zookeeper/session/session.js';
import type { AuthOptions } from '../../../src/zookeeper/wire/acl.js';
import type { WireClient } from '../../../src/zookeeper/wire/client.js';
import { eventually, failureOf, within } from '../../support/eventually.js';
import { startProxy } from '../../support/proxy.js';
import { startEnsemble, startServer, type ZooKeeperServer } from '../../support/zookeeper.js';
import { ObservedSessions } from './observed-sessions.js';

const empty = Buffer.alloc(0);

describe('a session', () => {
  it('is announced once, with its number and timeout, and to late listeners at once', async () => {
    await using server = await startServer();
    await using observed = new ObservedSessions(server.connectString);
    expect(observed.supervisor.state()).toEqual({ kind: 'idle' });
    expect(observed.supervisor.current()).toBeUndefined();
    observed.supervisor.start();
    observed.supervisor.start();
    const session = await observed.session(1);
    expect(observed.supervisor.current()).toBe(session);
    const late: Session[] = [];
    observed.supervisor.onSession((one) => late.push(one));
    expect(late).toEqual([session]);
    expect(session).toMatchObject({ timeoutMs: 10_000, attached: true });
    expect(observed.supervisor.state()).toMatchObject({
      kind: 'attached',
      sessionId: session.id,
      timeoutMs: 10_000,
      server: server.connectString,
    });
    expect(observed.kinds).toEqual(['connecting', 'attached']);
    expect(observed.observations).toEqual([
      expect.objectContaining({
        level: 'info',
        event: 'session.attached',
        message: expect.stringMatching(
          new RegExp(
            `^ZooKeeper session 0x${session.id.toString(16)} is established at ${server.connectString} after \\d+ ms; its timeout is 10000 ms\\.$`,
          ),
        ) as unknown,
      }),
    ]);
    expect(session.lastZxid).toBe(0n);
    await session.create('/a', empty, 'ephemeral');
    expect(session.lastZxid).toBeGreaterThan(0n);
  });

  it('says once which timeout the server has given, when it is another than was asked for', async () => {
    await using server = await startServer();
    await using observed = await ObservedSessions.start(server.connectString, { sessionTimeoutMs: 60_000 });
    expect(observed.sessions[0]?.timeoutMs).toBe(10_000);
    expect(observed.observations.filter(({ event }) => event === 'session.timeout-negotiated')).toEqual([
      expect.objectContaining({ level: 'info', fields: expect.objectContaining({ requestedMs: 60_000, timeoutMs: 10_000 }) as unknown }),
    ]);
  });

  it('survives the loss of its server: the same session at another member, with its nodes', async () => {
    await using ensemble = await startEnsemble(3);
    await using observed = await ObservedSessions.start(ensemble.connectString, { sessionTimeoutMs: 10_000 });
    const session = await observed.session(1);
    const told: string[] = [];
    session.onAttached(() => told.push('attached'));
    session.onDetached(() => told.push('detached'));
    await session.create('/mine', empty, 'ephemeral');
    const state = observed.supervisor.state();
    const lost = ensemble.members.find((member) => state.kind === 'attached' && member.connectString === state.server);
    await lost?.kill();
    await eventually(() => expect(told).toEqual(['detached', 'attached']), { what: 'the session at another member' });
    expect(observed.supervisor.current()).toBe(session);
    expect(observed.supervisor.state()).toMatchObject({ kind: 'attached', sessionId: session.id });
    await eventually(async () => expect(await session.exists('/mine')).toMatchObject({ ephemeralOwner: session.id }), { what: 'its node' });
    expect(session.ended.aborted).toBe(false);
    expect(observed.sessions).toEqual([session]);
    expect(observed.said).toContain('session.reattached');
  });

  it('is replaced when it has expired', async () => {
    await using server = await startServer();
    await using proxy = await startProxy({ host: server.host, port: server.port });
    await using watcher = await ObservedSessions.start(server.connectString, { sessionTimeoutMs: 10_000 });
    await using observed = await ObservedSessions.start(proxy.connectString, { sessionTimeoutMs: 1000 });
    const [first, other] = [await observed.session(1), await watcher.session(1)];
    await first.create('/short', empty, 'ephemeral');
    let fired = 0;
    await first.exists('/other', { watch: () => fired++ });
    proxy.refuse();
    proxy.resetAll();
    await eventually(async () => expect(await other.exists('/short')).toBeUndefined(), { what: 'the server to end the session' });
    proxy.pass();
    const second = await observed.session(2);
    expect(second.id).not.toBe(first.id);
    expect(first.ended.reason).toBeInstanceOf(SessionEndedError);
    expect(first.ended.reason).toMatchObject({ end: 'expired', sessionId: first.id });
    expect(observed.supervisor.current()).toBe(second);
    expect(await failureOf(first.create('/zombie', empty, 'ephemeral'))).toMatchObject({
      reason: 'session-expired',
      details: { sent: false },
    });
    await second.create('/other', empty, 'ephemeral');
    await second.sync('/');
    expect(await second.exists('/zombie')).toBeUndefined();
    expect(fired).toBe(0);
    expect(observed.kinds).toEqual(['connecting', 'attached', 'detached', 'connecting', 'attached']);
    expect(observed.observations.find(({ event }) => event === 'session.expired')).toMatchObject({ level: 'warn' });
  });

  it('is replaced when it was closed by force', async () => {
    await using server = await startServer();
    await using observed = await ObservedSessions.start(server.connectString, { sessionTimeoutMs: 10_000 });
    const first = await observed.session(1);
    await closeByForce(server.connectString, first);
    await observed.session(2);
    expect(first.ended.reason).toMatchObject({ end: 'expired' });
  });

  it('is given up, and replaced, when the ensemble was restored empty and refuses it without a word', async () => {
    await using server = await startServer();
    await using observed = await ObservedSessions.start(server.connectString, { sessionTimeoutMs: 2000 });
    const first = await observed.session(1);
    for (let write = 0; write < 20; write++) await first.create('/n-', empty, 'persistent-sequential');
    await server.kill();
    await server.wipe();
    await server.start();
    const second = await observed.session(2);
    expect(first.ended.reason).toMatchObject({ end: 'given up' });
    expect((await second.children('/')).names).toEqual(['zookeeper']);
    const said = await observed.toSay('session.given-up');
    expect(said.message).toMatch(/was not attached for \d+ ms and is given up.*The last error: 127\.0\.0\.1:\d+: /);
    // T + 2 s, and both ends of it are rounded.
    expect(said.fields?.['detachedForMs']).toBeGreaterThan(3990);
  });
});

describe('while no server can be reached', () => {
  it('goes on trying, says so once, and attaches when one is there', async () => {
    await using server = await startServer();
    await server.kill();
    await using observed = new ObservedSessions(server.connectString);
    observed.supervisor.start();
    const attempts = (): number[] => observed.states.map((state) => (state.kind === 'connecting' ? state.attempts : 0));
    await eventually(() => expect(attempts()).toContain(5), { what: 'five attempts' });
    expect(observed.supervisor.state()).toMatchObject({ lastError: expect.stringContaining('ECONNREFUSED') as unknown });
    expect(observed.observations).toEqual([
      expect.objectContaining({
        level: 'warn',
        event: 'session.connect-failed',
        message: expect.stringMatching(
          /^Could not connect to ZooKeeper at 127\.0\.0\.1:\d+: connect ECONNREFUSED .*\. Attempt 1, \d+ ms without a connection; retrying for as long as it takes; until then no @MasterOnly job starts here\.$/,
        ) as unknown,
      }),
    ]);
    await server.start();
    await observed.session(1);
    expect(observed.said).toEqual(['session.connect-failed', 'session.attached']);
  });
});

describe('refused credentials', () => {
  it('are said loudly, once, and tried again for as long as every server refuses them', async () => {
    await using server = await startServer();
    const auth = { scheme: 'nosuch', credentials: ['a:b'] } as unknown as AuthOptions;
    await using observed = new ObservedSessions(server.connectString, { auth });
    observed.supervisor.start();
    const attempts = (): number => Math.max(...observed.states.map((state) => (state.kind === 'connecting' ? state.attempts : 0)));
    await eventually(() => expect(attempts()).toBeGreaterThan(3), { what: 'four refusals' });
    expect(observed.supervisor.state()).toMatchObject({ lastError: expect.stringContaining('has refused the credentials') as unknown });
    expect(observed.observations.map(({ level, event }) => `${level} ${event}`)).toEqual(['error session.authentication-failed']);
    expect(observed.sessions).toEqual([]);
    await observed.supervisor.stop(1000);
    expect(observed.supervisor.state()).toEqual({ kind: 'stopped' });
  });

  it('by one server of an upgrade that lacks the provider cost neither a session nor a new one: the others are used', async () => {
    const without = ['-Dzookeeper.DigestAuthenticationProvider.enabled=false'];
    await using ensemble = await startEnsemble(3, { memberJvm: [without, [], []], cfg: { maxSessionTimeout: 60_000 } });
    const [refusing, second, third] = ensemble.members as readonly [ZooKeeperServer, ZooKeeperServer, ZooKeeperServer];
    const auth: AuthOptions = { scheme: 'digest', credentials: ['a:b'] };
    await using proxy = await startProxy({ host: second.host, port: second.port });
    await using observed = new ObservedSessions(`${refusing.connectString},${proxy.connectString}`, { auth, sessionTimeoutMs: 60_000 });
    observed.supervisor.start();
    const first = await observed.session(1);
    // From here on only the server that refuses can be reached, until the link to the other one is back.
    proxy.refuse();
    proxy.resetAll();
    await observed.toSay('session.authentication-failed');
    proxy.pass();
    await eventually(() => expect(observed.supervisor.state()).toMatchObject({ kind: 'attached', sessionId: first.id }), {
      what: 'the session at the server that takes the credentials',
    });
    await using fresh = new ObservedSessions(`${refusing.connectString},${third.connectString}`, { auth });
    fresh.supervisor.start();
    await fresh.session(1);
  });
});

describe('stop', () => {
  it('closes the session, so that its nodes go at once, and makes no other', async () => {
    await using server = await startServer();
    await using watcher = await ObservedSessions.start(server.connectString);
    const observed = await ObservedSessions.start(server.connectString, { sessionTimeoutMs: 10_000 });
    const session = await observed.session(1);
    await session.create('/mine', empty, 'ephemeral');
    const [how, again] = await Promise.all([observed.supervisor.stop(10_000), observed.supervisor.stop(1)]);
    expect([how, again]).toEqual(['closed', 'closed']);
    expect(session.ended.reason).toMatchObject({ end: 'closed' });
    expect(await (await watcher.session(1)).exists('/mine')).toBeUndefined();
    expect(observed.supervisor.state()).toEqual({ kind: 'stopped' });
    expect(observed.supervisor.current()).toBeUndefined();
    observed.supervisor.start();
    expect(observed.supervisor.state()).toEqual({ kind: 'stopped' });
    expect(observed.said).toEqual(['session.attached', 'session.closed']);
  });

  it('does nothing more before the start', async () => {
    const observed = new ObservedSessions('127.0.0.1:1');
    expect(await observed.supervisor.stop(1000)).toBe('closed');
    observed.supervisor.start();
    expect(observed.kinds).toEqual(['stopped']);
  });

  it('ends the attempts while no server was ever reached', async () => {
    const observed = new ObservedSessions('127.0.0.1:1');
    observed.supervisor.start();
    await observed.toSay('session.connect-failed');
    expect(await within(observed.supervisor.stop(60_000), 'the stop')).toBe('closed');
    expect(observed.kinds).toEqual(['connecting', 'stopped']);
    const begun = observed.states.filter((state) => state.kind === 'connecting' && state.attempts === 0);
    expect(begun).toHaveLength(1);
  });

  it('gives up at its limit while the server hangs, and says what happens to the nodes', async () => {
    await using server = await startServer();
    await using proxy = await startProxy({ host: server.host, port: server.port });
    const observed = await ObservedSessions.start(proxy.connectString);
    proxy.hole();
    expect(await within(observed.supervisor.stop(500), 'the stop')).toBe('abandoned');
    expect(observed.observations.at(-1)).toMatchObject({
      level: 'warn',
      event: 'session.closed',
      message: expect.stringContaining('Its ephemeral nodes go when it times out') as unknown,
    });
  });

  it('stops also while a listener of the session’s end calls it', async () => {
    await using server = await startServer();
    const observed = await ObservedSessions.start(server.connectString, { sessionTimeoutMs: 10_000 });
    const session = await observed.session(1);
    let stopped: Promise<string> | undefined;
    session.ended.addEventListener('abort', () => void (stopped = observed.supervisor.stop(2000)));
    await closeByForce(server.connectString, session);
    await eventually(() => expect(stopped).toBeDefined(), { what: 'the end of the session' });
    expect(await stopped).toBe('closed');
    expect(observed.sessions).toEqual([session]);
    expect(observed.supervisor.state()).toEqual({ kind: 'stopped' });
  });
});

it('reports listeners that throw, and is not harmed by them', async () => {
  await using server = await startServer();
  await using proxy = await startProxy({ host: server.host, port: server.port });
  await using observed = new ObservedSessions(proxy.connectString);
  const boom = (): void => {
    throw new Error('boom');
  };
  observed.supervisor.onState(boom);
  observed.supervisor.onSession(boom);
  observed.supervisor.onSession((session) => (session.onDetached(boom), session.onAttached(boom)));
  observed.supervisor.start();
  const session = await observed.session(1);
  proxy.resetAll();
  await observed.toSay('session.reattached');
  await session.exists('/');
  const told = observed.observations.filter(({ event }) => event === 'session.callback-failed').map(({ message }) => message);
  expect(new Set(told.map((message) => message.replace(/0x[0-9a-f]+/, '0x1')))).toEqual(
    new Set([
      'an onState listener threw: boom. It was ignored.',
      'an onSession listener threw: boom. It was ignored.',
      'an onDetached listener of session 0x1 threw: boom. It was ignored.',
      'an onAttached listener of session 0x1 threw: boom. It was ignored.',
    ]),
  );
});

interface BareClient {
  connect(): void;
  close(): void;
  once(event: 'connected' | 'disconnected', listener: () => void): void;
}

/** As an operator could who knows the session's password: attaches to it elsewhere, and closes it there. */
async function closeByForce(connectString: string, session: Session): Promise<void> {
  const { connection } = Reflect.get(session, 'wire') as WireClient;
  const sessionId = Buffer.alloc(8);
  sessionId.writeBigInt64BE(session.id);
  const create = (zookeeper as { createClient(to: string, options: object): BareClient }).createClient;
  const thief = create(connectString, {
    sessionId,
    sessionPassword: connection.session.password,
    sessionTimeout: 10_000,
  });
  await within(new Promise<void>((resolve) => (thief.once('connected', resolve), thief.connect())), 'the other client to attach');
  const gone = new Promise<void>((resolve) => thief.once('disconnected', resolve));
  thief.close();
  await within(gone, 'the other client to close the session');
}
