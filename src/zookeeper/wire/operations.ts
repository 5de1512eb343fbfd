/** What ZooKeeper keeps about a znode. Ids and zxids are 64 bits wide and therefore `bigint`. */
export interface Stat {
  readonly czxid: bigint;
  readonly mzxid: bigint;
  readonly pzxid: bigint;
  readonly ctimeMs: number;
  readonly mtimeMs: number;
  readonly version: number;
  readonly cversion: number;
  readonly aversion: number;
  /** The session that owns an ephemeral node; 0n for a persistent one; `CONTAINER_OWNER` for a container. */
  readonly ephemeralOwner: bigint;
  readonly dataLength: number;
  readonly numChildren: number;
}

/** `ephemeralOwner` of a container node (ZooKeeper's EphemeralType, 3.5 and later). */
export const CONTAINER_OWNER = -(2n ** 63n);

/** As a version in a conditional write: any version will do. 0 means version 0. */
export const ANY_VERSION = -1;

export type CreateMode = 'persistent' | 'persistent-sequential' | 'ephemeral' | 'ephemeral-sequential';

/**
 * Which rights a node is made with. `'own'`: the session's credentials hold all rights (and, as configured, everybody
 * may read). `'parent'`: as `'own'`, or open to everybody who shares the tree, as configured. Without credentials both
 * are open.
 */
export type Access = 'own' | 'parent';

/** One operation of a transaction. */
export type Op =
  | { readonly kind: 'create'; readonly path: string; readonly data: Buffer; readonly mode: CreateMode; readonly access?: Access }
  | { readonly kind: 'set'; readonly path: string; readonly data: Buffer; readonly version: number }
  | { readonly kind: 'delete'; readonly path: string; readonly version: number }
  | { readonly kind: 'check'; readonly path: string; readonly version: number };

/** What an operation of a committed transaction answered, in the order of the operations. */
export type OpResult =
  | { readonly kind: 'create'; readonly path: string }
  | { readonly kind: 'set'; readonly stat: Stat }
  | { readonly kind: 'delete' }
  | { readonly kind: 'check' };

export interface WatchEvent {
  readonly type: 'created' | 'deleted' | 'changed' | 'children';
  readonly path: string;
}

/**
 * Called at most once per registration, synchronously while the event's frame is read, hence before any later reply of
 * the connection is delivered. Survives reconnects of the same session; never called after the session has ended.
 */
export type Watcher = (event: WatchEvent) => void;

export interface OperationOptions {
  /** Gives the caller up, not the request: once sent, a write may still happen. */
  readonly signal?: AbortSignal;
  /**
   * Called synchronously when the request has been handed to the socket, with the monotonic time just before
   * (`Clock.monotonicMs`). Not called when the operation fails before it is sent.
   */
  readonly onSent?: (sentAtMs: number) => void;
}

export interface ReadOptions extends OperationOptions {
  /** Left on the node when the read succeeds; not when it fails or its signal aborts. */
  readonly watch?: Watcher;
}

/**
 * The ZooKeeper operations, as promises, within one session. The reference is ZooKeeper's own client API; what differs:
 *
 * - nothing is queued while there is no connection: operations then reject at once with `reason: 'connection-loss'`,
 *   `sent: false`;
 * - nothing is retried: a write that lost its reply rejects with `reason: 'connection-loss'`, `sent: true`, and may
 *   have happened;
 * - requests are sent in the order of the calls, synchronously in the call, and replies arrive in that order;
 * - every rejection is a `ZooKeeperError` (or the signal's reason).
 */
export interface Operations {
  /** Creates a node and answers its path (with the sequence number, in the sequential modes). */
  create(path: string, data: Buffer, mode: CreateMode, options?: OperationOptions & { readonly access?: Access }): Promise<string>;
  get(path: string, options?: ReadOptions): Promise<{ readonly data: Buffer; readonly stat: Stat }>;
  /** The node's stat, or undefined when there is none; the watch is set in both cases. */
  exists(path: string, options?: ReadOptions): Promise<Stat | undefined>;
  children(path: string, options?: ReadOptions): Promise<{ readonly names: readonly string[]; readonly stat: Stat }>;
  set(path: string, data: Buffer, version: number, options?: OperationOptions): Promise<Stat>;
  delete(path: string, version: number, options?: OperationOptions): Promise<void>;
  /** All operations or none. Rejects with the first failed operation's error, whose `opIndex` says which. */
  multi(ops: readonly Op[], options?: OperationOptions): Promise<readonly OpResult[]>;
  /**
   * Resolves when the connected server has caught up with what its leader had committed. Proves nothing about the
   * session.
   */
  sync(path: string, options?: OperationOptions): Promise<void>;
  /**
   * Takes a watcher out, on the server too as soon as it is the path's last. Never rejects; best effort without a
   * connection.
   */
  unwatch(path: string, watcher: Watcher): void;
}
