import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { isIP } from 'node:net';
import { messageOf } from '../support/errors.js';
import { FrameReader } from './frames.js';
import type { Endpoint } from './servers.js';

export interface LinkEvents {
  /** Connected, and with TLS: authenticated. */
  up(): void;
  /** Bytes have arrived. */
  heard(): void;
  /** A frame has arrived. What this throws takes the link down. */
  frame(frame: Buffer): void;
  /** Called once, last: the link is gone. Synchronously by `destroy`. */
  down(why: string): void;
}

/** One TCP or TLS connection to one server, cut into frames. Starts with an empty buffer, unlike the package's. */
export class Link {
  private readonly frames = new FrameReader();
  private readonly socket: Socket;
  private isDown = false;
  private cause: string | undefined;
  private corked = false;

  /** Throws when the options themselves are bad, e.g. a certificate that cannot be read. */
  constructor(
    readonly endpoint: Endpoint,
    tls: ConnectionOptions | undefined,
    private readonly events: LinkEvents,
  ) {
    this.socket = tls === undefined ? connectTcp({ host: endpoint.address, port: endpoint.port }) : connectTls(tlsOptions(endpoint, tls));
    this.socket.setNoDelay(true);
    this.socket.once(tls === undefined ? 'connect' : 'secureConnect', () => {
      if (!this.isDown) events.up();
    });
    this.socket.on('data', (chunk: Buffer) => this.read(chunk));
    // 'error' is always followed by 'close'; it alone says why.
    this.socket.on('error', (error) => (this.cause = messageOf(error)));
    this.socket.on('close', () => this.destroy(this.cause ?? 'the server closed the connection'));
  }

  /**
   * Hands `frame` to the socket. The first one of a turn goes out at once; those that follow in the same turn go out
   * together at its end, in one system call.
   */
  write(frame: Buffer): void {
    if (this.isDown) return;
    this.socket.write(frame);
    if (this.corked) return;
    this.corked = true;
    this.socket.cork();
    process.nextTick(() => {
      this.corked = false;
      this.socket.uncork();
    });
  }

  /** Ends the link now, without waiting for anything; `down` is called before this returns. */
  destroy(why: string): void {
    if (this.isDown) return;
    this.isDown = true;
    this.socket.destroy();
    this.events.down(why);
  }

  private read(chunk: Buffer): void {
    if (this.isDown) return;
    this.events.heard();
    try {
      this.frames.push(chunk);
      // A frame's handler may take the link down; what follows it in the buffer is then nobody's.
      for (let frame = this.frames.next(); frame !== undefined; frame = this.isDown ? undefined : this.frames.next())
        this.events.frame(frame);
    } catch (thrown) {
      this.destroy(`the server sent what cannot be understood: ${messageOf(thrown)}`);
    }
  }
}

function tlsOptions(endpoint: Endpoint, tls: ConnectionOptions): ConnectionOptions {
  // The certificate must name the host as written, not the address it resolved to. An address is not allowed as a TLS
  // server name.
  const servername = isIP(endpoint.host) === 0 ? { servername: endpoint.host } : {};
  return { ...servername, ...tls, host: endpoint.address, port: endpoint.port };
}
