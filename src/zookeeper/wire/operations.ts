/** What ZooKeeper keeps about a znode. Ids and zxids are 64 bits wide and therefore `bigint`. */
export interface Stat {
  /** The transaction that made it. */
  readonly czxid: bigint;
  /** The last transaction that wrote its data. */
  readonly mzxid: bigint;
  /** The last transaction that made or deleted a child of it. */
  readonly pzxid: bigint;
  /** When it was made, milliseconds since 1970 by the leader's clock. */
  readonly ctimeMs: number;
  /** When its data was last written, milliseconds since 1970 by the leader's clock. */
  readonly mtimeMs: number;
  /** How often its data was written; 32 bits with a sign, which turn over. */
  readonly version: number;
  /** How many children were made and deleted; 32 bits with a sign. */
  readonly cversion: number;
  /** How often its rights were changed. */
  readonly aversion: number;
  /** The session that owns an ephemeral node; 0n for a persistent one; `CONTAINER_OWNER` for a container. */
  readonly ephemeralOwner: bigint;
  /** Bytes. */
  readonly dataLength: number;
  /** How many children it has. */
  readonly numChildren: number;
}

/** `ephemeralOwner` of a container node (ZooKeeper's EphemeralType, 3.5 and later). */
export const CONTAINER_OWNER = -(2n ** 63n);

/** As a version in a conditional write: any version will do. 0 means version 0. */
export const ANY_VERSION = -1;

/**
 * What a node is: `persistent` until it is deleted, or `ephemeral`, as long as the session that made it; `-sequential`
 * with a growing number of ten digits behind its name.
 */
export type CreateMode = 'persistent' | 'persistent-sequential' | 'ephemeral' | 'ephemeral-sequential';

/**
 * As `CreateMode`, or `container`: a node that ZooKeeper itself deletes, some time after its last child has gone
 * (ZooKeeper 3.5 and later).
 */
export type NodeMode = CreateMode | 'container';

/** What somebody may do with a node. */
export interface Right {
  /** How ZooKeeper knows who somebody is. */
  readonly scheme: 'world' | 'auth' | 'digest' | 'ip' | 'x509' | 'sasl';
  /**
   * `anyone` for `world`; `user:hash` for `digest`; an address, or a part of it, for `ip`; empty for `auth`, which
   * stands for the own credentials.
   */
  readonly id: string;
  /** What is allowed. `create` and `delete` are about children; `admin` is the right to change rights. */
  readonly may: readonly ('read' | 'write' | 'create' | 'delete' | 'admin')[];
}

/**
 * Which rights a node is made with. `'own'`: the session's credentials hold all rights (and, as configured, everybody
 * may read). `'parent'`: as `'own'`, or open to everybody who shares the tree, as configured. Without credentials both
 * are open. Or a list, as it is.
 */
export type Access = 'own' | 'parent' | readonly Right[];

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
 * The ZooKeeper operations, as promises, within one session. The reference is ZooKeeper's own client API; what
 * differs:
 * - nothing is queued while there is no connection: operations then reject at once with `reason: 'connection-loss'`,
 * `sent: false`;
 * - nothing is retried: a write that lost its reply rejects with `reason: 'connection-loss'`, `sent: true`, and may
 * have happened;
 * - requests are sent in the order of the calls, synchronously in the call, and replies arrive in that order;
 * - every rejection is a `ZooKeeperError` (or the signal's reason).
 */
export interface Operations {
  /** Creates a node and answers its path (with the sequence number, in the sequential modes). */
  create(path: string, data: Buffer, mode: NodeMode, options?: OperationOptions & { readonly access?: Access }): Promise<string>;
  get(path: string, options?: ReadOptions): Promise<{ readonly data: Buffer; readonly stat: Stat }>;
  /** The node's stat, or undefined when there is none; the watch is set in both cases. */
  exists(path: string, options?: ReadOptions): Promise<Stat | undefined>;
  children(path: string, options?: ReadOptions): Promise<{ readonly names: readonly string[]; readonly stat: Stat }>;
  set(path: string, data: Buffer, version: number, options?: OperationOptions): Promise<Stat>;
  /** Who may do what with a node. Without the right `admin`, hashes of passwords are hidden. */
  rights(path: string, options?: OperationOptions): Promise<{ readonly rights: readonly Right[]; readonly stat: Stat }>;
  /** `version`: of the rights (`Stat.aversion`). */
  setRights(path: string, rights: readonly Right[], version: number, options?: OperationOptions): Promise<Stat>;
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
