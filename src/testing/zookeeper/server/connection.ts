import type { Socket } from 'node:net';
import type { Clock, Timer } from '../../../zookeeper/support/clock.js';
import { MalformedError } from '../protocol/jute.js';
import { readConnect, readRequest } from '../protocol/requests.js';
import type { Client, Core, Peer } from './core.js';
import { FOUR_LETTERS } from './four-letter.js';

/** Which way of a connection nothing passes. */
export interface Holds {
  /** Nothing that the client sends arrives. */
  readonly in: boolean;
  /** Nothing that the server sends arrives. */
  readonly out: boolean;
}

/** What a connection asks of the server that it belongs to. */
export interface Host {
  /** Undefined while it serves nobody. */
  readonly core: Core | undefined;
  readonly clock: Clock;
  readonly maxFrameBytes: number;
  /** Added to each answer and event. */
  readonly latencyMs: number;
  readonly holds: Holds;
  readonly counters: Counters;
  /** The answer to one of ZooKeeper's four-letter words. */
  say(word: string): string;
  /** Runs what a client has asked for, and ends the server if it cannot be written down. */
  guarded(run: () => void): void;
  report(problem: string): void;
  closed(connection: Connection): void;
}

export interface Counters {
  received: number;
  sent: number;
  /** Bytes that have come and are not whole requests yet, of all connections. */
  unread: number;
}

/**
 * So much may wait for a client that does not read, before the server reads no more of it, and
 * before it gives the client up.
 */
const PAUSE_BYTES = 1 << 20;
const DROP_BYTES = 32 << 20;

/** The longest first request: a session's id and password, and numbers. */
const MAX_GREETING_BYTES = 1 << 10;
/** So much may all clients together have sent of requests that are not whole yet. */
const MAX_UNREAD_BYTES = 256 << 20;

interface Outgoing {
  readonly frame: Buffer;
  readonly atMs: number;
}

/** One TCP connection: cuts the stream into frames, and lets faults delay or hold what passes. */
export class Connection implements Peer {
  readonly address: string;
  readonly name: string;
  client: Client | undefined;
  private incoming: Buffer[] = [];
  private incomingBytes = 0;
  private readonly outgoing: Outgoing[] = [];
  private outgoingBytes = 0;
  private own: Holds = { in: false, out: false };
  private timer: Timer | undefined;
  /** `closing`: what was sent still goes out. */
  private state: 'open' | 'closing' | 'closed' = 'open';

  constructor(
    private readonly socket: Socket,
    private readonly host: Host,
  ) {
    this.address = (socket.remoteAddress ?? '').replace(/^::ffff:/, '');
    this.name = `${this.address}:${socket.remotePort}`;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.receive(chunk));
    socket.on('drain', () => this.review());
    // The client has ended its half: nothing more is to be answered, as in ZooKeeper.
    socket.on('end', () => this.destroy());
    socket.on('error', () => this.destroy());
    socket.on('close', () => this.destroy());
    this.review();
  }

  /** Faults of this connection alone, beside those of the whole server. */
  hold(holds: Holds): void {
    this.own = holds;
    this.review();
  }

  /** The faults, or what waits, have changed. */
  review(): void {
    if (this.state === 'closed') return;
    this.flush();
    if (this.holds.in) this.socket.pause();
    else {
      this.socket.resume();
      this.serve();
    }
  }

  /** Nothing of either way arrives, or one of them is not heard. */
  get holds(): Holds {
    const { holds } = this.host;
    return { in: holds.in || this.own.in, out: holds.out || this.own.out };
  }

  send(frame: Buffer): void {
    if (this.state !== 'open') return;
    this.host.counters.sent += 1;
    const { clock, latencyMs, maxFrameBytes } = this.host;
    this.outgoing.push({ frame, atMs: latencyMs === 0 ? 0 : clock.monotonicMs() + latencyMs });
    this.outgoingBytes += frame.length;
    if (this.waitingBytes > Math.max(DROP_BYTES, 4 * maxFrameBytes)) {
      this.host.report(`${this.name} does not read what it is sent: ${this.waitingBytes} bytes wait, so it is closed.`);
      return this.reset();
    }
    this.flush();
  }

  close(): void {
    if (this.state !== 'open') return;
    this.state = 'closing';
    this.detach();
    this.flush();
  }

  /** At once, without a word. What waits is lost. */
  reset(): void {
    if (this.state === 'closed') return;
    this.socket.resetAndDestroy();
    this.destroy();
  }

  private get waitingBytes(): number {
    return this.outgoingBytes + this.socket.writableLength;
  }

  private destroy(): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    this.timer?.cancel();
    this.incoming = [];
    this.countUnread(0);
    this.outgoing.length = 0;
    this.socket.destroy();
    this.detach();
    this.host.closed(this);
  }

  private detach(): void {
    const { client } = this;
    this.client = undefined;
    if (client !== undefined) this.host.core?.disconnected(client);
  }

  private receive(chunk: Buffer): void {
    if (this.state !== 'open') return;
    this.incoming.push(chunk);
    this.countUnread(this.incomingBytes + chunk.length);
    if (!this.holds.in) this.serve();
    const { counters, maxFrameBytes } = this.host;
    if (this.incomingBytes === 0 || counters.unread <= Math.max(MAX_UNREAD_BYTES, 4 * maxFrameBytes)) return;
    this.host.report(`${this.name} is closed: ${counters.unread} bytes of requests that are not whole wait of all clients.`);
    this.reset();
  }

  private countUnread(bytes: number): void {
    this.host.counters.unread += bytes - this.incomingBytes;
    this.incomingBytes = bytes;
  }

  /** All whole frames that have come. */
  private serve(): void {
    while (this.state === 'open' && !this.holds.in && this.waitingBytes <= PAUSE_BYTES) {
      const frame = this.nextFrame();
      if (frame === undefined) break;
      this.host.counters.received += 1;
      this.host.guarded(() => this.take(frame));
    }
    if (this.state === 'open' && this.waitingBytes > PAUSE_BYTES) this.socket.pause();
  }

  private take(frame: Buffer): void {
    const { core } = this.host;
    if (core === undefined) return this.reset();
    try {
      if (this.client === undefined) this.client = core.connect(this, readConnect(frame));
      else core.handle(this.client, readRequest(frame));
    } catch (thrown) {
      if (!(thrown instanceof MalformedError)) throw thrown;
      this.host.report(`${this.name} has sent what is not ZooKeeper's protocol (${thrown.message}), so it is closed.`);
      this.reset();
    }
  }

  private nextFrame(): Buffer | undefined {
    if (this.incomingBytes < 4) return undefined;
    const head = this.joined(4);
    if (this.client === undefined && FOUR_LETTERS.has(head.toString('latin1', 0, 4))) {
      const answer = Buffer.from(this.host.say(head.toString('latin1', 0, 4)));
      this.send(answer);
      this.close();
      return undefined;
    }
    const length = head.readInt32BE(0);
    const most = this.client === undefined ? MAX_GREETING_BYTES : this.host.maxFrameBytes;
    if (length < 0 || length > most) {
      this.host.report(`${this.name} has sent a length of ${length}, where ${most} are the most, so it is closed.`);
      this.reset();
      return undefined;
    }
    if (this.incomingBytes < 4 + length) return undefined;
    const bytes = this.joined(4 + length);
    const rest = bytes.subarray(4 + length);
    this.incoming = rest.length === 0 ? [] : [rest];
    this.countUnread(rest.length);
    return bytes.subarray(4, 4 + length);
  }

  /**
   * At least so many of the bytes that have come, in one piece. Joined only when they are all there, so
   * that each is copied once.
   */
  private joined(bytes: number): Buffer {
    const [first] = this.incoming;
    if (first !== undefined && first.length >= bytes) return first;
    const all = Buffer.concat(this.incoming, this.incomingBytes);
    this.incoming = [all];
    return all;
  }

  /** Sends what is due and not held. */
  private flush(): void {
    this.timer?.cancel();
    this.timer = undefined;
    if (this.state === 'closed' || this.holds.out) return;
    const monotonicMs = this.host.clock.monotonicMs();
    let due = 0;
    // In their order: what may go at once waits behind what has to wait.
    while (due < this.outgoing.length && this.outgoing[due]!.atMs <= monotonicMs) due += 1;
    if (due > 0) {
      const frames = this.outgoing.splice(0, due).map(({ frame }) => frame);
      const all = frames.length === 1 ? frames[0]! : Buffer.concat(frames);
      this.outgoingBytes -= all.length;
      this.socket.write(all);
    }
    const next = this.outgoing[0];
    if (next !== undefined) this.timer = this.host.clock.after(next.atMs - monotonicMs, () => this.review());
    else if (this.state === 'closing') this.socket.destroySoon();
  }
}
