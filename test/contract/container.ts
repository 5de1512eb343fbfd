import { connect } from 'node:net';
import { once } from 'node:events';
import { OPCODES } from '../support/frames.js';

/** `CreateMode.CONTAINER` (ZooKeeper 3.5 and later). */
const CONTAINER_MODE = 4;
const ALL_RIGHTS = 31;

/**
 * Makes a container node. Neither the library nor its client package can, so this speaks the protocol
 * (zookeeper.jute) itself.
 */
export async function createContainer(server: { readonly host: string; readonly port: number }, path: string): Promise<void> {
  const socket = connect(server.port, server.host);
  try {
    // ConnectRequest: protocol version, last zxid, timeout, session id, password.
    socket.write(frame(int(0), long(0n), int(4_000), long(0n), bytes(Buffer.alloc(16))));
    await once(socket, 'data');
    const everyone = [int(1), int(ALL_RIGHTS), text('world'), text('anyone')];
    socket.write(frame(int(1), int(OPCODES.createContainer), text(path), bytes(Buffer.alloc(0)), ...everyone, int(CONTAINER_MODE)));
    const [reply] = (await once(socket, 'data')) as [Buffer];
    // ReplyHeader: length, xid, zxid (8), error.
    const error = reply.readInt32BE(16);
    if (error !== 0) throw new Error(`The server answered ${error} to the making of the container ${path}.`);
    socket.write(frame(int(2), int(OPCODES.closeSession)));
    await once(socket, 'data');
  } finally {
    socket.destroy();
  }
}

function frame(...parts: readonly Buffer[]): Buffer {
  return bytes(Buffer.concat(parts));
}

function int(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32BE(value);
  return buffer;
}

function long(value: bigint): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeBigInt64BE(value);
  return buffer;
}

function bytes(content: Buffer): Buffer {
  return Buffer.concat([int(content.length), content]);
}

function text(content: string): Buffer {
  return bytes(Buffer.from(content));
}
