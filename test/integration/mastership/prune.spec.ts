import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createElections } from '../../../src/zookeeper/mastership/elections.js';
import { Pruner } from '../../../src/zookeeper/mastership/prune.js';
import { encodeRecord, readRecordFrom } from '../../../src/zookeeper/mastership/election/election-record.js';
import type { Session } from '../../../src/zookeeper/session/session.js';
import { createSessions } from '../../../src/zookeeper/session/sessions.js';
import { systemClock } from '../../../src/zookeeper/support/clock.js';
import type { Observation } from '../../../src/zookeeper/support/observer.js';
import { startAdmin, type Admin } from '../../support/admin.js';
import { eventually } from '../../support/eventually.js';
import { startServer, type ZooKeeperServer } from '../../support/zookeeper.js';
import { Replica } from './replicas.js';

let server: ZooKeeperServer;
let admin: Admin;
let roots = 0;

beforeAll(async () => {
  server = await startServer();
  admin = await startAdmin(server.connectString);
});
afterAll(async () => {
  await admin[Symbol.asyncDispose]();
  await server.dispose();
});

async function deploy(rootPath: string, version: string, name?: string): Promise<Replica> {
  const replica = new Replica(server.connectString, { rootPath, version });
  if (name !== undefined) replica.elections.election(name);
  replica.sessions.start();
  replica.elections.start();
  const elections = [replica.election, ...(name === undefined ? [] : [replica.elections.election(name)])];
  await eventually(() => expect(elections.map((one) => one.isMaster())).not.toContain(false), { what: `${version} to be master` });
  return replica;
}

/** Of the version that lives. */
function prunerOf(replica: Replica, rootPath: string, version: string): Pruner {
  const session = replica.sessions.current() as Session;
  return new Pruner({ session, clock: systemClock, observer: { observe: () => undefined }, rootPath, service: 'Bank', version });
}

const electionsIn = async (rootPath: string): Promise<string[]> => (await admin.children(`${rootPath}/elections`)).toSorted();

describe('what the elections of former versions have left', () => {
  it('goes when no replica of theirs lives, so that deploys leave nothing', async () => {
    const rootPath = `/prune-${++roots}`;
    for (const version of ['a1', 'b2', 'c3']) await (await deploy(rootPath, version, 'reports')).elections.stop(10_000);
    await admin.create(`${rootPath}/elections/BankOfOthers:a1`, '');
    const living = await deploy(rootPath, 'd4', 'reports');
    try {
      const pruner = prunerOf(living, rootPath, 'd4');
      await pruner.look();
      expect(await electionsIn(rootPath)).toHaveLength(9);
      await pruner.look();
      expect(await electionsIn(rootPath)).toEqual(['Bank:d4', 'Bank:d4:reports', 'BankOfOthers:a1']);
      await eventually(() => expect(living.election.isMaster()).toBe(true), { what: 'the master to be believed' });
    } finally {
      await living.elections.stop(10_000);
    }
  });

  it('is removed by a master, by and by, and by nobody else', async () => {
    const rootPath = `/prune-${++roots}`;
    await (await deploy(rootPath, 'a1')).elections.stop(10_000);
    const observed: Observation[] = [];
    const observer = { observe: (one: Observation): void => void observed.push(one) };
    const sessions = createSessions({ connectString: server.connectString, sessionTimeoutMs: 5_000, clock: systemClock, observer });
    const parts = {
      sessions,
      rootPath,
      service: 'Bank',
      version: 'b2',
      scope: 'version',
      address: '10.0.0.9:1',
      candidate: true,
      observer,
    } as const;
    const elections = createElections({ ...parts, pruneEveryMs: 100 });
    elections.election();
    sessions.start();
    elections.start();
    try {
      await eventually(async () => expect(await electionsIn(rootPath)).toEqual(['Bank:b2']), { what: 'the election of a1 to go' });
      expect(observed.filter(({ event }) => event === 'mastership.pruned')).toEqual([
        expect.objectContaining({ fields: { service: 'Bank', election: 'Bank:a1' } }),
      ]);
    } finally {
      await elections.stop(10_000);
    }
  });

  it('stays as long as a replica of theirs lives, also one that has lost its place in the list of members', async () => {
    const rootPath = `/prune-${++roots}`;
    const [old, young] = [await deploy(rootPath, 'a1'), await deploy(rootPath, 'b2')];
    try {
      const pruner = prunerOf(young, rootPath, 'b2');
      await pruner.look();
      await pruner.look();
      expect(await electionsIn(rootPath)).toEqual(['Bank:a1', 'Bank:b2']);
      // A tenure and a place in the line are children of what would be removed: ZooKeeper itself refuses.
      const members = `${rootPath}/members/Bank`;
      for (const name of await admin.children(members)) await admin.delete(`${members}/${name}`);
      await pruner.look();
      await pruner.look();
      expect(await electionsIn(rootPath)).toEqual(['Bank:a1', 'Bank:b2']);
      await eventually(() => expect(old.election.isMaster()).toBe(true), { what: 'the master to be believed' });
    } finally {
      await old.elections.stop(10_000);
      await young.elections.stop(10_000);
    }
  });

  it('stays as long as a member of theirs lives that stands in no line, or one that does not tell its version', async () => {
    const rootPath = `/prune-${++roots}`;
    await (await deploy(rootPath, 'a1')).elections.stop(10_000);
    const young = await deploy(rootPath, 'b2');
    try {
      const pruner = prunerOf(young, rootPath, 'b2');
      const members = `${rootPath}/members/Bank`;
      for (const data of ['{"version":"a1"}', 'something else']) {
        const member = await admin.create(`${members}/member`, data);
        for (let look = 0; look < 3; look += 1) await pruner.look();
        expect(await electionsIn(rootPath)).toEqual(['Bank:a1', 'Bank:b2']);
        await admin.delete(member);
      }
      for (let look = 0; look < 2; look += 1) await pruner.look();
      expect(await electionsIn(rootPath)).toEqual(['Bank:b2']);
    } finally {
      await young.elections.stop(10_000);
    }
  });

  it('stays when anything has happened to it since the look before', async () => {
    const rootPath = `/prune-${++roots}`;
    await (await deploy(rootPath, 'a1')).elections.stop(10_000);
    const young = await deploy(rootPath, 'b2');
    try {
      const pruner = prunerOf(young, rootPath, 'b2');
      await pruner.look();
      await (await deploy(rootPath, 'a1')).elections.stop(10_000);
      await pruner.look();
      expect(await electionsIn(rootPath)).toEqual(['Bank:a1', 'Bank:b2']);
      await pruner.look();
      expect(await electionsIn(rootPath)).toEqual(['Bank:b2']);
    } finally {
      await young.elections.stop(10_000);
    }
  });

  it('takes no fencing token back: they grow when a version comes again, and a record with a floor stays', async () => {
    const rootPath = `/prune-${++roots}`;
    const first = await deploy(rootPath, 'a1');
    const token = first.election.tenure()?.token ?? 0n;
    await first.elections.stop(10_000);
    const young = await deploy(rootPath, 'b2');
    try {
      const pruner = prunerOf(young, rootPath, 'b2');
      await pruner.look();
      await pruner.look();
      expect(await electionsIn(rootPath)).toEqual(['Bank:b2']);
      const again = await deploy(rootPath, 'a1');
      const tokenAgain = again.election.tenure()?.token ?? 0n;
      expect(tokenAgain).toBeGreaterThan(token);
      await again.elections.stop(10_000);
      // As after the ensemble came back with less than it had.
      const session = young.sessions.current() as Session;
      const { data, stat } = await session.get(`${rootPath}/elections/Bank:a1`);
      const { record } = readRecordFrom(data, stat);
      if (record === undefined) throw new Error('There is no record.');
      await session.set(`${rootPath}/elections/Bank:a1`, encodeRecord({ ...record, floor: 5n }, undefined), -1);
      for (let look = 0; look < 3; look += 1) await pruner.look();
      expect(await electionsIn(rootPath)).toEqual(['Bank:a1', 'Bank:b2']);
    } finally {
      await young.elections.stop(10_000);
    }
  });
});
