import type { CreateMode, Op, Stat, WatchEvent } from '../../../zookeeper/wire/operations.js';
import type { ZooKeeperReason } from '../../../zookeeper/wire/errors.js';

/** An identity: of a connection, or one that an access control list names. */
export interface Identity {
  readonly scheme: string;
  readonly id: string;
}

/** One entry of an access control list. */
export interface AclEntry extends Identity {
  /** Bits of `RIGHTS`. */
  readonly rights: number;
}

/** ZooKeeper's rights (ZooDefs.Perms). */
export const RIGHTS = { read: 1, write: 2, create: 4, delete: 8, admin: 16, all: 31 } as const;

/** What a node is made with unless it says otherwise: everybody may do everything. */
export const OPEN_ACL: readonly AclEntry[] = [{ rights: RIGHTS.all, scheme: 'world', id: 'anyone' }];

/** A node as a server keeps it. Replaced, never changed, so that a copy of a tree is a copy of its maps. */
export interface Znode {
  readonly data: Buffer;
  readonly acl: readonly AclEntry[];
  readonly czxid: bigint;
  readonly mzxid: bigint;
  readonly pzxid: bigint;
  readonly ctimeMs: number;
  readonly mtimeMs: number;
  readonly version: number;
  readonly aversion: number;
  /** How many children were ever made: the next sequence number (ZooKeeper 3.8, PrepRequestProcessor). */
  readonly made: number;
  /** The session of an ephemeral node, `CONTAINER` for a container, else 0. */
  readonly owner: bigint;
  readonly childCount: number;
}

/** The owner that a server writes into a container (EphemeralType, 3.8). */
export const CONTAINER = -(2n ** 63n);

export function isEphemeral(node: Znode): boolean {
  return node.owner !== 0n && node.owner !== CONTAINER;
}

/** An operation that changes nodes. What the library's `Op` can say, and what other clients can besides. */
export type WriteOp =
  | Exclude<Op, { kind: 'create' }>
  | {
      readonly kind: 'create';
      readonly path: string;
      readonly data: Buffer;
      readonly mode: CreateMode | 'container';
      /** Default: open to everybody. */
      readonly acl?: readonly AclEntry[];
    }
  | { readonly kind: 'set-acl'; readonly path: string; readonly acl: readonly AclEntry[]; readonly version: number };

/** What an operation of a committed transaction answers, in the order of the operations. */
export type WriteResult =
  | { readonly kind: 'create'; readonly path: string; readonly stat: Stat }
  | { readonly kind: 'set' | 'set-acl'; readonly stat: Stat }
  | { readonly kind: 'delete' | 'check' };

/** What became of a transaction: all of it done, or nothing and the first operation that failed. */
export type Outcome =
  | { readonly ok: true; readonly results: readonly WriteResult[] }
  | { readonly ok: false; readonly reason: ZooKeeperReason; readonly opIndex: number };

/** A transaction as the leader has decided it: what every server puts in place, and what it tells watchers. */
export interface Txn {
  readonly zxid: bigint;
  /** Undefined: the node is taken away. */
  readonly puts: ReadonlyMap<string, Znode | undefined>;
  readonly events: readonly WatchEvent[];
  readonly outcome: Outcome;
}

/** What decides a write beside its operations. */
export interface Stamp {
  readonly zxid: bigint;
  readonly timeMs: number;
  readonly session: bigint;
  /** Who asks. Undefined: the server itself, which may do everything. */
  readonly by?: readonly Identity[];
}

/** Thrown inside a decision: the operation is refused, and with it its transaction. */
export class Refused extends Error {
  constructor(readonly reason: ZooKeeperReason) {
    super(reason);
  }
}

/** The stat as clients see it. */
export function statOf(node: Znode): Stat {
  return {
    czxid: node.czxid,
    mzxid: node.mzxid,
    pzxid: node.pzxid,
    ctimeMs: node.ctimeMs,
    mtimeMs: node.mtimeMs,
    version: node.version,
    // DataNode.copyStat (3.8): from the count of creates to the count of changes. A 32-bit number that wraps.
    cversion: (node.made * 2 - node.childCount) | 0,
    aversion: node.aversion,
    // DataNode.getClientEphemeralOwner (3.8): clients are not shown that a node is a container.
    ephemeralOwner: node.owner === CONTAINER ? 0n : node.owner,
    dataLength: node.data.length,
    numChildren: node.childCount,
  };
}
