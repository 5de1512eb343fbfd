import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MAX_LEASE_MS, waitMsFor } from '../../../src/zookeeper/session/lease-length.js';
import { startAdmin, type Admin } from '../../support/admin.js';
import { startProxy } from '../../support/proxy.js';
import { startServer, type ZooKeeperServer } from '../../support/zookeeper.js';
import { Replicas } from './replicas.js';
import { wipeAtOnce } from './wipe.js';

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

async function recordOf(replicas: Replicas): Promise<Record<string, unknown>> {
  return JSON.parse((await admin.read(replicas.record)) ?? '{}') as Record<string, unknown>;
}

async function edit(replicas: Replicas, changes: Record<string, unknown>): Promise<void> {
  await admin.set(replicas.record, JSON.stringify({ ...(await recordOf(replicas)), ...changes }));
}

describe.concurrent('while the master hangs behind a half-open link, and its node is deleted by hand,', () => {
  const edits: ReadonlyArray<readonly [string, (replicas: Replicas) => Promise<unknown>]> = [
    ['an untouched record', async () => undefined],
    ['a record edited to say that it has resigned', (replicas) => edit(replicas, { state: 'resigned', unprovenMs: 0 })],
    [
      'a record edited to say that it has resigned, and no tenure node',
      async (replicas) => {
        await edit(replicas, { state: 'resigned', unprovenMs: 0 });
        for (const name of await admin.children(replicas.record))
          if (name.startsWith('tenure-')) await admin.delete(`${replicas.record}/${name}`);
      },
    ],
    ['a record edited to say that its renewals last no time', (replicas) => edit(replicas, { leaseMs: 0, unprovenMs: 0 })],
    ['a record of garbage', (replicas) => admin.set(replicas.record, 'garbage')],
    ['an empty record', (replicas) => admin.set(replicas.record, '')],
    ['no record', (replicas) => wipeAtOnce(admin, replicas.record)],
    ['no tree', (replicas) => wipeAtOnce(admin, replicas.rootPath)],
    [
      'a record made again by hand, which says that it has resigned',
      async (replicas) => {
        const before = { ...(await recordOf(replicas)), state: 'resigned', unprovenMs: 0 };
        await wipeAtOnce(admin, replicas.record);
        await admin.create(replicas.record, JSON.stringify(before)).catch(() => admin.set(replicas.record, JSON.stringify(before)));
      },
    ],
  ];
  for (const [what, change] of edits) {
    it(`a standby that finds ${what} waits until that master cannot believe any more`, async () => {
      await using proxy = await startProxy(server);
      await using replicas = new Replicas(server.connectString);
      const [first] = await replicas.line({ connectString: proxy.connectString });
      expect(await replicas.master()).toBe(first);
      proxy.hole();
      await change(replicas);
      await admin.delete(replicas.node);
      await replicas.master({ not: first });
      expect(first.isMaster).toBe(false);
      proxy.pass();
    });
  }

  it('a standby whose own former tenure was written back into the record by hand waits all the same', async () => {
    await using proxy = await startProxy(server);
    await using replicas = new Replicas(server.connectString);
    const first = replicas.add();
    await replicas.master();
    const formerly = (await admin.read(replicas.record)) ?? '';
    const second = await replicas.add({ connectString: proxy.connectString }).standsBy();
    await first.election.resign();
    await replicas.master({ not: first });
    await first.standsBy();
    proxy.hole();
    await admin.set(replicas.record, formerly);
    await admin.delete(replicas.node);
    await replicas.master({ not: second });
    proxy.pass();
  });

  for (const [what, change] of [
    ['garbage', (replicas: Replicas) => admin.set(replicas.record, 'garbage')],
    ['wiped', (replicas: Replicas) => wipeAtOnce(admin, replicas.record)],
  ] as const) {
    it(`a standby with a shorter session waits for the longer lease of that master also when the record is ${what}`, async () => {
      await using proxy = await startProxy(server);
      await using replicas = new Replicas(server.connectString);
      const [first] = await replicas.line({ connectString: proxy.connectString, sessionTimeoutMs: 9_000 });
      proxy.hole();
      await change(replicas);
      await admin.delete(replicas.node);
      await replicas.master({ not: first });
      proxy.pass();
    });
  }
});

describe.concurrent('a record edited by hand', () => {
  it('with garbage is written anew by the next to resign or win, and tokens grow', async () => {
    await using replicas = new Replicas(server.connectString);
    const [first] = await replicas.line();
    await admin.set(replicas.record, '\u0000 no record');
    await first.election.resign();
    await replicas.reignAfter(1);
    expect(await recordOf(replicas)).toMatchObject({ state: 'held' });
  });

  it('with a floor set back to nothing does not set the tokens back, for those who saw them', async () => {
    await using replicas = new Replicas(server.connectString);
    await edit(await started(replicas), { floor: '1000000' });
    await (await replicas.master()).election.resign();
    await replicas.reignAfter(1);
    expect(replicas.lastToken).toBeGreaterThan(1_000_000n);
    for (let i = 0; i < 3; i += 1) {
      await edit(replicas, { floor: '0' });
      await (await replicas.master()).election.resign();
      await replicas.reignAfter(2 + i);
    }
    expect(replicas.lastToken).toBeGreaterThan(1_000_000n);
  });

  it('with an endless lease and wait lets nobody wait longer than the bound', async () => {
    await using replicas = new Replicas(server.connectString);
    const [first] = await started(replicas).then((all) => all.all);
    await edit(replicas, { leaseMs: 1e12, unprovenMs: 1e12 });
    await first?.loseSession();
    const { address } = await replicas.reignAfter(1);
    const won = replicas.all
      .find((one) => one.address === address)
      ?.observed('mastership.won')
      .at(-1);
    expect(won?.fields?.['waitMs']).toBeLessThanOrEqual(waitMsFor(MAX_LEASE_MS));
  });
});

async function started(replicas: Replicas): Promise<Replicas> {
  await replicas.line();
  return replicas;
}
