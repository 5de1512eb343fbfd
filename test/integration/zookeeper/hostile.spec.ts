import { expect, it } from 'vitest';
import { startTestZookeeper } from '../../../src/testing/zookeeper/start.js';
import { Choices } from '../../race/model/choices.js';
import { eventually } from '../../support/eventually.js';
import { creation, RawClient } from '../../support/raw-client.js';

/** No session ends while a slow machine is at work. */
const PATIENT = { maxSessionTimeoutMs: 600_000, minSessionTimeoutMs: 600_000 };

function frame(...bytes: readonly number[]): Buffer {
  const whole = Buffer.alloc(4 + bytes.length, 0);
  whole.writeInt32BE(bytes.length);
  Buffer.from(bytes).copy(whole, 4);
  return whole;
}

it('closes a connection that sends what is not the protocol, says so, and serves the others', async () => {
  const lines: string[] = [];
  await using server = await startTestZookeeper({ ...PATIENT, log: (line) => lines.push(line) });
  await using good = await RawClient.connect(server);
  const greetings = [Buffer.from('GET / HTTP/1.1\r\n\r\n'), frame(), frame(0, 0, 0, 0), Buffer.from([0xff, 0xff, 0xff, 0xff])];
  for (const bytes of greetings) {
    await using bad = await RawClient.open(server);
    bad.socket.write(bytes);
    await bad.closed;
  }
  // A create whose path is longer than the frame; a transaction without an end; a list of two thousand million names.
  const requests = [
    [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 1, 0, 47],
    [0, 0, 0, 1, 0, 0, 0, 14, 0, 0, 0, 1, 0, 0, 0, 0, 0],
    [0, 0, 0, 1, 0, 0, 0, 101, 0, 0, 0, 0, 0, 0, 0, 0, 127, 255, 255, 255],
    [0, 0, 0, 1, 0, 0, 0, 4, 255, 255, 255, 0, 1],
  ];
  for (const bytes of requests) {
    await using bad = await RawClient.connect(server);
    bad.socket.write(frame(...bytes));
    await bad.closed;
  }
  expect(lines).toHaveLength(greetings.length + requests.length);
  for (const line of lines) expect(line).toMatch(/^127\.0\.0\.1:\d+ has sent .*, so it is closed\.$/);
  expect((await good.ask('create', creation('/a'))).error).toBe(0);
});

it('survives any bytes after any greeting', async () => {
  await using server = await startTestZookeeper(PATIENT);
  const choices = new Choices(7);
  for (let round = 0; round < 200; round += 1) {
    await using bad = round % 2 === 0 ? await RawClient.open(server) : await RawClient.connect(server);
    const noise = Array.from({ length: Math.floor(choices.between(1, 60)) }, () => Math.floor(choices.between(0, 256)));
    // Most of them as a frame of one of the opcodes, so that they get past the first check.
    if (choices.chance(0.8)) noise.splice(0, 0, 0, 0, 0, 1, 0, 0, 0, Math.floor(choices.between(1, 23)));
    bad.socket.end(choices.chance(0.8) ? frame(...noise) : Buffer.from(noise));
    await bad.closed;
  }
  await using good = await RawClient.connect(server);
  expect((await good.ask('exists', (to) => to.text('/').bool(false))).error).toBe(0);
});

it('reads no more of a client that does not read its answers', async () => {
  const lines: string[] = [];
  await using server = await startTestZookeeper({ ...PATIENT, log: (line) => lines.push(line) });
  await using writer = await RawClient.connect(server);
  await writer.ask('create', creation('/large', { data: 'x'.repeat(1_000_000) }));
  await using slow = await RawClient.connect(server);
  slow.socket.pause();
  for (let asked = 0; asked < 300; asked += 1) slow.send('getData', (to) => to.text('/large').bool(false));
  expect((await writer.ask('exists', (to) => to.text('/').bool(false))).error).toBe(0);
  // 300 MB would be answered; a test process that held them would show it here.
  expect(process.memoryUsage().external).toBeLessThan(150_000_000);
  slow.socket.resume();
  for (let answered = 0; answered < 300; answered += 1) expect((await slow.frame()).length).toBeGreaterThan(1_000_000);
  expect(lines).toEqual([]);
});

it('keeps little of requests that never end, before a session and after', async () => {
  const lines: string[] = [];
  await using server = await startTestZookeeper({ ...PATIENT, log: (line) => lines.push(line) });
  await using good = await RawClient.connect(server);
  await using stranger = await RawClient.open(server);
  const half = Buffer.alloc(900_000);
  half.writeInt32BE(1_000_000);
  stranger.socket.write(half);
  await stranger.closed;
  expect(lines.splice(0)).toEqual([expect.stringMatching(/a length of 1000000, where 1024 are the most/)]);
  const clients: RawClient[] = [];
  // 360 MB, if it took them all.
  for (let count = 0; count < 400 && lines.length === 0; count += 1) {
    clients.push(await RawClient.connect(server));
    await new Promise((resolve) => clients.at(-1)?.socket.write(half, resolve));
  }
  expect(lines[0]).toMatch(/is closed: 268\d{6} bytes of requests that are not whole wait of all clients/);
  expect((await good.ask('create', creation('/a'))).error).toBe(0);
  await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
});

it('gives up a client that does not read its events', async () => {
  const lines: string[] = [];
  await using server = await startTestZookeeper({ ...PATIENT, log: (line) => lines.push(line) });
  await using writer = await RawClient.connect(server);
  const path = `/${'long'.repeat(5_000)}`;
  await writer.ask('create', creation(path));
  await using slow = await RawClient.connect(server);
  await slow.ask('addWatch', (to) => to.text(path).int(0));
  slow.socket.pause();
  // Each makes an event of 20 kB: 120 MB.
  for (let written = 0; written < 6_000 && lines.length === 0; written += 1)
    await writer.ask('setData', (to) => to.text(path).buffer(Buffer.alloc(0)).int(-1));
  expect(lines).toEqual([expect.stringMatching(/does not read what it is sent: 33\d+ bytes wait, so it is closed/)]);
});

it('serves a thousand connections, and refuses what is above its limit', async () => {
  const lines: string[] = [];
  await using server = await startTestZookeeper({ ...PATIENT, maxConnections: 1_000, log: (line) => lines.push(line) });
  const clients: RawClient[] = [];
  for (let count = 0; count < 1_000; count += 1) clients.push(await RawClient.connect(server));
  for (const client of clients) client.send('exists', (to) => to.text('/').bool(true));
  for (const client of clients) await client.frame();
  await expect(RawClient.connect(server)).rejects.toThrow(/closed the connection|ECONNRESET/);
  expect(lines).toEqual([expect.stringMatching(/there are 1000, which is the most/)]);
  await clients[0]!.ask('create', creation('/a'));
  await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
  await eventually(async () => expect((await server.sessions()).filter(({ connected }) => connected)).toEqual([]), { what: 'the ends' });
});

it('holds a hundred thousand nodes in one directory', async () => {
  await using server = await startTestZookeeper(PATIENT);
  await using client = await RawClient.connect(server);
  await client.ask('create', creation('/d'));
  const total = 100_000;
  for (let made = 0; made < total; made += 1_000) {
    for (let one = 0; one < 1_000; one += 1) client.send('create', creation('/d/n-', { mode: 3 }));
    for (let one = 0; one < 1_000; one += 1) expect((await client.frame()).readInt32BE(12)).toBe(0);
  }
  expect((await client.ask('getChildren', (to) => to.text('/d').bool(false))).body.list(() => 0)).toHaveLength(total);
  await server.expire(client.session.id);
  expect(await server.paths()).toEqual(['/d']);
});
