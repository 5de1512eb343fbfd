import { systemClock } from '../../zookeeper/support/clock.js';
import type { Connection, Holds } from './server/connection.js';
import type { Image } from './server/core.js';
import { EmbeddedServer, type ServerSettings } from './server/server.js';
import type { Storage } from './server/storage.js';
import {
  oneOf,
  TestZookeeperError,
  type CutOptions,
  type RestartOptions,
  type TestZookeeper,
  type TestZookeeperSession,
} from './test-zookeeper.js';

const MAX_LATENCY_MS = 600_000;
const OWN = /^\/(?:$|zookeeper(?:\/|$))/;

/** The test ZooKeeper in this process. */
export class LocalZookeeper implements TestZookeeper {
  private readonly server: EmbeddedServer;
  private older: Image | undefined;
  private isClosed = false;
  /** The last change between serving and not: each waits for the one before. */
  private changed: Promise<unknown> = Promise.resolve();

  constructor(settings: ServerSettings, storage: Storage | undefined) {
    this.server = new EmbeddedServer(settings, systemClock, storage);
  }

  get host(): string {
    return this.server.address.host;
  }

  get port(): number {
    return this.server.address.port;
  }

  get connectString(): string {
    return `${this.host.includes(':') ? `[${this.host}]` : this.host}:${this.port}`;
  }

  async sessions(): Promise<readonly TestZookeeperSession[]> {
    const { tree, sessions } = this.core();
    return sessions
      .all()
      .map(({ id, timeoutMs, client }) => ({ id, timeoutMs, connected: client !== undefined, ephemerals: tree.ownedBy(id) }));
  }

  async ownerOf(path: string): Promise<bigint | undefined> {
    const owner = this.core().tree.find(path)?.owner ?? 0n;
    return owner > 0n ? owner : undefined;
  }

  async paths(): Promise<readonly string[]> {
    return this.core()
      .tree.paths()
      .filter((path) => !OWN.test(path))
      .sort();
  }

  async read(path: string): Promise<Buffer | undefined> {
    return this.core().tree.find(path)?.data;
  }

  async expire(id: bigint): Promise<void> {
    const core = this.core();
    const session = core.sessions.find(id);
    if (session === undefined) throw noSession(id);
    this.server.guarded(() => core.endSession(session));
  }

  async disconnect(session?: bigint): Promise<void> {
    for (const connection of session === undefined ? [...this.server.connections] : [this.connectionOf(session)]) connection?.reset();
  }

  async cut({ session, direction = 'both' }: CutOptions = {}): Promise<void> {
    oneOf('cut({ direction })', direction, ['both', 'to-server', 'to-client']);
    const holds: Holds = { in: direction !== 'to-client', out: direction !== 'to-server' };
    if (session === undefined) return this.server.cut(holds);
    const connection = this.connectionOf(session);
    if (connection === undefined) throw new TestZookeeperError(`Session ${hex(session)} has no connection that could be cut.`);
    connection.hold(holds);
  }

  async heal(): Promise<void> {
    this.server.cut({ in: false, out: false });
    for (const connection of this.server.connections) connection.hold({ in: false, out: false });
  }

  async pause(): Promise<void> {
    this.core();
    this.server.pause();
  }

  async resume(): Promise<void> {
    this.server.resume();
  }

  async latency(ms: number): Promise<void> {
    if (!(ms >= 0 && ms <= MAX_LATENCY_MS)) throw new TestZookeeperError(`latency(${ms}): from 0 to ${MAX_LATENCY_MS} milliseconds.`);
    this.server.latencyMs = ms;
  }

  async advance(ms: number): Promise<void> {
    if (!(ms >= 0 && Number.isSafeInteger(ms))) throw new TestZookeeperError(`advance(${ms}): whole milliseconds, from 0.`);
    this.server.advance(ms);
  }

  async backup(): Promise<void> {
    this.older = this.core().image();
  }

  async restart({ keep }: RestartOptions): Promise<void> {
    oneOf('restart({ keep })', keep, ['all', 'older', 'nothing']);
    await this.inTurn(async () => {
      await this.server.stop();
      if (keep !== 'all') this.server.replaceState(keep === 'older' ? this.older : undefined);
      await this.serve();
    });
  }

  stop(): Promise<void> {
    return this.inTurn(() => this.server.stop());
  }

  start(): Promise<void> {
    return this.inTurn(() => this.serve());
  }

  close(): Promise<void> {
    this.isClosed = true;
    return this.inTurn(() => this.server.stop());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private async serve(): Promise<void> {
    if (this.isClosed) throw closed();
    const first = this.older === undefined;
    await this.server.start();
    if (first) await this.backup();
  }

  /** Runs `change` once those before it are over. */
  private inTurn(change: () => Promise<void>): Promise<void> {
    const done = this.changed.then(change);
    this.changed = done.catch(() => undefined);
    return done;
  }

  private core(): NonNullable<EmbeddedServer['core']> {
    if (this.server.core !== undefined) return this.server.core;
    throw this.isClosed ? closed() : new TestZookeeperError('It is stopped. Call start() first.');
  }

  private connectionOf(id: bigint): Connection | undefined {
    if (this.core().sessions.find(id) === undefined) throw noSession(id);
    return [...this.server.connections].find((connection) => connection.client?.session.id === id);
  }
}

function closed(): TestZookeeperError {
  return new TestZookeeperError('It was closed. Start another one.');
}

function noSession(id: bigint): TestZookeeperError {
  return new TestZookeeperError(
    `There is no session ${hex(id)}: it has ended, or is one of another server. sessions() lists those there are.`,
  );
}

function hex(id: bigint): string {
  return `0x${id.toString(16)}`;
}
