import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startAdmin, type Admin } from '../../support/admin.js';
import { deferred, eventually } from '../../support/eventually.js';
import { startProxy, type FaultProxy, type Frame } from '../../support/proxy.js';
import { startServer, type ZooKeeperServer } from '../../support/zookeeper.js';
import { isRenewal } from './renewals.js';
import { Replicas } from './replicas.js';

let server: ZooKeeperServer;
let admin: Admin;

beforeAll(async () => {
  server = await startServer();
  admin = await startAdmin(server.connectString);
});

afterAll(async () => {
  await admin[Symbol.asyncDispose]();
  await server.dispose();
});

/**
 * Lets the next request that `matches` reach the server, swallows its reply and resets the connection. Resolves once
 * that has happened; the client cannot know whether the request was carried out.
 */
function loseReply(proxy: FaultProxy, matches: (frame: Frame) => boolean): Promise<void> {
  const { promise, resolve } = deferred<void>();
  let asked: Frame | undefined;
  const remove = proxy.onFrame((frame) => {
    if (asked === undefined && frame.kind === 'request' && matches(frame)) asked = frame;
    if (frame.kind !== 'reply' || frame.xid !== asked?.xid || frame.connection !== asked?.connection) return 'pass';
    remove();
    resolve();
    return 'reset';
  });
  return promise;
}

const isTransaction = (frame: Frame): boolean => frame.op === 'multi' && !isRenewal(frame);
const isPlace = (frame: Frame): boolean => frame.op === 'create' && frame.bytes.includes('/line/');

async function tenureNodes(replicas: Replicas): Promise<string[]> {
  return (await admin.children(replicas.record)).filter((name) => name.startsWith('tenure-'));
}

describe.concurrent('when the connection is reset before the reply', () => {
  it('to the winning transaction, the winner recognises its node and reigns, in the same session', async () => {
    await using proxy = await startProxy(server);
    await using replicas = new Replicas(server.connectString);
    const lost = loseReply(proxy, isTransaction);
    const one = replicas.add({ connectString: proxy.connectString });
    await lost;
    const { token, id } = await replicas.reignAfter(0);
    const node = await admin.info(replicas.node);
    expect(node).toMatchObject({ ephemeralOwner: one.session.id, czxid: token, data: one.address, version: 1 });
    expect(await tenureNodes(replicas)).toEqual([`tenure-${id}`]);
    expect([one.observed('mastership.won').length, one.observed('session.attached').length]).toEqual([1, 1]);
    expect(one.observed('mastership.node-removed')).toEqual([]);
  });

  it('to the winning transaction of a takeover, the winner needs no wait for one that resigned', async () => {
    await using proxy = await startProxy(server);
    await using replicas = new Replicas(server.connectString);
    const first = replicas.add();
    await replicas.master();
    const second = await replicas.add({ connectString: proxy.connectString }).standsBy();
    const lost = loseReply(proxy, isTransaction);
    await first.election.resign();
    await lost;
    expect(await replicas.master({ not: first })).toBe(second);
    expect(await admin.info(replicas.node)).toMatchObject({ ephemeralOwner: second.session.id, czxid: replicas.lastToken });
    expect(await admin.children(replicas.linePath)).toHaveLength(1);
    expect(await tenureNodes(replicas)).toHaveLength(1);
  });

  it('to the transaction that seals a win, the winner goes on in the same tenure', async () => {
    await using proxy = await startProxy(server);
    await using replicas = new Replicas(server.connectString);
    const one = replicas.add({ connectString: proxy.connectString, sessionTimeoutMs: 9_000 });
    await eventually(() => expect(one.election.state().kind).toBe('waiting'), { what: 'the wait', everyMs: 5 });
    await loseReply(proxy, isTransaction);
    const { id } = await replicas.reignAfter(0);
    expect(one.observed('mastership.won')).toHaveLength(1);
    expect(JSON.parse((await admin.read(replicas.record)) ?? '')).toMatchObject({ tenure: id, state: 'held', unprovenMs: 0 });
  });

  it('to the transaction that resigns, the resignation counts and the next master needs no wait', async () => {
    await using proxy = await startProxy(server);
    await using replicas = new Replicas(server.connectString);
    const [first, second] = await replicas.line({ connectString: proxy.connectString });
    const lost = loseReply(proxy, isTransaction);
    await first.election.resign();
    await lost;
    expect(await replicas.master({ not: first })).toBe(second);
    expect(second.observed('mastership.won')[0]?.fields?.['waitMs']).toBe(0);
    await first.standsBy();
    expect(replicas.reigns).toHaveLength(2);
  });

  it('to the transaction that resigns, a replica that is alone wins again, under a new tenure', async () => {
    await using proxy = await startProxy(server);
    await using replicas = new Replicas(server.connectString);
    const one = replicas.add({ connectString: proxy.connectString });
    await replicas.master();
    const lost = loseReply(proxy, isTransaction);
    await one.election.resign();
    await lost;
    expect((await replicas.reignAfter(1)).address).toBe(one.address);
    expect(await tenureNodes(replicas)).toHaveLength(1);
    expect(one.observed('mastership.resigned')).toHaveLength(1);
  });

  it("to the creation of a standby's place, it does not take a second one", async () => {
    await using proxy = await startProxy(server);
    await using replicas = new Replicas(server.connectString);
    replicas.add();
    await replicas.master();
    const lost = loseReply(proxy, isPlace);
    const standby = replicas.add({ connectString: proxy.connectString });
    await lost;
    await standby.standsBy();
    const places = await admin.children(replicas.linePath);
    expect(places.filter((name) => name.startsWith(standby.address))).toHaveLength(1);
  });

  it('to the write that restores an edited node, the master goes on and the node is restored once', async () => {
    await using proxy = await startProxy(server);
    await using replicas = new Replicas(server.connectString);
    const [first] = await replicas.line({ connectString: proxy.connectString });
    const tenure = first.held;
    const lost = loseReply(proxy, (frame) => frame.op === 'setData');
    await admin.set(replicas.node, 'nobody');
    await lost;
    await eventually(async () => expect(await admin.read(replicas.node)).toBe(first.address), { what: 'the node to be restored' });
    expect((await replicas.master()).held?.id).toBe(tenure?.id);
    await first.election.resign();
    await replicas.reignAfter(1);
  });
});

it('repeats a winning transaction that never reached the server', async () => {
  await using proxy = await startProxy(server);
  await using replicas = new Replicas(server.connectString);
  const lost = proxy.loseRequest('multi');
  const one = replicas.add({ connectString: proxy.connectString });
  await lost;
  expect((await replicas.reignAfter(0)).address).toBe(one.address);
  expect(await tenureNodes(replicas)).toHaveLength(1);
});
