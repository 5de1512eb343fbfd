import { connect, type Socket } from 'node:net';
import { JuteReader, JuteWriter } from '../../src/testing/zookeeper/protocol/jute.js';
import { OPCODES } from '../../src/testing/zookeeper/protocol/opcodes.js';
import { within } from './eventually.js';

export type OpName = keyof typeof OPCODES;

/** What a server answers: the error, and a reader of what follows it. */
export interface Reply {
  readonly xid: number;
  readonly zxid: bigint;
  readonly error: number;
  readonly body: JuteReader;
}

export interface RawOptions {
  readonly timeoutMs?: number;
  readonly lastZxid?: bigint;
  readonly session?: { readonly id: bigint; readonly password: Buffer };
}

/** A client that says what it is told, byte by byte, and shows what comes back. */
export class RawClient implements AsyncDisposable {
  /** `type path` of each event, in their order. */
  readonly events: string[] = [];
  timeoutMs = 0;
  session = { id: 0n, password: Buffer.alloc(16) as Buffer };
  private rest: Buffer = Buffer.alloc(0);
  private readonly frames: Buffer[] = [];
  private wake: () => void = () => undefined;
  private xid = 0;
  readonly closed: Promise<void>;
  private isClosed = false;

  private constructor(readonly socket: Socket) {
    socket.on('data', (chunk) => this.receive(chunk));
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.isClosed = true;
        this.wake();
        resolve();
      });
    });
  }

  /** Connects without a session. */
  static async open({ host, port }: { readonly host: string; readonly port: number }): Promise<RawClient> {
    const socket = connect(port, host);
    await within(new Promise((resolve, reject) => void socket.once('connect', resolve).once('error', reject)), 'a connection');
    return new RawClient(socket);
  }

  /** Connects and asks for a session; `timeoutMs` is then what the server grants, 0 when it refuses. */
  static async connect(server: { readonly host: string; readonly port: number }, options: RawOptions = {}): Promise<RawClient> {
    const client = await RawClient.open(server);
    const { id, password } = options.session ?? client.session;
    const hello = new JuteWriter()
      .int(0)
      .long(options.lastZxid ?? 0n)
      .int(options.timeoutMs ?? 10_000)
      .long(id)
      .buffer(password)
      .bool(false);
    client.socket.write(hello.frame());
    const answer = new JuteReader(await client.frame());
    answer.int();
    client.timeoutMs = answer.int();
    client.session = { id: answer.long(), password: answer.buffer() };
    return client;
  }

  /** Sends a request and answers its reply; events that come before it are noted. */
  async ask(op: OpName, body?: (to: JuteWriter) => unknown, xid = (this.xid += 1)): Promise<Reply> {
    this.send(op, body, xid);
    for (;;) {
      const reply = this.read(await this.frame());
      if (reply !== undefined) return reply;
    }
  }

  send(op: OpName, body?: (to: JuteWriter) => unknown, xid = (this.xid += 1)): void {
    const to = new JuteWriter().int(xid).int(OPCODES[op]);
    body?.(to);
    this.socket.write(to.frame());
  }

  /** The next frame, or a rejection when the connection ends first. */
  async frame(): Promise<Buffer> {
    while (this.frames.length === 0) {
      if (this.isClosed) throw new Error('the server has closed the connection');
      await within(new Promise<void>((resolve) => (this.wake = resolve)), 'a frame');
    }
    return this.frames.shift()!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.destroy();
    await this.closed;
  }

  private read(frame: Buffer): Reply | undefined {
    const body = new JuteReader(frame);
    const [xid, zxid, error] = [body.int(), body.long(), body.int()];
    if (xid !== -1) return { xid, zxid, error, body };
    const type = body.int();
    body.int();
    this.events.push(`${type} ${body.text()}`);
    return undefined;
  }

  private receive(chunk: Buffer): void {
    this.rest = Buffer.concat([this.rest, chunk]);
    while (this.rest.length >= 4 && this.rest.length >= 4 + this.rest.readInt32BE(0)) {
      const end = 4 + this.rest.readInt32BE(0);
      this.frames.push(this.rest.subarray(4, end));
      this.rest = this.rest.subarray(end);
    }
    this.wake();
  }
}

/** Everybody may do everything. */
export const OPEN: Acl = [[31, 'world', 'anyone']];

export type Acl = ReadonlyArray<readonly [rights: number, scheme: string, id: string]>;

export function aclTo(to: JuteWriter, entries: Acl): JuteWriter {
  return to.list(entries, ([rights, scheme, id]) => to.int(rights).text(scheme).text(id));
}

/** The body of a create. */
export function creation(path: string, { data = '', mode = 0, acl = OPEN } = {}) {
  return (to: JuteWriter): unknown => aclTo(to.text(path).buffer(Buffer.from(data)), acl).int(mode);
}
