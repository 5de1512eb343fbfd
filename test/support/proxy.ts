import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { deferred } from './eventually.js';
import { FrameReader, WRITES, type Direction, type Frame, type OpName } from './frames.js';

/** What becomes of a frame: passed, swallowed, both sockets reset in its place, or other bytes sent instead. */
export type Verdict = 'pass' | 'drop' | 'reset' | Buffer;

/** May answer later: what follows in the same direction of the same connection waits until then. */
export type FrameHook = (frame: Frame) => Verdict | Promise<Verdict>;

export interface ProxyTarget {
  readonly host: string;
  readonly port: number;
}

/**
 * `pass`; `hole`: both ends believe the link is up, nothing arrives; `mute`: all is thrown away; `refuse`:
 * new connections are reset.
 */
export type ProxyMode = 'pass' | 'hole' | 'mute' | 'refuse';

/**
 * A TCP link to a ZooKeeper server that can be broken in the ways real links break, and that sees
 * ZooKeeper's frames pass.
 *
 * What meets a hole is kept and arrives when the hole is closed, as TCP would retransmit it; the
 * end of a connection too.
 */
export class FaultProxy {
  /** Added to each direction. */
  latencyMs = 0;
  /** Frames that reached the server, by opcode. */
  readonly requests = new Map<OpName, number>();
  readonly #links = new Set<Link>();
  readonly #hooks = new Set<FrameHook>();
  readonly #modes: Record<Direction, ProxyMode> = { 'to-server': 'pass', 'to-client': 'pass' };
  #changed = deferred<void>();
  #accepted = 0;

  constructor(
    readonly server: Server,
    readonly target: ProxyTarget,
    readonly host: string,
  ) {
    server.on('connection', (socket) => this.#accept(socket));
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get connectString(): string {
    return `${this.host.includes(':') ? `[${this.host}]` : this.host}:${this.port}`;
  }

  /** How many connections are open, and how many there have been. */
  get connections(): { readonly open: number; readonly accepted: number } {
    return { open: this.#links.size, accepted: this.#accepted };
  }

  /** How many requests with one of these opcodes reached the server. */
  requestCount(...ops: readonly OpName[]): number {
    return ops.reduce((sum, op) => sum + (this.requests.get(op) ?? 0), 0);
  }

  /** How many write transactions reached the server. */
  get writeCount(): number {
    return this.requestCount(...WRITES);
  }

  /** Sets counts back to nothing. */
  resetCounts(): void {
    this.requests.clear();
  }

  /** Heals it: what a hole kept goes on its way. */
  pass(): void {
    this.#setMode('pass');
  }

  /** Half-open: nothing arrives any more, in both directions or only in one, and nobody is told. */
  hole(direction?: Direction): void {
    this.#setMode('hole', direction);
  }

  /** Accepts connections and throws away whatever is said. */
  mute(): void {
    this.#setMode('mute');
  }

  /** Resets new connections; those that exist go on. */
  refuse(): void {
    this.#setMode('refuse');
  }

  /** Resets all connections there are (RST to both ends). */
  resetAll(): void {
    for (const link of this.#links) link.reset();
  }

  /**
   * Lets `bytes` more bytes pass in one direction of each present connection, then closes it: most likely
   * in the middle of a frame.
   */
  cutAfter(direction: Direction, bytes: number): void {
    for (const link of this.#links) link.cutAfter(direction, bytes);
  }

  /** Shows each frame to `hook`, which decides about it. The answered function takes the hook out. */
  onFrame(hook: FrameHook): () => void {
    this.#hooks.add(hook);
    return () => void this.#hooks.delete(hook);
  }

  /**
   * Swallows the reply to the next request with this opcode, so that the server has done what the client will never
   * hear of. Then resets the connection, unless told not to. Resolves once it has happened.
   */
  loseReplyTo(op: OpName, options: { readonly thenReset?: boolean; readonly where?: (frame: Frame) => boolean } = {}): Promise<Frame> {
    const { promise, resolve } = deferred<Frame>();
    const remove = this.onFrame((frame) => {
      if (frame.kind !== 'reply' || frame.op !== op || options.where?.(frame) === false) return 'pass';
      remove();
      resolve(frame);
      return options.thenReset === false ? 'drop' : 'reset';
    });
    return promise;
  }

  /** Resets the connection in place of the next request with this opcode: it never reaches the server. */
  loseRequest(op: OpName): Promise<Frame> {
    const { promise, resolve } = deferred<Frame>();
    const remove = this.onFrame((frame) => {
      if (frame.kind !== 'request' || frame.op !== op) return 'pass';
      remove();
      resolve(frame);
      return 'reset';
    });
    return promise;
  }

  /**
   * Holds back the next frame that `matches`, and what follows it, until `release()`. `held` resolves once it is there.
   */
  hold(matches: (frame: Frame) => boolean): { readonly held: Promise<Frame>; release(verdict?: Verdict): void } {
    const held = deferred<Frame>();
    const released = deferred<Verdict>();
    const remove = this.onFrame((frame) => {
      if (!matches(frame)) return 'pass';
      remove();
      held.resolve(frame);
      return released.promise;
    });
    return { held: held.promise, release: (verdict = 'pass') => released.resolve(verdict) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#setMode('mute');
    this.resetAll();
    await new Promise((resolve) => this.server.close(resolve));
  }

  /** Resolves when bytes may go that way; false: throw them away. */
  async admits(direction: Direction): Promise<boolean> {
    while (this.#modes[direction] === 'hole') await this.#changed.promise;
    return this.#modes[direction] !== 'mute';
  }

  async judge(frame: Frame): Promise<Verdict> {
    let verdict: Verdict = 'pass';
    for (const hook of this.#hooks) {
      verdict = await hook(frame);
      if (verdict !== 'pass') break;
    }
    if (verdict === 'pass' && frame.kind === 'request' && frame.op !== undefined) {
      this.requests.set(frame.op, (this.requests.get(frame.op) ?? 0) + 1);
    }
    return verdict;
  }

  #setMode(mode: ProxyMode, direction?: Direction): void {
    for (const one of ['to-server', 'to-client'] as const) if (direction === undefined || direction === one) this.#modes[one] = mode;
    this.#changed.resolve();
    this.#changed = deferred();
  }

  #accept(socket: Socket): void {
    if (this.#modes['to-server'] === 'refuse') {
      socket.on('error', () => {}).resetAndDestroy();
      return;
    }
    this.#accepted += 1;
    const link: Link = new Link(this, socket, this.#accepted, () => this.#links.delete(link));
    this.#links.add(link);
  }
}

/** One client's connection and the one to the server that belongs to it. */
class Link {
  readonly #reader: FrameReader;
  readonly #sockets: Record<Direction, Socket>;
  readonly #lines: Record<Direction, Promise<void>> = { 'to-server': Promise.resolve(), 'to-client': Promise.resolve() };
  readonly #left: Record<Direction, number> = { 'to-server': Infinity, 'to-client': Infinity };
  readonly #proxy: FaultProxy;

  constructor(proxy: FaultProxy, client: Socket, number: number, ended: () => void) {
    this.#proxy = proxy;
    this.#reader = new FrameReader(number);
    const server = connect({ host: proxy.target.host, port: proxy.target.port, allowHalfOpen: true });
    this.#sockets = { 'to-server': server, 'to-client': client };
    for (const [source, direction] of [
      [client, 'to-server'],
      [server, 'to-client'],
    ] as const) {
      source.setNoDelay(true);
      source.on('error', () => {});
      source.on('data', (chunk) => {
        for (const frame of this.#reader.read(direction, chunk)) this.#queue(direction, () => this.#deliver(frame));
      });
      source.on('end', () => this.#queue(direction, () => void this.#sockets[direction].end()));
      source.on('close', (failed) => {
        this.#queue(direction, () => void (failed ? this.#sockets[direction].resetAndDestroy() : this.#sockets[direction].end()));
        if (server.destroyed && client.destroyed) ended();
      });
    }
  }

  reset(): void {
    for (const socket of Object.values(this.#sockets)) socket.resetAndDestroy();
  }

  cutAfter(direction: Direction, bytes: number): void {
    this.#left[direction] = bytes;
  }

  /** One thing after the other, each not before the latency since it arrived and not while there is a hole. */
  #queue(direction: Direction, step: () => void | Promise<void>): void {
    const dueMs = performance.now() + this.#proxy.latencyMs;
    this.#lines[direction] = this.#lines[direction].then(async () => {
      const leftMs = dueMs - performance.now();
      if (leftMs > 0) await wait(leftMs);
      if (await this.#proxy.admits(direction)) await step();
    });
  }

  async #deliver(frame: Frame): Promise<void> {
    const verdict = await this.#proxy.judge(frame);
    if (verdict === 'drop') return;
    if (verdict === 'reset') return this.reset();
    if (!(await this.#proxy.admits(frame.direction))) return;
    this.#send(frame.direction, verdict === 'pass' ? frame.bytes : verdict);
  }

  #send(direction: Direction, bytes: Buffer): void {
    const socket = this.#sockets[direction];
    if (socket.destroyed || socket.writableEnded) return;
    const left = this.#left[direction];
    if (left > bytes.length) {
      this.#left[direction] = left - bytes.length;
      socket.write(bytes);
      return;
    }
    // Closed, not reset: a reset may throw away what was sent just before it.
    this.#left[direction] = 0;
    socket.end(bytes.subarray(0, left), () => Object.values(this.#sockets).forEach((one) => one.destroy()));
  }
}

/** Starts a proxy on a free loopback port in front of `target`. `await using` it. */
export async function startProxy(target: ProxyTarget, options: { readonly host?: string } = {}): Promise<FaultProxy> {
  const host = options.host ?? '127.0.0.1';
  const server = createServer({ allowHalfOpen: true, noDelay: true });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, host, resolve));
  return new FaultProxy(server, { host: target.host, port: target.port }, host);
}

export type { Direction, Frame, OpName };
