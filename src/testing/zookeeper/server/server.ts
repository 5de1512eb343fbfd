import { createServer, type AddressInfo, type Server } from 'node:net';
import type { Clock, Timer } from '../../../zookeeper/support/clock.js';
import { messageOf } from '../../../zookeeper/support/errors.js';
import { Tree } from '../state/tree.js';
import { Connection, type Counters, type Holds, type Host } from './connection.js';
import { Core, type Image } from './core.js';
import { answerFourLetters } from './four-letter.js';
import { ServerTime } from './time.js';
import type { Storage } from './storage.js';

/** Everything that a server is started with; `startTestZookeeper` fills in what its caller leaves out. */
export interface ServerSettings {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  readonly tickTimeMs: number;
  readonly minSessionTimeoutMs: number;
  readonly maxSessionTimeoutMs: number;
  readonly maxFrameBytes: number;
  readonly maxConnections: number;
  readonly containerCheckMs: number;
  readonly manualTime: boolean;
  readonly log: (line: string) => void;
}

const EMPTY_IMAGE = (): Image => ({ tree: Tree.empty(), sessions: [] });

/** A second look at a session that seems to be over, so that what a busy process has not read yet still counts. */
const SECOND_LOOK_MS = 1;

/** A ZooKeeper server of this process: the core behind a TCP port, with timers, storage and faults. */
export class EmbeddedServer implements Host {
  core: Core | undefined;
  latencyMs = 0;
  readonly counters: Counters = { received: 0, sent: 0, unread: 0 };
  readonly time: ServerTime;
  readonly connections = new Set<Connection>();
  private cuts: Holds = { in: false, out: false };
  private paused = false;
  private listener: Server | undefined;
  private port: number;
  /** What it goes on with at its next start. */
  private kept: Image | undefined;
  private expiry: { readonly dueMs: number; readonly timer: Timer } | undefined;
  private sweep: Timer | undefined;

  constructor(
    readonly settings: ServerSettings,
    readonly clock: Clock,
    private readonly storage: Storage | undefined,
  ) {
    this.time = new ServerTime(clock, settings.manualTime);
    this.port = settings.port;
  }

  /** Where it listens, or has listened. */
  get address(): { readonly host: string; readonly port: number } {
    return { host: this.settings.host, port: this.port };
  }

  get maxFrameBytes(): number {
    return this.settings.maxFrameBytes;
  }

  get holds(): Holds {
    return this.paused ? { in: true, out: true } : this.cuts;
  }

  get isPaused(): boolean {
    return this.paused;
  }

  /** Starts, on the port that it had before if it had one. Does nothing while it serves. */
  async start(): Promise<void> {
    if (this.core !== undefined) return;
    const image = this.storage?.open() ?? this.kept ?? EMPTY_IMAGE();
    this.kept = undefined;
    this.core = new Core(this.coreOptions(), image);
    try {
      await this.listen();
    } catch (thrown) {
      await this.stop();
      throw thrown;
    }
    this.watchExpiry();
    this.watchContainers();
  }

  /** Closes all connections and the port. Sessions and nodes are kept for the next start. */
  async stop(): Promise<void> {
    const { listener, core } = this;
    this.expiry?.timer.cancel();
    this.expiry = undefined;
    this.sweep?.cancel();
    this.core = undefined;
    this.listener = undefined;
    this.paused = false;
    if (core !== undefined) this.kept = this.storage === undefined ? core.handOver() : undefined;
    for (const connection of this.connections) connection.reset();
    this.storage?.close();
    if (listener !== undefined) await new Promise((resolve) => listener.close(resolve));
  }

  /** Goes on, at the next start, from these nodes and sessions. Only while it is stopped. */
  replaceState(image: Image | undefined): void {
    const next = image === undefined ? EMPTY_IMAGE() : { ...image, tree: image.tree.copy() };
    if (this.storage === undefined) this.kept = next;
    else this.storage.replace(next);
  }

  /** What nothing passes, of all connections, those to come too. */
  cut(cuts: Holds): void {
    this.cuts = cuts;
    this.reviewAll();
  }

  pause(): void {
    this.paused = true;
    this.expiry?.timer.cancel();
    this.expiry = undefined;
    this.reviewAll();
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    // As for a process that was stopped: sessions whose time has passed meanwhile are over.
    this.expireOverdue();
    this.reviewAll();
    this.watchExpiry();
  }

  /**
   * Moves the server's time. Clients that can be heard count as heard; sessions of others end if that was their time.
   */
  advance(byMs: number): void {
    const { core } = this;
    this.time.advance(byMs);
    if (core === undefined || this.paused) return;
    for (const connection of this.connections) {
      const session = connection.client?.session;
      if (session !== undefined && !connection.holds.in) core.sessions.heard(session, this.time.monotonicMs());
    }
    this.expireOverdue();
  }

  say(word: string): string {
    const { core, settings, counters } = this;
    if (core === undefined) return '';
    const connections = [...this.connections].map(({ name, client }) => ({
      ...{ name, sessionId: client?.session.id, timeoutMs: client?.session.timeoutMs ?? 0 },
    }));
    return answerFourLetters(word, {
      ...{ core, ...this.address, directory: this.storage?.directory, tickTimeMs: settings.tickTimeMs },
      ...{ minSessionTimeoutMs: settings.minSessionTimeoutMs, maxSessionTimeoutMs: settings.maxSessionTimeoutMs },
      ...{ ...counters, connections },
    });
  }

  report(problem: string): void {
    this.settings.log(problem);
  }

  /**
   * A change that cannot be written down, or a fault of the server itself, ends it: it must not
   * answer what it may not keep.
   */
  guarded(run: () => void): void {
    try {
      run();
    } catch (thrown) {
      this.report(`The test ZooKeeper stops: ${messageOf(thrown)}`);
      void this.stop();
    }
  }

  closed(connection: Connection): void {
    this.connections.delete(connection);
  }

  private coreOptions(): ConstructorParameters<typeof Core>[0] {
    const { tickTimeMs, minSessionTimeoutMs, maxSessionTimeoutMs } = this.settings;
    return {
      ...{ tickTimeMs, minSessionTimeoutMs, maxSessionTimeoutMs },
      monotonicMs: () => this.time.monotonicMs(),
      wallMs: () => this.time.wallMs(),
      onChange: (change) => this.storage?.append(change, () => this.core?.handOver()),
      onTimeout: () => this.watchExpiry(),
    };
  }

  private async listen(): Promise<void> {
    const { host, maxConnections } = this.settings;
    const listener = createServer((socket) => {
      if (this.connections.size < maxConnections) return void this.connections.add(new Connection(socket, this));
      this.report(`A connection is refused: there are ${maxConnections}, which is the most (maxConnections).`);
      socket.resetAndDestroy();
    });
    this.listener = listener;
    await new Promise<void>((resolve, reject) => {
      listener.once('error', reject);
      listener.listen(this.port, host, () => {
        listener.off('error', reject);
        resolve();
      });
    });
    listener.on('error', (error) => this.report(`The test ZooKeeper cannot take connections: ${messageOf(error)}`));
    this.port = (listener.address() as AddressInfo).port;
  }

  private reviewAll(): void {
    for (const connection of this.connections) connection.review();
  }

  /** Wakes when the next session would end; sooner than was meant when one has come whose timeout is shorter. */
  private watchExpiry(): void {
    const { core, settings } = this;
    const dueMs = core?.sessions.nextDueMs();
    if (settings.manualTime || this.paused || dueMs === undefined || dueMs >= (this.expiry?.dueMs ?? Infinity)) return;
    this.expiry?.timer.cancel();
    const wake = (inMs: number, run: () => void): void => {
      this.expiry = { dueMs, timer: this.clock.after(Math.max(0, inMs), run) };
    };
    const look = (): void => {
      this.expiry = undefined;
      this.expireOverdue();
      this.watchExpiry();
    };
    wake(dueMs - this.time.monotonicMs(), () => {
      const lateMs = this.time.monotonicMs() - dueMs;
      // A process that stood still has kept its clients from their pings too, where they live in it.
      wake(lateMs > settings.tickTimeMs ? settings.tickTimeMs : SECOND_LOOK_MS, look);
    });
  }

  private expireOverdue(): void {
    const { core } = this;
    if (core === undefined) return;
    this.guarded(() => {
      for (const session of core.sessions.overdue(this.time.monotonicMs())) {
        this.report(`Session 0x${session.id.toString(16)} ends: not heard of for ${session.timeoutMs} ms.`);
        core.endSession(session);
      }
    });
  }

  private watchContainers(): void {
    this.sweep = this.clock.after(
      this.settings.containerCheckMs,
      () => {
        if (!this.paused) this.guarded(() => this.core?.sweepContainers());
        if (this.core !== undefined) this.watchContainers();
      },
      { keepAlive: false },
    );
  }
}
