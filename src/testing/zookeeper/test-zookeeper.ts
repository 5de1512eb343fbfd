import { ClusterCronError } from '../../zookeeper/support/errors.js';

/** What `startTestZookeeper` takes. Everything has a default. */
export interface TestZookeeperOptions {
  /** Where it listens. Default `127.0.0.1`: only programs of this machine reach it. */
  readonly host?: string;
  /** Default 0: a free one. */
  readonly port?: number;
  /**
   * Where nodes and sessions are kept: by a log that is written before each answer, and snapshots. What was answered is
   * there after the end of the process, also by SIGKILL; not after a loss of power, as nothing waits for the disk. One
   * server at a time. Default: in memory.
   */
  readonly directory?: string;
  /** ZooKeeper's unit of time: sessions end at the end of a tick. Milliseconds, 1 to 60 000. Default 100. */
  readonly tickTimeMs?: number;
  /** The shortest session timeout that a client is given. Milliseconds. Default two ticks, as in ZooKeeper. */
  readonly minSessionTimeoutMs?: number;
  /** The longest session timeout that a client is given. Milliseconds. Default 60 000. */
  readonly maxSessionTimeoutMs?: number;
  /**
   * The longest request, as ZooKeeper's `jute.maxbuffer`: a client that sends a longer one is disconnected.
   * Bytes. Default 1 048 575.
   */
  readonly maxFrameBytes?: number;
  /** How many connections at once; more are refused. Default 10 000. */
  readonly maxConnections?: number;
  /**
   * How often containers that have lost their last child are taken away. Milliseconds. Default 60 000, as in ZooKeeper.
   */
  readonly containerCheckMs?: number;
  /**
   * `'real'` (default), or `'manual'`: the server's time stands still until `advance` moves it,
   * and no session ends before.
   */
  readonly time?: 'real' | 'manual';
  /**
   * True: the server is a process of its own, which ends with this one. A test that blocks or stops its own process
   * then leaves the server alone. Default false.
   */
  readonly childProcess?: boolean;
  /**
   * Told what happens at the server: a session that ends, a connection that is closed for what
   * it sent. Default: nobody.
   */
  readonly log?: (line: string) => void;
}

/** A session, as the server knows it. */
export interface TestZookeeperSession {
  /** ZooKeeper's number for it, which clients print in hexadecimal. */
  readonly id: bigint;
  /** As the server has granted it. */
  readonly timeoutMs: number;
  /** False: its client has lost the connection, or has not come back to it yet. */
  readonly connected: boolean;
  /** The paths of its ephemeral nodes. */
  readonly ephemerals: readonly string[];
}

/** Which connections a fault befalls, and which of their two directions. */
export interface CutOptions {
  /** Of this session's client. Default: of every client, those that connect later too. */
  readonly session?: bigint;
  /**
   * `'to-server'`: nothing that clients send arrives. `'to-client'`: nothing that they are sent does. Default `'both'`.
   */
  readonly direction?: 'both' | 'to-server' | 'to-client';
}

/**
 * What a server goes on with: all that it had; what it had at the last `backup()` (before any:
 * at its start); or nothing.
 */
export interface RestartOptions {
  /** What it goes on with. */
  readonly keep: 'all' | 'older' | 'nothing';
}

/**
 * One ZooKeeper server for tests and development, and the faults that can befall it. Not for production: it is one
 * process, hence one point of failure, and there is no second server that could go on.
 *
 * Every method resolves when the fault is in force, and rejects with a `TestZookeeperError`. Clients notice when they
 * would notice such a fault of a real server.
 */
export interface TestZookeeper extends AsyncDisposable {
  /** Where it listens. */
  readonly host: string;
  /** The port, also when it was a free one that was taken. */
  readonly port: number;
  /** `host:port`, as `ZookeeperModule.forRoot({ connectString })` and other clients take it. */
  readonly connectString: string;

  /** The sessions that have not ended. */
  sessions(): Promise<readonly TestZookeeperSession[]>;
  /** The session that owns the ephemeral node at `path`; undefined when there is no such node or nobody owns it. */
  ownerOf(path: string): Promise<bigint | undefined>;
  /** The paths of all nodes but ZooKeeper's own, sorted. */
  paths(): Promise<readonly string[]>;
  /** The data of a node; undefined when there is none. */
  read(path: string): Promise<Buffer | undefined>;

  /**
   * Ends a session, as its timeout would: its ephemeral nodes go, its connection is closed, and its client learns
   * of it when it comes back.
   */
  expire(session: bigint): Promise<void>;
  /** Resets connections: of one session's client, or of all. Clients notice at once, and may come back. */
  disconnect(session?: bigint): Promise<void>;
  /**
   * Lets nothing pass any more, while connections stay open: a half-open link. What is sent meanwhile waits, as TCP
   * would send it again; where nothing arrives from a client, its session ends after its timeout. A second cut of the
   * same connections replaces the first.
   */
  cut(options?: CutOptions): Promise<void>;
  /** Ends all cuts: what waited arrives. */
  heal(): Promise<void>;
  /** Stops the whole server, as SIGSTOP would: connections are open, nothing is read or answered. */
  pause(): Promise<void>;
  /** Goes on after `pause()`. Sessions whose time has passed meanwhile are over. */
  resume(): Promise<void>;
  /** Adds this to the way of each answer and each event, from now on. Milliseconds, 0 to 600 000. The order stays. */
  latency(ms: number): Promise<void>;
  /**
   * Moves the server's time forward. Sessions that have been heard of by then, because nothing keeps their
   * clients from it, go on; others end if their time is over. Times of nodes that are written from now on are
   * later by as much. Milliseconds.
   */
  advance(ms: number): Promise<void>;
  /** Notes nodes and sessions as they are now, for `restart({ keep: 'older' })`. Costs as much as there are nodes. */
  backup(): Promise<void>;
  /** Resets all connections, and serves again on the same port. Cuts and latency stay; a pause ends. */
  restart(options: RestartOptions): Promise<void>;
  /** Resets all connections and refuses new ones until `start()`. Nodes and sessions are kept; a pause ends. */
  stop(): Promise<void>;
  /** Serves again after `stop()`. Does nothing while it serves. */
  start(): Promise<void>;
  /** Ends it for good. A `directory` is left as it is. */
  close(): Promise<void>;
}

/** The test ZooKeeper cannot do what it was asked. */
export class TestZookeeperError extends ClusterCronError {
  constructor(message: string, options?: { readonly cause?: unknown }) {
    super('ZK_TEST_ZOOKEEPER', message, options);
  }
}

/** Throws unless `value` is one of those that are `allowed`: what a program without types can get wrong. */
export function oneOf(what: string, value: string, allowed: readonly string[]): void {
  if (!allowed.includes(value)) throw new TestZookeeperError(`${what} is ${JSON.stringify(value)}: one of ${allowed.join(', ')}.`);
}
