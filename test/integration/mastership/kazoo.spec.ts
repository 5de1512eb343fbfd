import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startAdmin, type Admin } from '../../support/admin.js';
import { eventually } from '../../support/eventually.js';
import { startKazoo as startScript } from '../../support/neighbours/neighbours.js';
import type { TestProcess } from '../../support/process.js';
import { startServer, type ZooKeeperServer } from '../../support/zookeeper.js';
import { Replicas, type Replica } from './replicas.js';

const KAZOO = '10.0.0.2:9000';

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

async function startKazoo(path: string): Promise<TestProcess> {
  const script = join(import.meta.dirname, 'kazoo-participant.py');
  const kazoo = startScript(script, [server.connectString, path, KAZOO]);
  await kazoo.message((one) => one['event'] === 'connected', 'a connection');
  return kazoo;
}

/** Campaigns, and answers once kazoo holds the node. */
async function wins(kazoo: TestProcess, meanwhile: () => Promise<unknown> = async () => undefined): Promise<void> {
  const since = kazoo.messages.length;
  kazoo.send('campaign');
  await meanwhile();
  await kazoo.message((one) => one['event'] === 'won', 'the win', { since });
}

/** While kazoo holds the node, our replica stands by and knows whom it waits for. */
async function standsByFor(kazoo: TestProcess, path: string, replica: Replica): Promise<void> {
  await eventually(() => expect(replica.election.state()).toMatchObject({ kind: 'standby', master: KAZOO }), {
    what: 'our standby to see kazoo',
  });
  expect(await replica.election.master()).toEqual({ address: KAZOO, isThis: false });
  const node = await admin.info(path);
  expect(node).toMatchObject({ data: KAZOO, ephemeralOwner: BigInt(String(kazoo.messages.at(-1)?.['session'])) });
}

it.concurrent('takes the election from our replicas and yields it to them, again and again', async () => {
  await using replicas = new Replicas(server.connectString);
  let ours = replicas.add();
  await replicas.master();
  await using kazoo = await startKazoo(replicas.node);
  for (let round = 1; round <= 4; round += 1) {
    const count = replicas.reigns.length;
    const leaves = ours;
    await wins(kazoo, () => leaves.stop());
    expect(leaves.isMaster).toBe(false);
    ours = await replicas.add().standsBy();
    await standsByFor(kazoo, replicas.node, ours);
    kazoo.send('yield');
    expect((await replicas.reignAfter(count)).address).toBe(ours.address);
    expect(ours.observed('mastership.won')[0]?.fields?.['waitMs']).toBeGreaterThan(0);
    expect(await admin.read(replicas.node)).toBe(ours.address);
  }
});

for (const [how, end] of [
  ['deletes its node', async (kazoo: TestProcess) => kazoo.send('yield')],
  ['closes its session', async (kazoo: TestProcess) => kazoo.send('close')],
  ['is killed', async (kazoo: TestProcess) => void (await kazoo.kill())],
] as const) {
  it.concurrent(`is followed, when it ${how}, by a replica that waits, although the last of us had resigned`, async () => {
    await using replicas = new Replicas(server.connectString);
    const first = replicas.add();
    await replicas.master();
    await using kazoo = await startKazoo(replicas.node);
    await wins(kazoo, () => first.stop());
    const [second, third] = [replicas.add(), replicas.add()];
    await standsByFor(kazoo, replicas.node, second);
    await standsByFor(kazoo, replicas.node, third);
    await end(kazoo);
    const { address } = await replicas.reignAfter(1);
    const next = [second, third].find((one) => one.address === address);
    expect(next?.observed('mastership.won')[0]?.fields?.['waitMs']).toBeGreaterThan(0);
    // Among ourselves the next change needs no wait again.
    await next?.election.resign();
    const after = await replicas.reignAfter(2);
    const last = [second, third].find((one) => one.address === after.address);
    expect(last?.observed('mastership.won').at(-1)?.fields?.['waitMs']).toBe(0);
  });
}

it.concurrent('gets the election when our master dies, and our standbys let it hold it', async () => {
  await using replicas = new Replicas(server.connectString);
  const first = replicas.add();
  await replicas.master();
  await using kazoo = await startKazoo(replicas.node);
  await wins(kazoo, () => first.loseSession());
  const second = replicas.add();
  await standsByFor(kazoo, replicas.node, second);
  expect([first.isMaster, second.isMaster]).toEqual([false, false]);
  // A participant that knows no hand-over keeps its node when somebody edits it.
  await admin.set(replicas.node, second.address);
  await eventually(() => expect(second.election.state()).toMatchObject({ kind: 'standby', master: second.address }), {
    what: 'the edit to be seen',
  });
  expect(second.isMaster).toBe(false);
  kazoo.send('yield');
  expect((await replicas.reignAfter(1)).address).toBe(second.address);
  expect(second.observed('mastership.won')[0]?.fields?.['waitMs']).toBeGreaterThan(0);
});
