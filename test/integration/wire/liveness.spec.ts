import { createServer, type AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { ANY_VERSION } from '../../../src/zookeeper/wire/operations.js';
import type { WireRequest } from '../../../src/zookeeper/wire/package.js';
import { eventually, failureOf } from '../../support/eventually.js';
import { startProxy } from '../../support/proxy.js';
import { startServer } from '../../support/zookeeper.js';
import { int, text } from './peer.js';
import { IN_ORDER, RecordedWire } from './recorded-wire.js';

const empty = Buffer.alloc(0);

/** Keeps this process's event loop from turning. */
function block(forMs: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, forMs);
}

/** Sessions of up to 40 s, so that a slow machine has its time between the end of the link and that of the session. */
const LONG = { cfg: { maxSessionTimeout: 40_000 } };

describe.concurrent('a connection', () => {
  it('drops a half-open link within the session timeout, answers what waits, and attaches elsewhere with the same session', async () => {
    await using server = await startServer(LONG);
    await using broken = await startProxy({ host: server.host, port: server.port });
    await using wire = await RecordedWire.open(`${broken.connectString},${server.connectString}`, {
      sessionTimeoutMs: 18_000,
      random: IN_ORDER,
    });
    expect(wire.attachments).toEqual([broken.connectString]);
    const { id } = wire.connection;
    await wire.create('/mine', empty, 'ephemeral');

    broken.hole();
    const waiting = failureOf(wire.exists('/mine'));
    await wire.toDetach(1);
    expect(await waiting).toMatchObject({
      reason: 'connection-loss',
      details: { sent: true },
      message: expect.stringContaining('no answer for') as unknown,
    });
    await wire.toAttach(2);
    expect(wire.attachments[1]).toBe(server.connectString);
    expect(wire.connection.id).toBe(id);
    expect(await wire.exists('/mine')).toMatchObject({ ephemeralOwner: id });
    // The session lived on: it was within its timeout.
  });

  it('drops a server that hangs, and comes back to it when it goes on', async () => {
    await using server = await startServer();
    await using wire = await RecordedWire.open(server.connectString, { sessionTimeoutMs: 6000 });
    await server.pause();
    await wire.toDetach(1);
    await eventually(() => expect(wire.failures.join()).toContain('no session after'), {
      what: 'an attempt that the hung server does not answer',
    });
    await server.resume();
    // The server may have found the session's time over first.
    await eventually(() => expect(wire.attachments.length === 2 || wire.ends[0] === 'expired').toBe(true), {
      what: 'the server to be heard again',
    });
  });

  it('gives a server that accepts connections and says nothing its share of the session timeout, then takes the next', async () => {
    await using server = await startServer();
    const mute = createServer(() => {}).listen(0, '127.0.0.1');
    await new Promise((resolve) => mute.once('listening', resolve));
    const port = (mute.address() as AddressInfo).port;
    await using wire = new RecordedWire(`127.0.0.1:${port},${server.connectString}`, { sessionTimeoutMs: 4000, random: IN_ORDER });
    wire.connection.connect();
    await wire.toAttach(1);
    expect(wire.failures[0]).toBe(`127.0.0.1:${port}: no session after 2000 ms`);
    mute.close();
  });

  it('pings while events stream in, so that a healthy session does not expire', async () => {
    await using server = await startServer();
    await using writer = await RecordedWire.open(server.connectString, { sessionTimeoutMs: 10_000 });
    await writer.create('/busy', empty, 'persistent');
    await using wire = await RecordedWire.open(server.connectString, { sessionTimeoutMs: 6000 });
    let arrived = 0;
    const { watches } = wire.connection;
    const { fire } = watches;
    watches.fire = (type, path) => (arrived++, fire.call(watches, type, path));
    await addPersistentWatch(wire, '/busy');
    const untilMs = performance.now() + 15_000;
    while (performance.now() < untilMs) {
      await writer.set('/busy', empty, ANY_VERSION);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(arrived).toBeGreaterThan(20);
    expect(wire.detachments).toEqual([]);
    expect(wire.ends).toEqual([]);
  });
});

it('does not blame the link for a stall of its own that the session survives', async () => {
  await using server = await startServer(LONG);
  await using wire = await RecordedWire.open(server.connectString, { sessionTimeoutMs: 18_000 });
  await wire.sync('/');
  // Beyond two thirds of the timeout, so that its read limit is over when the loop turns again.
  block(12_500);
  await eventually(async () => expect(await wire.exists('/')).toBeDefined(), { what: 'an answer after the stall' });
  expect(wire.detachments).toEqual([]);
});

/**
 * addWatch (106), mode persistent: not an operation of this library, but one that makes the server send events unasked.
 */
async function addPersistentWatch(wire: RecordedWire, path: string): Promise<void> {
  const header = { xid: 0, type: 106 };
  const request: WireRequest = {
    header,
    payload: null,
    toBuffer: () => {
      const body = Buffer.concat([int(header.xid), int(header.type), text(path), int(0)]);
      return Buffer.concat([int(body.length), body]);
    },
  };
  await new Promise<void>((resolve, reject) =>
    wire.connection.queue(request, (error) => (error === null ? resolve() : reject(new Error(String(error.code))))),
  );
}
