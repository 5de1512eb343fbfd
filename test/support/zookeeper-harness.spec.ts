import { expect, it } from 'vitest';
import { startServer } from './zookeeper.js';
import { startAdmin } from './admin.js';
import { eventually } from './eventually.js';

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

it('has an operator who goes on with another session when the server has ended the one before', async () => {
  await using server = await startServer();
  await using admin = await startAdmin(server.connectString);
  await using other = await startAdmin(server.connectString);
  const { sessionId } = admin;
  await other.endSession(sessionId, admin.client.getSessionPassword());
  await eventually(() => expect(admin.sessionId).not.toBe(sessionId), { what: 'another session' });
  expect(await admin.children('/')).toEqual(['zookeeper']);
});
