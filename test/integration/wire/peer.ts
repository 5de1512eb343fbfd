import { createServer, type AddressInfo, type Socket } from 'node:net';
import { FrameReader } from '../../../src/zookeeper/wire/frames.js';

export const int = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};

export const long = (value: bigint): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return bytes;
};

export const text = (value: string): Buffer => Buffer.concat([int(Buffer.byteLength(value)), Buffer.from(value)]);

/** With its length in front. */
export const frame = (...parts: readonly Buffer[]): Buffer => {
  const body = Buffer.concat(parts);
  return Buffer.concat([int(body.length), body]);
};

export const replyHeader = (xid: number, error: number, zxid = 1n): Buffer => Buffer.concat([int(xid), long(zxid), int(error)]);

export const event = (type: number, path: Buffer): Buffer => frame(replyHeader(-1, 0), int(type), int(3), path);

/** The answer to a connect request, without frame. */
export const welcome = (sessionId: bigint, timeoutMs: number): Buffer =>
  Buffer.concat([int(0), int(timeoutMs), long(sessionId), int(16), Buffer.alloc(16)]);

export interface PeerRequest {
  readonly xid: number;
  readonly op: number;
  readonly body: Buffer;
  readonly socket: Socket;
  /** Of the connection it came over, from 1. */
  readonly connection: number;
}

export interface Peer extends AsyncDisposable {
  readonly connectString: string;
  /** Connections so far. */
  readonly accepted: number;
  readonly requests: readonly PeerRequest[];
}

/**
 * A TCP peer that plays a server which says anything: `onConnect` answers the connect request (default: a session of 4
 * s), `onRequest` all others; pings and the closing of the session are answered unless `onRequest` answers true.
 */
export async function startPeer(play: {
  readonly onConnect?: (socket: Socket, connection: number, request: Buffer) => void;
  readonly onRequest?: (request: PeerRequest) => boolean | void;
}): Promise<Peer> {
  const sockets = new Set<Socket>();
  const requests: PeerRequest[] = [];
  let accepted = 0;
  const server = createServer((socket) => {
    const connection = ++accepted;
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    const frames = new FrameReader();
    let connected = false;
    socket.on('data', (chunk: Buffer) => {
      frames.push(chunk);
      for (let bytes = frames.next(); bytes !== undefined; bytes = frames.next()) {
        if (!connected) {
          connected = true;
          if (play.onConnect === undefined) socket.write(frame(welcome(7n, 4000), Buffer.of(0)));
          else play.onConnect(socket, connection, Buffer.from(bytes));
          continue;
        }
        const request = { xid: bytes.readInt32BE(0), op: bytes.readInt32BE(4), body: Buffer.from(bytes.subarray(8)), socket, connection };
        requests.push(request);
        if (play.onRequest?.(request) === true) continue;
        if (request.op === 11) socket.write(frame(replyHeader(-2, 0)));
        if (request.op === -11) socket.write(frame(replyHeader(request.xid, 0)));
      }
    });
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  return {
    connectString: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    get accepted() {
      return accepted;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
