import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startAdmin, type Admin } from '../../support/admin.js';
import { eventually } from '../../support/eventually.js';
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

/** Waits until an observer knows this one as master. */
async function knows(observer: Replica, master: string | undefined): Promise<void> {
  await eventually(() => expect(observer.election.state()).toMatchObject({ kind: 'observing', master }), {
    what: `the observer to know ${master} as master`,
  });
}

describe.concurrent('a replica with candidate: false', () => {
  it('knows the master, hears of a new one, and of a time without any', async () => {
    await using replicas = new Replicas(server.connectString);
    const observer = replicas.add({ candidate: false });
    const states: (string | undefined)[] = [];
    observer.election.onChange((state) => states.push(state.kind === 'observing' ? state.master : state.kind));
    const first = replicas.add();
    await knows(observer, first.address);
    const second = await replicas.add().standsBy();
    await first.stop();
    await knows(observer, second.address);
    await second.stop();
    await knows(observer, undefined);
    expect(states.filter((state) => state !== undefined)).toEqual([first.address, second.address]);
    expect(observer.isMaster).toBe(false);
    await expect(observer.election.resign()).rejects.toMatchObject({ code: 'ZK_NOT_MASTER' });
  });

  it('names the master in the error of what only the master may do', async () => {
    await using replicas = new Replicas(server.connectString);
    const master = replicas.add();
    await replicas.master();
    const observer = replicas.add({ candidate: false });
    await knows(observer, master.address);
    await expect(observer.election.resign()).rejects.toMatchObject({ master: master.address });
  });

  it('hears of an edit of the node, and of one that is deleted and made again at once', async () => {
    await using replicas = new Replicas(server.connectString);
    const observer = replicas.add({ candidate: false });
    await eventually(() => expect(observer.sessions.current()).toBeDefined(), { what: 'a session' });
    const { path } = observer.election;
    await admin.create(path, '10.9.9.9:1');
    await knows(observer, '10.9.9.9:1');
    await admin.set(path, '10.9.9.9:2');
    await knows(observer, '10.9.9.9:2');
    await admin.delete(path);
    await admin.create(path, '10.9.9.9:3');
    await knows(observer, '10.9.9.9:3');
  });
});

describe.concurrent('members()', () => {
  it('tells who lives, what each holds, and its rank in line', async () => {
    await using replicas = new Replicas(server.connectString);
    const [first, second, third] = await replicas.line({ version: '1' });
    const observer = replicas.add({ candidate: false });
    await knows(observer, first.address);
    replicas.follow(first, 'reports');
    await eventually(() => expect(first.elections.election('reports').isMaster()).toBe(true), { what: 'the named election' });
    await eventually(async () => expect(await observer.elections.members()).toHaveLength(4), { what: 'four members' });
    const members = await observer.elections.members();
    expect(members.map(({ address, candidate, holds, rank, isThis }) => ({ address, candidate, holds, rank, isThis }))).toEqual([
      { address: first.address, candidate: true, holds: ['Bank:1', 'Bank:1:reports'], rank: undefined, isThis: false },
      { address: second.address, candidate: true, holds: [], rank: 0, isThis: false },
      { address: third.address, candidate: true, holds: [], rank: 1, isThis: false },
      { address: observer.address, candidate: false, holds: [], rank: undefined, isThis: true },
    ]);
    for (const { version, since } of members) {
      expect(version).toBe('1');
      expect(since.getTime()).toBeGreaterThan(0);
    }
  });

  it('rejects with ZK_NOT_CONNECTED while there is no session', async () => {
    await using replicas = new Replicas(server.connectString);
    const replica = replicas.add({ connectString: '127.0.0.1:1' });
    await expect(replica.elections.members()).rejects.toMatchObject({ code: 'ZK_NOT_CONNECTED' });
  });
});

describe.concurrent('several elections of a service', () => {
  it('each have a new master when the one goes that held them all', async () => {
    await using replicas = new Replicas(server.connectString);
    const names = ['a', 'b', 'c', 'd', 'e'];
    const first = replicas.add();
    for (const name of names) replicas.follow(first, name);
    await eventually(() => expect(names.every((name) => first.elections.election(name).isMaster())).toBe(true), { what: 'all elections' });
    const others = [replicas.add(), replicas.add()];
    for (const other of others) for (const name of names) replicas.follow(other, name);
    const isInLine = (replica: Replica, name: string): boolean => replica.elections.election(name).state().kind === 'standby';
    await eventually(() => expect(others.every((other) => names.every((name) => isInLine(other, name)))).toBe(true), { what: 'the lines' });
    await first.stop();
    const heldBy = (replica: Replica): string[] => names.filter((name) => replica.elections.election(name).isMaster());
    await eventually(() => expect(others.flatMap(heldBy)).toHaveLength(names.length), { what: 'new masters', withinMs: 30_000 });
    // How they spread is a matter of the delays between the replicas: unit/mastership/turn.
  });
});

describe.concurrent('two living replicas with one address', () => {
  it('are told apart from one that has crashed and started again, and warned of', async () => {
    await using replicas = new Replicas(server.connectString);
    const address = '10.0.0.9:1';
    const first = replicas.add({ address });
    await replicas.master();
    const second = await replicas.add({ address }).standsBy();
    expect(second.observed('mastership.standby')[0]?.message).toMatch(
      /session 0x[0-9a-f]+ holds the node under the address of this replica/u,
    );
    await eventually(() => expect(second.observed('mastership.same-address')).toHaveLength(1), { what: 'the warning', withinMs: 60_000 });
    expect(second.observed('mastership.same-address')[0]).toMatchObject({ level: 'warn' });
    expect(first.observed('mastership.same-address')).toEqual([]);
  });

  it('are not seen in the place that a crashed predecessor leaves behind', async () => {
    await using replicas = new Replicas(server.connectString);
    const address = '10.0.0.9:2';
    const first = replicas.add({ address });
    await replicas.master();
    const second = await replicas.add({ address }).standsBy();
    await first.loseSession();
    await replicas.master({ not: first });
    const other = await replicas.add().standsBy();
    // Its own first look is later than the second's: both have had their time.
    const third = await replicas.add({ address: other.address }).standsBy();
    await eventually(() => expect(third.observed('mastership.same-address')).toHaveLength(1), {
      what: 'the later warning',
      withinMs: 60_000,
    });
    expect(second.observed('mastership.same-address')).toEqual([]);
  });
});
