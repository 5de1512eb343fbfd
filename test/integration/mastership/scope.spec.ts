import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startAdmin, type Admin } from '../../support/admin.js';
import { eventually } from '../../support/eventually.js';
import { startProxy } from '../../support/proxy.js';
import { startServer, type ZooKeeperServer } from '../../support/zookeeper.js';
import { Replicas, type Replica } from './replicas.js';

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

/** Waits until it has said that it holds back. */
async function holdsBack(replica: Replica, scope: 'version' | 'service'): Promise<void> {
  await eventually(() => expect(replica.observed('mastership.scope-conflict')).toHaveLength(1), { what: 'the warning' });
  expect(replica.observed('mastership.scope-conflict')[0]).toMatchObject({ level: 'warn', fields: { scope, rivals: 1 } });
  expect(replica.election.state()).toMatchObject({ kind: 'electing', why: 'waits for its turn' });
}

const SCOPES = [
  ['version', 'service'],
  ['service', 'version'],
] as const;

describe.concurrent('replicas of both electionScopes', () => {
  for (const [older, younger] of SCOPES) {
    it(`leave the mastership to the older ones (${older}), until the last of them has gone`, async () => {
      await using replicas = new Replicas(server.connectString);
      const old = replicas.add({ scope: older });
      await replicas.master();
      const young = replicas.add({ scope: younger });
      await holdsBack(young, younger);
      expect(young.election.path).not.toBe(old.election.path);
      await old.stop();
      await replicas.master({ not: old });
      await eventually(() => expect(young.isMaster).toBe(true), { what: 'the master to be believed' });
      expect(await admin.exists(old.election.path)).toBe(false);
    });
  }

  it('never have two masters when the old one hangs: its session ends, then its lease is waited for', async () => {
    await using proxy = await startProxy(server);
    await using replicas = new Replicas(server.connectString);
    const old = replicas.add({ scope: 'version', connectString: proxy.connectString });
    await replicas.master();
    const young = replicas.add({ scope: 'service' });
    await holdsBack(young, 'service');
    proxy.hole();
    expect(await replicas.master({ not: old })).toBe(young);
    proxy.pass();
  });

  it('never have two masters when the membership of the old one is deleted by hand while it hangs', async () => {
    await using proxy = await startProxy(server);
    await using replicas = new Replicas(server.connectString);
    // The younger scope's own record proves a resignation, so that nothing but the other scope makes it wait.
    const before = replicas.add({ scope: 'service' });
    await replicas.master();
    await before.stop();
    const old = replicas.add({ scope: 'version', connectString: proxy.connectString });
    await replicas.master();
    const young = replicas.add({ scope: 'service' });
    await holdsBack(young, 'service');
    proxy.hole();
    for (const name of await admin.children(`${replicas.rootPath}/members/Bank`)) {
      if (name.startsWith('version~')) await admin.delete(`${replicas.rootPath}/members/Bank/${name}`);
    }
    await replicas.master({ not: old });
    proxy.pass();
  });

  it('that start at once settle on the scope of the oldest, and on the next one when that has gone', async () => {
    await using replicas = new Replicas(server.connectString);
    const all = (['version', 'service', 'version', 'service'] as const).map((scope) => replicas.add({ scope }));
    const first = await replicas.master();
    await eventually(
      () => {
        const states = all.map((one) => one.election.state());
        const others = states.filter((one) => one.kind === 'standby' || (one.kind === 'electing' && one.why === 'waits for its turn'));
        expect([states.filter((one) => one.kind === 'master').length, others.length]).toEqual([1, 3]);
      },
      { what: 'one scope to be settled on' },
    );
    await first.stop();
    await replicas.master({ not: first });
  });
});

describe.concurrent('a replica with candidate: false', () => {
  it('observes, stands in no line, and can ask who is master', async () => {
    await using replicas = new Replicas(server.connectString);
    const observer = replicas.add({ candidate: false });
    await eventually(() => expect(observer.sessions.current()).toBeDefined(), { what: 'its session' });
    expect(await observer.election.master()).toBeUndefined();
    const [first, second, third] = await replicas.line();
    expect(await observer.election.master()).toEqual({ address: first.address, isThis: false });
    const seen = { kind: 'observing', why: 'this replica is no candidate', master: first.address };
    await eventually(() => expect(observer.election.state()).toEqual(seen), { what: 'the observer to know the master' });
    expect(await admin.children(replicas.linePath)).toHaveLength(2);
    await observer.election.transferTo(third.address);
    expect(await replicas.master({ not: first })).toBe(third);
    expect(await observer.election.master()).toEqual({ address: third.address, isThis: false });
    for (const one of [first, second, third]) await one.stop();
    await eventually(async () => expect(await observer.election.master()).toBeUndefined(), { what: 'nobody to be master' });
    expect(observer.isMaster).toBe(false);
  });

  it('of the other scope holds nobody back', async () => {
    await using replicas = new Replicas(server.connectString);
    const observer = replicas.add({ candidate: false, scope: 'service' });
    await eventually(async () => expect(await admin.children(`${replicas.rootPath}/members/Bank`)).toHaveLength(1), {
      what: 'its membership',
    });
    const one = replicas.add({ scope: 'version' });
    expect(await replicas.master()).toBe(one);
    expect(observer.isMaster).toBe(false);
    expect(one.observed('mastership.scope-conflict')).toEqual([]);
  });
});

it('elects one master across all versions with scope "service", and one for each version otherwise', async () => {
  await using replicas = new Replicas(server.connectString);
  replicas.add({ scope: 'service', version: '1' });
  await replicas.master();
  const next = await replicas.add({ scope: 'service', version: '2' }).standsBy();
  expect(next.election.path).toBe(`${replicas.rootPath}/master/services/Bank`);
  await using first = new Replicas(server.connectString);
  await using second = new Replicas(server.connectString);
  const shared = { rootPath: first.rootPath };
  const versions = [first.add({ ...shared, version: '1' }), second.add({ ...shared, version: '2' })].map((one) => one.election);
  expect(versions.map((one) => one.key)).toEqual(['Bank:1', 'Bank:2']);
  await eventually(() => expect(versions.map((one) => one.isMaster())).toEqual([true, true]), { what: 'a master for each version' });
});
