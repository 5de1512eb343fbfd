import type { Socket } from 'node:net';
import { expect, it } from 'vitest';
import { eventually, failureOf, within } from '../../support/eventually.js';
import { event, frame, int, replyHeader, startPeer, text, welcome } from './peer.js';
import { RecordedWire } from './recorded-wire.js';

const GET_DATA = 4;
const STAT = Buffer.alloc(68);

/** Says `bytes` in answer to the first read, and behaves from the second connection, or the second read, on. */
async function sayOnce(bytes: (xid: number, socket: Socket) => Buffer) {
  let said = false;
  return await startPeer({
    onRequest: ({ op, xid, socket }) => {
      if (op !== GET_DATA) return;
      if (said) return void socket.write(frame(replyHeader(xid, 0), text('fine'), STAT));
      said = true;
      socket.write(bytes(xid, socket));
    },
  });
}

const answer = (xid: number): Buffer => frame(replyHeader(xid, 0), text('data'), STAT);

const UNINTELLIGIBLE: Record<string, (xid: number) => Buffer> = {
  'a frame of -1 bytes': () => int(-1),
  'a frame of 0 bytes': () => int(0),
  'a frame of -4 bytes': () => Buffer.concat([int(-4), Buffer.alloc(20)]),
  'a frame of -100 bytes': () => Buffer.concat([int(-100), Buffer.alloc(300)]),
  'a frame of 2 GiB': () => Buffer.concat([int(0x7fff_ffff), Buffer.alloc(1_000_000)]),
  'a frame of 2 bytes': () => frame(Buffer.alloc(2)),
  'a line of HTTP': () => Buffer.from('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'),
  'a reply to a request that was never made': () => frame(replyHeader(77, 0)),
  'a truncated payload': (xid) => frame(replyHeader(xid, 0), int(1000), Buffer.from('abc')),
  'a payload of -7 bytes': (xid) => frame(replyHeader(xid, 0), int(-7)),
  'a payload of 2 GiB': (xid) => frame(replyHeader(xid, 0), int(0x7fff_ffff), Buffer.alloc(100)),
  'a payload without its stat': (xid) => frame(replyHeader(xid, 0), text('data')),
  'an event without its path': () => frame(replyHeader(-1, 0), int(3), int(3)),
};

it.each(Object.entries(UNINTELLIGIBLE))('drops the connection and goes on over a new one, after %s', async (_, bytes) => {
  await using peer = await sayOnce(bytes);
  await using wire = await RecordedWire.open(peer.connectString);
  const reads = [wire.get('/a'), wire.get('/b')].map((read) => failureOf(read));
  for (const failure of reads) {
    expect(await failure).toMatchObject({ reason: 'connection-loss', details: { sent: true, operation: 'get' } });
  }
  await wire.toAttach(2);
  expect((await wire.get('/a')).data.toString()).toBe('fine');
  expect(peer.accepted).toBe(2);
  expect(wire.detachments).toHaveLength(1);
});

it.each([
  ['5 (data watch removed)', 5, text('/a')],
  ['7 (persistent watch removed)', 7, text('/a')],
  ['99', 99, text('/a')],
  ['-1 (none)', -1, text('')],
  ['3 with a null path', 3, int(-1)],
])('drops an event of type %s and keeps the connection', async (_, type, path) => {
  await using peer = await sayOnce((xid) => Buffer.concat([event(type, path), answer(xid)]));
  await using wire = await RecordedWire.open(peer.connectString);
  expect((await wire.get('/a')).data.toString()).toBe('data');
  expect(peer.accepted).toBe(1);
});

it.each([
  [-118, 'session-moved'],
  [-119, 'not-read-only'],
  [-125, 'quota-exceeded'],
  [-127, 'throttled'],
  [-999, 'unknown-code'],
])('answers the request with the error when the server says %i', async (code, reason) => {
  await using peer = await sayOnce((xid) => frame(replyHeader(xid, code)));
  await using wire = await RecordedWire.open(peer.connectString);
  expect(await failureOf(wire.get('/a'))).toMatchObject({ reason, details: { zkCode: code, sent: true } });
  expect((await wire.get('/a')).data.toString()).toBe('fine');
  expect(peer.accepted).toBe(1);
});

it.each([
  ['3 bytes', frame(Buffer.alloc(3))],
  ['a frame of -4 bytes', Buffer.concat([int(-4), Buffer.alloc(40)])],
  ['a session with the number 0', frame(welcome(0n, 4000))],
  ['a session that is over before it began', frame(welcome(5n, 0))],
])('tries again when the handshake is answered with %s', async (_, bytes) => {
  await using peer = await startPeer({
    onConnect: (socket, connection) => socket.write(connection === 1 ? bytes : frame(welcome(7n, 4000), Buffer.of(0))),
  });
  await using wire = await RecordedWire.open(peer.connectString);
  expect(wire.failures[0]).toContain('the server sent what cannot be understood');
  expect(peer.accepted).toBe(2);
});

it('accepts the handshake of an old server, without the read-only flag', async () => {
  await using peer = await startPeer({ onConnect: (socket) => socket.write(frame(welcome(7n, 4000))) });
  await using wire = await RecordedWire.open(peer.connectString);
  expect(wire.connection.id).toBe(7n);
  expect(peer.accepted).toBe(1);
});

it('forgets half a frame with the connection that brought it', async () => {
  await using peer = await sayOnce((xid, socket) => {
    setImmediate(() => socket.end());
    return answer(xid).subarray(0, 30);
  });
  await using wire = await RecordedWire.open(peer.connectString);
  expect(await failureOf(wire.get('/a'))).toMatchObject({ reason: 'connection-loss' });
  await wire.toAttach(2);
  expect((await wire.get('/a')).data.toString()).toBe('fine');
});

it('counts only positive zxids, and keeps the highest', async () => {
  const zxids = [9n, -1n, 0n, 4n];
  await using peer = await startPeer({
    onRequest: ({ op, xid, socket }) => {
      if (op === GET_DATA) socket.write(frame(replyHeader(xid, -101, zxids.shift())));
    },
  });
  await using wire = await RecordedWire.open(peer.connectString);
  for (let read = 0; read < 4; read++) {
    await failureOf(wire.get('/a'));
    expect(wire.connection.lastZxid).toBe(9n);
  }
});

it('does not call a server in a storm that welcomes and drops each connection', async () => {
  await using peer = await startPeer({
    onConnect: (socket) => {
      socket.write(frame(welcome(7n, 4000), Buffer.of(0)));
      setImmediate(() => socket.destroy());
    },
  });
  await using wire = await RecordedWire.open(peer.connectString);
  await eventually(() => expect(peer.accepted).toBeGreaterThan(5), { what: 'five further attempts' });
  const before = peer.accepted;
  const fromMs = performance.now();
  await eventually(() => expect(peer.accepted).toBeGreaterThan(before + 2), { what: 'three more' });
  // Pauses of at least half a second by now; without them, hundreds of attempts fit in.
  expect(performance.now() - fromMs).toBeGreaterThan(500);
  await within(wire.connection.shutdown(500), 'the shutdown');
});

it('refuses a request when too many wait already, and says how many', async () => {
  await using peer = await startPeer({ onRequest: () => true });
  await using wire = await RecordedWire.open(peer.connectString);
  const waiting = Array.from({ length: 16_384 }, () => failureOf(wire.exists('/a')));
  expect(await failureOf(wire.exists('/a'))).toMatchObject({
    reason: 'throttled',
    details: { sent: false },
    message: expect.stringContaining('16384 requests already wait') as unknown,
  });
  wire.connection.abandon();
  expect(new Set((await Promise.all(waiting)).map((error) => (error as { reason: string }).reason))).toEqual(new Set(['connection-loss']));
});
