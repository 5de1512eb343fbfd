import { afterEach, expect, it } from 'vitest';
import { ZookeeperClient, ZookeeperModule } from '../../../src/index.js';
import { ZookeeperTestingModule } from '../../../src/testing.js';
import { failureOf } from '../../support/eventually.js';
import { startServer } from '../../support/zookeeper.js';
import { boot, closeAll } from './app.js';

afterEach(closeAll);

it('is injected, works on the session of the module, and knows its root', async () => {
  await using server = await startServer();
  const options = { connectString: server.connectString, service: 'bank', version: '1', address: '10.0.0.1:1', rootPath: '/own/base' };
  const { app } = await boot({ imports: [ZookeeperModule.forRoot(options)] });
  const client = app.get(ZookeeperClient);
  await client.create('/soa/master', 'free', { parents: true });
  expect((await client.get('/soa/master')).data.toString()).toBe('free');
  for await (const content of client.watch('/soa/master')) {
    expect(content?.stat.version).toBe(0);
    break;
  }
  for await (const children of client.watchChildren('/soa')) {
    expect(children?.names).toEqual(['master']);
    break;
  }
  expect(await failureOf(client.delete('/own/base/master'))).toMatchObject({ code: 'ZK_OWN_NODE' });
  await closeAll();
  expect(await failureOf(client.get('/'))).toMatchObject({ code: 'ZK_NOT_CONNECTED' });
});

it.each([
  ['standalone', () => ZookeeperModule.forRoot({ service: 'bank', version: '1', standalone: true })],
  ['the testing kit', () => ZookeeperTestingModule.forRoot({ master: true })],
] as const)('says that there is no ZooKeeper with %s', async (_name, module) => {
  const { app } = await boot({ imports: [module()] });
  const client = app.get(ZookeeperClient);
  for (const call of [() => client.get('/'), () => client.create('/a'), () => client.multi([])])
    expect(await failureOf(call())).toMatchObject({ code: 'ZK_NO_ENSEMBLE' });
  expect(() => client.watch('/')).toThrow(expect.objectContaining({ code: 'ZK_NO_ENSEMBLE' }));
});
