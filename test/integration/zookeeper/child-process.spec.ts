import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { ensureBuilt } from '../../../scripts/build.mjs';
import { startProgram } from '../../support/process.js';
import { eventually } from '../../support/eventually.js';
import type * as Kit from '../../../src/testing.js';
import { ROOT } from '../../support/process.js';
import { creation, RawClient } from '../../support/raw-client.js';

let kit: typeof Kit;

beforeAll(async () => {
  await ensureBuilt();
  kit = (await import(join(ROOT, 'dist', 'testing.js'))) as typeof Kit;
}, 240_000);

it('serves from a process of its own, and takes the same orders', async () => {
  const lines: string[] = [];
  await using server = await kit.startTestZookeeper({ childProcess: true, log: (line) => lines.push(line) });
  await using client = await RawClient.connect(server);
  await client.ask('create', creation('/a', { data: 'one', mode: 1 }));
  expect(await server.paths()).toEqual(['/a']);
  expect(await server.ownerOf('/a')).toBe(client.session.id);
  expect(await server.read('/a')).toEqual(Buffer.from('one'));
  expect(await server.sessions()).toEqual([{ id: client.session.id, timeoutMs: 10_000, connected: true, ephemerals: ['/a'] }]);
  await expect(server.expire(1n)).rejects.toThrow(/^ZK_TEST_ZOOKEEPER: There is no session 0x1/);
  client.socket.write(Buffer.from('not the protocol'));
  await client.closed;
  await eventually(() => expect(lines.join()).toMatch(/has sent a length of/), { what: 'the line' });
  await server.expire(client.session.id);
  await server.restart({ keep: 'all' });
  expect(await server.paths()).toEqual([]);
  await server.close();
  await expect(server.paths()).rejects.toThrow(/has ended/);
});

it('says why it cannot start', async () => {
  await using server = await kit.startTestZookeeper({ childProcess: true });
  await expect(kit.startTestZookeeper({ childProcess: true, port: server.port })).rejects.toThrow(
    /^ZK_TEST_ZOOKEEPER: It cannot serve on .*EADDRINUSE/,
  );
});

it('ends with the process that has started it, also when that is killed', async () => {
  const program = `const { startTestZookeeper } = require(${JSON.stringify(join(ROOT, 'dist', 'testing.js'))});
    startTestZookeeper({ childProcess: true }).then(({ port }) => console.log(JSON.stringify({ port })));`;
  const parent = startProgram(process.execPath, { name: 'parent', args: ['-e', program] });
  const { port } = await parent.message((one) => 'port' in one, 'the port');
  const server = { host: '127.0.0.1', port: Number(port) };
  const client = await RawClient.connect(server);
  await parent.kill();
  await client.closed;
  const refused = RawClient.open(server).then(
    () => false,
    () => true,
  );
  expect(await refused).toBe(true);
});
