import { connect } from 'node:net';
import { expect, it } from 'vitest';
import { startAdmin } from './admin.js';
import { eventually, failureOf } from './eventually.js';
import { startProxy } from './proxy.js';
import { startServer } from './zookeeper.js';

it('counts requests by opcode, and loses the reply of the one it was asked to lose', async () => {
  await using server = await startServer();
  await using proxy = await startProxy(server);
  await using direct = await startAdmin(server.connectString);
  await using admin = await startAdmin(proxy.connectString);
  await admin.create('/a', '1');
  expect(await admin.read('/a')).toBe('1');
  expect(proxy.requestCount('create', 'create2')).toBe(1);
  expect(proxy.requestCount('getData')).toBe(1);
  expect(proxy.writeCount).toBe(1);
  const lost = proxy.loseReplyTo('create');
  await failureOf(admin.create('/b', '2'));
  expect((await lost).error).toBe(0);
  expect(await direct.read('/b')).toBe('2');
});

it('keeps both ends in the belief of a link through a hole, and delivers what it kept afterwards', async () => {
  await using server = await startServer();
  await using proxy = await startProxy(server);
  await using direct = await startAdmin(server.connectString);
  await using admin = await startAdmin(proxy.connectString, { sessionTimeoutMs: 10_000 });
  await admin.create('/a', '1');
  proxy.hole('to-client');
  const written = admin.set('/a', '2');
  await eventually(async () => expect(await direct.read('/a')).toBe('2'), { what: 'the write to reach the server' });
  expect(proxy.connections.open).toBe(1);
  proxy.pass();
  await written;
  proxy.hole();
  const second = admin.set('/a', '3');
  expect(await direct.read('/a')).toBe('2');
  proxy.pass();
  await second;
  expect(await direct.read('/a')).toBe('3');
});

it('cuts a connection within a frame, refuses, and stays mute', async () => {
  await using server = await startServer();
  await using proxy = await startProxy(server);
  proxy.refuse();
  expect(await answerTo(proxy.port)).toBe('');
  proxy.mute();
  await using admin = await startAdmin(server.connectString);
  const silent = connect(proxy.port, '127.0.0.1');
  silent.write('srvr');
  let heard = 0;
  silent.on('error', () => {}).on('data', (chunk) => (heard += chunk.length));
  await admin.create('/a', '1');
  expect(heard).toBe(0);
  silent.destroy();
  proxy.pass();
  expect(await answerTo(proxy.port)).toContain('Mode: standalone');
});

function answerTo(port: number): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(port, '127.0.0.1', () => socket.write('srvr'));
    socket.on('error', () => {}).on('data', (chunk) => (text += chunk.toString()));
    socket.on('close', () => resolve(text));
  });
}
