import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startAdmin } from '../../support/admin.js';
import { eventually } from '../../support/eventually.js';
import { startProxy } from '../../support/proxy.js';
import { startRealServer, startServer, type ZooKeeperServer } from '../../support/zookeeper.js';
import { Replicas, type Replica } from './replicas.js';
import { wipeAtOnce } from './wipe.js';

/** `TOKEN_FAILOVERS=1000 npm test -- test/integration/mastership/token.spec.ts` for a long time. */
const FAILOVERS = Number(process.env['TOKEN_FAILOVERS'] ?? 60);

/** Tokens are compared from tenure to tenure by `Replicas`; this says that there were enough of them. */
function grew(replicas: Replicas, tenures: number): void {
  const tokens = replicas.reigns.map((one) => one.token);
  expect(tokens.length).toBeGreaterThanOrEqual(tenures);
  expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => (a < b ? -1 : 1)));
}

/** Waits until no replica has a session, as when the servers have been away for longer than sessions last. */
async function sessionsAreGivenUp(replicas: Replicas): Promise<void> {
  await eventually(() => expect(replicas.all.filter((one) => one.sessions.current() !== undefined)).toEqual([]), {
    what: 'all sessions to be given up',
  });
}

/** The standby has seen this master, and read the record with its token: the answer to a later question has come. */
async function knows(standby: Replica, master: string): Promise<void> {
  await eventually(() => expect(standby.election.state()).toMatchObject({ kind: 'standby', master }), {
    what: `${standby.address} to see ${master}`,
  });
  await standby.election.master();
}

it.concurrent(`grows strictly over ${FAILOVERS} failovers by resignation, loss of the session and deletion by hand`, async () => {
  await using server = await startServer({ tickTimeMs: 300 });
  await using admin = await startAdmin(server.connectString);
  await using replicas = new Replicas(server.connectString);
  const short = { sessionTimeoutMs: 900 };
  await replicas.line(short, short, short);
  for (let i = 0; i < FAILOVERS; i += 1) {
    const count = replicas.reigns.length;
    // With sessions this short, a slow machine may depose the master meanwhile: then the next one resigns.
    if (i % 3 === 0) await eventually(async () => (await replicas.master()).election.resign(), { what: 'a resignation' });
    else if (i % 3 === 1) await eventually(async () => expect(await admin.delete(replicas.node)).toBe(true), { what: 'a deletion' });
    else {
      replicas.add(short);
      await (await replicas.master()).loseSession();
    }
    await replicas.reignAfter(count);
  }
  grew(replicas, FAILOVERS + 1);
});

it.concurrent('grows over a wipe of the whole tree while nobody is alive to remember', async () => {
  await using server = await startServer();
  await using admin = await startAdmin(server.connectString);
  await using replicas = new Replicas(server.connectString);
  for (let i = 0; i < 3; i += 1) {
    const replica = replicas.add();
    await replicas.reignAfter(i);
    await replica.stop();
    await wipeAtOnce(admin, replicas.rootPath);
  }
  grew(replicas, 3);
});

describe.concurrent('in an ensemble that counts from lower again', () => {
  it('grows when it was restored empty and all replicas have lived on', async () => {
    await using server = await startServer();
    await using replicas = new Replicas(server.connectString);
    await replicas.line();
    for (let i = 1; i < 3; i += 1) {
      await server.wipe();
      await server.start();
      await replicas.reignAfter(i);
    }
    grew(replicas, 3);
  });

  it('grows when it was restored empty and only a standby has lived on', async () => {
    await using server = await startServer();
    await using replicas = new Replicas(server.connectString);
    const [first, second, survivor] = await replicas.line();
    await churn(server, 50);
    await first.election.resign();
    await replicas.reignAfter(1);
    await knows(survivor, second.address);
    await server.wipe();
    await Promise.all([first.stop(0), second.stop(0)]);
    await server.start();
    await replicas.reignAfter(2);
    grew(replicas, 3);
  });

  it('grows when it was restored from an older state', async () => {
    // The real one in any case: its files are what is restored.
    await using server = await startRealServer();
    await using replicas = new Replicas(server.connectString);
    await replicas.line();
    const [data, copy] = [join(server.directory, 'data'), join(server.directory, 'copy')];
    await server.stop();
    cpSync(data, copy, { recursive: true });
    await server.start();
    await replicas.master();
    const count = replicas.reigns.length;
    await (await replicas.master()).election.resign();
    const { address } = await replicas.reignAfter(count);
    await Promise.all(replicas.all.filter((one) => one.address !== address).map((one) => knows(one, address)));
    await server.kill();
    rmSync(data, { recursive: true });
    cpSync(copy, data, { recursive: true });
    await server.start();
    await replicas.reignAfter(count + 1);
    grew(replicas, count + 2);
  });

  it('grows when a replica that knows nothing wins first: one that saw the tokens raises the floor while that one waits', async () => {
    // Sessions of 30 s, so that the wait of the one that knows nothing leaves the survivor as much time as
    // a slow machine may need.
    await using server = await startServer({ cfg: { maxSessionTimeout: 40_000 } });
    await using proxy = await startProxy(server);
    await using replicas = new Replicas(server.connectString);
    const survivor = replicas.add({ connectString: proxy.connectString });
    await replicas.master();
    await churn(server, 50);
    await survivor.election.resign();
    await replicas.reignAfter(1);
    await server.wipe();
    proxy.refuse();
    await sessionsAreGivenUp(replicas);
    await server.start();
    const fresh = replicas.add({ sessionTimeoutMs: 30_000 });
    await eventually(() => expect(fresh.election.state().kind).toBe('waiting'), { what: 'the fresh replica to win', everyMs: 5 });
    proxy.pass();
    const { address } = await replicas.reignAfter(2);
    expect(address).toBe(fresh.address);
    expect(survivor.observed('mastership.floor-raised')).toHaveLength(1);
    grew(replicas, 3);
  });
});

/** Uses zxids up, so that an ensemble restored empty counts from much lower. */
async function churn(server: ZooKeeperServer, writes: number): Promise<void> {
  await using admin = await startAdmin(server.connectString);
  await admin.create('/churn');
  for (let i = 0; i < writes; i += 1) await admin.set('/churn', String(i));
}
