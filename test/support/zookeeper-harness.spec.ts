import { expect, it } from 'vitest';
import { startServer } from './zookeeper.js';
import { startAdmin } from './admin.js';
import { eventually } from './eventually.js';
import { startProxy } from './proxy.js';

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

it('has an operator who asks anew, and in the end over another session, when an answer never comes', async () => {
  await using server = await startServer();
  await using proxy = await startProxy(server);
  await using admin = await startAdmin(proxy.connectString);
  const { sessionId } = admin;
  let swallowed = 0;
  // Everything else is answered, so that the connection lives.
  proxy.onFrame((frame) => {
    if (frame.kind !== 'request' || frame.op?.startsWith('getChildren') !== true || swallowed >= 3) return 'pass';
    swallowed += 1;
    return 'drop';
  });
  expect(await admin.children('/')).toEqual(['zookeeper']);
  expect(swallowed).toBe(3);
  expect(admin.sessionId).not.toBe(sessionId);
});
