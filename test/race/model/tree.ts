import type { Op, OpResult, Stat, WatchEvent } from '../../../src/zookeeper/wire/operations.js';
import { ANY_VERSION } from '../../../src/zookeeper/wire/operations.js';
import type { ZooKeeperReason } from '../../../src/zookeeper/wire/errors.js';

/** A node as a server keeps it. Replaced, never changed, so that a copy of a tree is a copy of one map. */
export interface Znode {
  readonly data: Buffer;
  readonly czxid: bigint;
  readonly mzxid: bigint;
  readonly pzxid: bigint;
  readonly ctimeMs: number;
  readonly mtimeMs: number;
  readonly version: number;
  /** How many children were ever made: the next sequence number (ZooKeeper 3.8, PrepRequestProcessor). */
  readonly made: number;
  readonly owner: bigint;
  readonly children: ReadonlySet<string>;
}

/** A transaction as the leader has decided it: what every member puts in place, and what it tells watchers. */
export interface Txn {
  readonly zxid: bigint;
  readonly puts: ReadonlyMap<string, Znode | undefined>;
  readonly events: readonly WatchEvent[];
  readonly outcome: Outcome;
}

export type Outcome =
  | { readonly ok: true; readonly results: readonly OpResult[] }
  | { readonly ok: false; readonly reason: ZooKeeperReason; readonly opIndex: number };

class Refused extends Error {
  constructor(readonly reason: ZooKeeperReason) {
    super(reason);
  }
}

/** The owner that a server writes into a container (EphemeralType, 3.8). */
export const CONTAINER = -(2n ** 63n);

const NONE = Buffer.alloc(0);

/** What decides a write beside its operations. */
export interface Stamp {
  readonly zxid: bigint;
  readonly timeMs: number;
  readonly session: bigint;
}

export function statOf(node: Znode): Stat {
  return {
    czxid: node.czxid,
    mzxid: node.mzxid,
    pzxid: node.pzxid,
    ctimeMs: node.ctimeMs,
    mtimeMs: node.mtimeMs,
    version: node.version,
    // DataNode.copyStat (3.8): from the count of creates to the count of changes.
    cversion: node.made * 2 - node.children.size,
    aversion: 0,
    // DataNode.getClientEphemeralOwner (3.8): clients are not shown that a node is a container.
    ephemeralOwner: node.owner === CONTAINER ? 0n : node.owner,
    dataLength: node.data.length,
    numChildren: node.children.size,
  };
}

export function parentOf(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf('/')));
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** The znodes of one server. */
export class Tree {
  private constructor(
    private readonly nodes: Map<string, Znode>,
    public zxid: bigint,
  ) {}

  static empty(): Tree {
    const nodes = new Map<string, Znode>();
    const fresh = { data: NONE, czxid: 0n, mzxid: 0n, pzxid: 0n, ctimeMs: 0, mtimeMs: 0, version: 0, owner: 0n };
    nodes.set('/', { ...fresh, made: 1, children: new Set(['zookeeper']) });
    nodes.set('/zookeeper', { ...fresh, made: 0, children: new Set() });
    return new Tree(nodes, 0n);
  }

  copy(): Tree {
    return new Tree(new Map(this.nodes), this.zxid);
  }

  find(path: string): Znode | undefined {
    return this.nodes.get(path);
  }

  paths(): string[] {
    return [...this.nodes.keys()];
  }

  ownedBy(session: bigint): string[] {
    return [...this.nodes].filter(([, node]) => node.owner === session).map(([path]) => path);
  }

  apply(txn: Txn): void {
    for (const [path, node] of txn.puts) {
      if (node === undefined) this.nodes.delete(path);
      else this.nodes.set(path, node);
    }
    this.zxid = txn.zxid;
  }

  /** What the leader makes of these operations: all of them, or none and the first that failed. Changes nothing here. */
  decide(ops: readonly Op[], stamp: Stamp): Txn {
    const draft = new Draft((path) => this.nodes.get(path), stamp);
    const results: OpResult[] = [];
    for (const [opIndex, op] of ops.entries()) {
      try {
        results.push(draft.run(op));
      } catch (thrown) {
        if (!(thrown instanceof Refused)) throw thrown;
        return { zxid: stamp.zxid, puts: new Map(), events: [], outcome: { ok: false, reason: thrown.reason, opIndex } };
      }
    }
    return { zxid: stamp.zxid, puts: draft.puts, events: draft.events, outcome: { ok: true, results } };
  }
}

/** The operations of one transaction, each seeing what those before it did. */
class Draft {
  readonly puts = new Map<string, Znode | undefined>();
  readonly events: WatchEvent[] = [];

  constructor(
    private readonly base: (path: string) => Znode | undefined,
    private readonly stamp: Stamp,
  ) {}

  run(op: Op): OpResult {
    switch (op.kind) {
      case 'create':
        return this.create(op);
      case 'set':
        return this.set(op);
      case 'delete':
        return this.delete(op);
      case 'check':
        this.existing(op.path, op.version);
        return { kind: 'check' };
    }
  }

  private find(path: string): Znode | undefined {
    return this.puts.has(path) ? this.puts.get(path) : this.base(path);
  }

  private existing(path: string, version: number): Znode {
    const node = this.find(path);
    if (node === undefined) throw new Refused('no-node');
    if (version !== ANY_VERSION && version !== node.version) throw new Refused('bad-version');
    return node;
  }

  private create(op: Op & { kind: 'create' }): OpResult {
    const { zxid, timeMs, session } = this.stamp;
    const above = parentOf(op.path);
    const parent = this.find(above);
    if (parent === undefined) throw new Refused('no-node');
    const path = op.mode.endsWith('sequential') ? op.path + String(parent.made).padStart(10, '0') : op.path;
    if (this.find(path) !== undefined) throw new Refused('node-exists');
    if (parent.owner > 0n) throw new Refused('no-children-for-ephemerals');
    this.puts.set(path, {
      ...{ data: op.data, czxid: zxid, mzxid: zxid, pzxid: zxid, ctimeMs: timeMs, mtimeMs: timeMs, version: 0, made: 0 },
      owner: op.mode.startsWith('ephemeral') ? session : 0n,
      children: new Set(),
    });
    const children = new Set(parent.children).add(nameOf(path));
    this.puts.set(above, { ...parent, made: parent.made + 1, pzxid: zxid, children });
    this.events.push({ type: 'created', path }, { type: 'children', path: above });
    return { kind: 'create', path };
  }

  private set(op: Op & { kind: 'set' }): OpResult {
    const was = this.existing(op.path, op.version);
    const { zxid, timeMs } = this.stamp;
    const node = { ...was, data: op.data, mzxid: zxid, mtimeMs: timeMs, version: was.version + 1 };
    this.puts.set(op.path, node);
    this.events.push({ type: 'changed', path: op.path });
    return { kind: 'set', stat: statOf(node) };
  }

  private delete(op: Op & { kind: 'delete' }): OpResult {
    const node = this.existing(op.path, op.version);
    if (node.children.size > 0) throw new Refused('not-empty');
    const above = parentOf(op.path);
    const parent = this.find(above);
    if (parent === undefined || op.path === '/') throw new Refused('bad-arguments');
    const children = new Set(parent.children);
    children.delete(nameOf(op.path));
    this.puts.set(op.path, undefined);
    this.puts.set(above, { ...parent, pzxid: this.stamp.zxid, children });
    this.events.push({ type: 'deleted', path: op.path }, { type: 'children', path: above });
    return { kind: 'delete' };
  }
}
