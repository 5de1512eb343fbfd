import { expect, it } from 'vitest';
import { startServer } from './zookeeper.js';

it('starts a server, brings it back with its port after a kill, and leaves nothing behind', async () => {
  await using server = await startServer();
  const { port } = server;
  expect(await server.mode()).toBe('standalone');
  await server.kill();
  expect(await server.mode()).toBeUndefined();
  await server.start();
  expect(server.port).toBe(port);
  expect(await server.fourLetter('ruok')).toBe('imok');
});
