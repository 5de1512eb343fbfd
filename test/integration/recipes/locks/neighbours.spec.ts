import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startAdmin, type Admin } from '../../../support/admin.js';
import { eventually, within } from '../../../support/eventually.js';
import { startLockHolder } from '../../../support/lock-holder/lock-holder.js';
import { crowded, startNeighbour, type Interval, type Library, type Neighbour } from '../../../support/neighbours/neighbours.js';
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

const nowUs = (): number => Number(process.hrtime.bigint() / 1_000n);

/** Takes and releases it so often; when it was held. */
async function turns(holder: Holder, path: string, count: number): Promise<Interval[]> {
  const held: Interval[] = [];
  for (let turn = 0; turn < count; turn += 1) {
    const lock = await holder.locks.acquire({ path }, {});
    const first = nowUs();
    // Its work: a question to the server, in which others could come in.
    await admin.exists(path);
    held.push({ first, last: nowUs() });
    await lock.release();
  }
  return held;
}

describe.concurrent.each<{ library: Library }>([{ library: 'Curator' }, { library: 'kazoo' }])('beside $library', ({ library }) => {
  const path = (name: string): string => `/${library}/${name}`;
  const neighbour = (name: string): Promise<Neighbour> =>
    startNeighbour(library, { connectString: server.connectString, takes: 'mutex', path: path(name) });
  const inLine = (name: string, count: number): Promise<void> =>
    eventually(async () => expect(await admin.children(path(name))).toHaveLength(count), { what: `${count} in line` });

  it('each waits for the other, and gets the lock from it', async () => {
    await using ours = await Holder.start(server.connectString, 'ours:1');
    await using theirs = await neighbour('both');
    const first = await ours.locks.acquire({ path: path('both') }, {});
    expect(await theirs.tries()).toBe(false);
    const waits = theirs.acquire();
    await inLine('both', 2);
    await first.release();
    await within(waits, 'the neighbour to get it');
    expect(await ours.locks.tryAcquire({ path: path('both') })).toBeUndefined();
    expect((await ours.locks.inspect({ path: path('both') })).holder).toMatchObject({ token: undefined });
    const waiting = ours.locks.acquire({ path: path('both') }, {});
    await inLine('both', 2);
    await theirs.release();
    const second = await within(waiting, 'ours to get it');
    expect(second.fencingToken).toBeGreaterThan(first.fencingToken);
    await second.release();
    await inLine('both', 0);
  });

  it('one at a time holds it under contention, two of each', async () => {
    await using a = await Holder.start(server.connectString, 'ours:2');
    await using b = await Holder.start(server.connectString, 'ours:3');
    await using c = await neighbour('busy');
    await using d = await neighbour('busy');
    const [ofA, ofB] = await Promise.all([turns(a, path('busy'), 15), turns(b, path('busy'), 15), c.turns(15), d.turns(15)]);
    const all = [...ofA, ...ofB, ...c.held, ...d.held];
    expect(all).toHaveLength(60);
    expect(crowded(all)).toEqual([]);
    await inLine('busy', 0);
  });

  it('ours gets it when the neighbour that holds it is killed, and the neighbour when ours is', async () => {
    await using theirs = await neighbour('killed');
    await using ours = await Holder.start(server.connectString, 'ours:4');
    await theirs.acquire();
    const waiting = ours.locks.acquire({ path: path('killed') }, {});
    await inLine('killed', 2);
    await theirs.process.kill('SIGKILL');
    await (await within(waiting, 'ours to get it')).release();
    await using process = await startLockHolder({ connectString: server.connectString, address: 'ours:5', sessionTimeoutMs: 2_000 });
    await using next = await neighbour('killed');
    await process.acquire({ path: path('killed') });
    const waits = next.acquire();
    await inLine('killed', 2);
    await process.process.kill('SIGKILL');
    await within(waits, 'the neighbour to get it');
    await next.release();
    await inLine('killed', 0);
  });
});
