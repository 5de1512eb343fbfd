import { afterAll, beforeAll, expect, it } from 'vitest';
import { startAdmin, type Admin } from '../../../support/admin.js';
import { eventually, within } from '../../../support/eventually.js';
import { startLockHolder } from '../../../support/lock-holder/lock-holder.js';
import { crowded, startNeighbour, type Interval, type Neighbour } from '../../../support/neighbours/neighbours.js';
import { startServer, type ZooKeeperServer } from '../../../support/zookeeper.js';
import { Holder } from './holders.js';

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

const PERMITS = 2;
const nowUs = (): number => Number(process.hrtime.bigint() / 1_000n);

const neighbour = (path: string): Promise<Neighbour> =>
  startNeighbour('Curator', { connectString: server.connectString, takes: 'semaphore', path, permits: PERMITS });
const below = (path: string, count: number): Promise<void> =>
  eventually(async () => expect(await admin.children(path)).toHaveLength(count), { what: `${count} below ${path}` });

async function turns(holder: Holder, path: string, count: number): Promise<Interval[]> {
  const held: Interval[] = [];
  for (let turn = 0; turn < count; turn += 1) {
    const permit = await holder.semaphore({ path }, PERMITS).acquire();
    const first = nowUs();
    await admin.exists(path);
    held.push({ first, last: nowUs() });
    await permit.release();
  }
  return held;
}

it.concurrent("ours and Curator's share the permits, and each waits for the other", async () => {
  const path = '/Curator/both';
  await using ours = await Holder.start(server.connectString, 'ours:1');
  await using theirs = await neighbour(path);
  const semaphore = ours.semaphore({ path }, PERMITS);
  const first = await semaphore.acquire();
  await theirs.acquire();
  expect(await semaphore.tryAcquire()).toBeUndefined();
  expect((await semaphore.inspect()).heldCount).toBe(2);
  const waiting = semaphore.acquire();
  await below(`${path}/locks`, 1);
  await theirs.release();
  const second = await within(waiting, 'ours to get it');
  expect(await theirs.tries()).toBe(false);
  const waits = theirs.acquire();
  await below(`${path}/locks`, 1);
  await first.release();
  await within(waits, 'Curator to get it');
  await theirs.release();
  await second.release();
  await below(`${path}/leases`, 0);
});

it.concurrent('no more than there are permits hold one under contention, two of each', async () => {
  const path = '/Curator/busy';
  await using a = await Holder.start(server.connectString, 'ours:2');
  await using b = await Holder.start(server.connectString, 'ours:3');
  await using c = await neighbour(path);
  await using d = await neighbour(path);
  const [ofA, ofB] = await Promise.all([turns(a, path, 15), turns(b, path, 15), c.turns(15), d.turns(15)]);
  const all = [...ofA, ...ofB, ...c.held, ...d.held];
  expect(all).toHaveLength(60);
  expect(crowded(all, PERMITS)).toEqual([]);
  await below(`${path}/leases`, 0);
  await below(`${path}/locks`, 0);
});

it.concurrent('the permit of one that is killed goes to the other library', async () => {
  const path = '/Curator/killed';
  await using theirs = await neighbour(path);
  await using ours = await Holder.start(server.connectString, 'ours:4');
  await theirs.acquire();
  const taken = await ours.semaphore({ path }, PERMITS).acquire();
  const waiting = ours.semaphore({ path }, PERMITS).acquire();
  await below(`${path}/locks`, 1);
  await theirs.process.kill('SIGKILL');
  await (await within(waiting, 'ours to get it')).release();
  await using process = await startLockHolder({ connectString: server.connectString, address: 'ours:5', sessionTimeoutMs: 2_000 });
  await using next = await neighbour(path);
  await process.acquire({ path }, { permits: PERMITS });
  const waits = next.acquire();
  await below(`${path}/locks`, 1);
  await process.process.kill('SIGKILL');
  await within(waits, 'Curator to get it');
  await next.release();
  await taken.release();
  await below(`${path}/leases`, 0);
});
