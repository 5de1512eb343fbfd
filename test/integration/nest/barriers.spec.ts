import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { Barriers, BarrierFullError, BarrierTimeoutError, ZookeeperClient, ZookeeperModule } from '../../../src/index.js';
import { ZookeeperTestingModule } from '../../../src/testing.js';
import { failureOf, within } from '../../support/eventually.js';
import { startServer, type ZooKeeperServer } from '../../support/zookeeper.js';
import { boot, closeAll } from './app.js';

let server: ZooKeeperServer;
beforeAll(async () => void (server = await startServer()));
afterAll(async () => await server?.dispose());
afterEach(closeAll);

const application = (address: string): ReturnType<typeof ZookeeperModule.forRoot> =>
  ZookeeperModule.forRoot({ connectString: server.connectString, service: 'Shop', version: '1', address, candidate: false });

it('are of all replicas, and their nodes are kept from others', async () => {
  const [one, two] = await Promise.all(['10.0.0.1:1', '10.0.0.2:1'].map((address) => boot({ imports: [application(address)] })));
  const [a, b] = [one, two].map((running) => running?.app.get(Barriers));
  if (a === undefined || b === undefined) throw new Error('two applications');
  await a.barrier('set').set();
  expect(await failureOf(b.barrier('set').wait({ waitMs: 20 }))).toBeInstanceOf(BarrierTimeoutError);
  const client = one?.app.get(ZookeeperClient);
  expect(await failureOf(client?.delete('/soa/barriers/single/set') ?? Promise.resolve())).toMatchObject({ code: 'ZK_OWN_NODE' });
  await b.barrier('set').open();
  await within(a.barrier('set').wait(), 'it to open');
  await within(Promise.all([a.gather('all', { members: 2 }), b.gather('all', { members: 2 })]), 'both to come');
  const [first, second] = [a.double('both', 2), b.double('both', 2)];
  await within(Promise.all([first.enter(), second.enter()]), 'both to enter');
  expect(await failureOf(b.double('both', 2).enter())).toBeInstanceOf(BarrierFullError);
  await within(Promise.all([first.leave(), second.leave()]), 'both to leave');
});

it.each([
  ['standalone', () => ZookeeperModule.forRoot({ standalone: true, service: 'Shop', version: '1' })],
  ['in the testing kit', () => ZookeeperTestingModule.forRoot({ master: true })],
])('are of this process %s', async (_, imported) => {
  const { app } = await boot({ imports: [imported()] });
  const barriers = app.get(Barriers);
  await within(Promise.all([barriers.gather('all', { members: 2 }), barriers.gather('all', { members: 2 })]), 'both to come');
});
