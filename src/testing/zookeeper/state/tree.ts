import { Draft } from './draft.js';
import { nameOf, parentOf } from './paths.js';
import {
  CONTAINER,
  isEphemeral,
  OPEN_ACL,
  Refused,
  RIGHTS,
  type AclEntry,
  type Stamp,
  type Txn,
  type WriteOp,
  type WriteResult,
  type Znode,
} from './znode.js';

const NO_NAMES: ReadonlySet<string> = new Set();
const READ_ONLY: readonly AclEntry[] = [{ rights: RIGHTS.read, scheme: 'world', id: 'anyone' }];

/**
 * The znodes of one server. `decide` says what a transaction does and changes nothing; `apply` puts it in
 * place. Between the two lies whatever a server does with a transaction: write it down, send it to the
 * others, or be late with it.
 */
export class Tree {
  private readonly nodes = new Map<string, Znode>();
  private readonly children = new Map<string, Set<string>>();
  private readonly ephemerals = new Map<bigint, Set<string>>();
  private readonly containers = new Set<string>();

  private constructor(public zxid: bigint) {}

  /** What a server has that has never been written to (ZooKeeper 3.8, DataTree). */
  static empty(): Tree {
    const tree = new Tree(0n);
    const zxids = { czxid: 0n, mzxid: 0n, pzxid: 0n, ctimeMs: 0, mtimeMs: 0 };
    const fresh = { data: Buffer.alloc(0), acl: OPEN_ACL, ...zxids, version: 0, aversion: 0, made: 0, owner: 0n };
    tree.put('/', { ...fresh, childCount: 1 });
    tree.put('/zookeeper', { ...fresh, childCount: 2 });
    tree.put('/zookeeper/quota', { ...fresh, childCount: 0 });
    tree.put('/zookeeper/config', { ...fresh, acl: READ_ONLY, aversion: -1, childCount: 0 });
    return tree;
  }

  /** A tree of these nodes, as a snapshot holds them. */
  static of(nodes: Iterable<readonly [path: string, node: Znode]>, zxid: bigint): Tree {
    const tree = new Tree(zxid);
    for (const [path, node] of nodes) tree.put(path, node);
    return tree;
  }

  copy(): Tree {
    return Tree.of(this.nodes, this.zxid);
  }

  get size(): number {
    return this.nodes.size;
  }

  entries(): Iterable<readonly [path: string, node: Znode]> {
    return this.nodes;
  }

  find(path: string): Znode | undefined {
    return this.nodes.get(path);
  }

  /** The names of a node's children, in the order in which they were made. */
  childrenOf(path: string): ReadonlySet<string> {
    return this.children.get(path) ?? NO_NAMES;
  }

  paths(): string[] {
    return [...this.nodes.keys()];
  }

  /** The ephemeral nodes of a session. */
  ownedBy(session: bigint): string[] {
    return [...(this.ephemerals.get(session) ?? [])];
  }

  /** The sessions that own nodes. */
  owners(): bigint[] {
    return [...this.ephemerals.keys()];
  }

  /**
   * The containers that have had children and have none: a server takes them away some time (ContainerManager, 3.8).
   */
  usedUpContainers(): string[] {
    return [...this.containers].filter((path) => {
      const node = this.nodes.get(path);
      return node !== undefined && node.made > 0 && node.childCount === 0;
    });
  }

  apply(txn: Pick<Txn, 'puts' | 'zxid'>): void {
    for (const [path, node] of txn.puts) this.put(path, node);
    this.zxid = txn.zxid;
  }

  /**
   * What the leader makes of these operations: all of them, or none and the first that failed. Changes nothing here.
   */
  decide(ops: readonly WriteOp[], stamp: Stamp): Txn {
    const draft = new Draft((path) => this.nodes.get(path), stamp);
    const results: WriteResult[] = [];
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

  /** The end of a session: all its ephemeral nodes go, in one transaction. */
  decideEnd(session: bigint, stamp: Omit<Stamp, 'session' | 'by'>): Txn {
    const ops = this.ownedBy(session).map((path): WriteOp => ({ kind: 'delete', path, version: -1 }));
    return this.decide(ops, { ...stamp, session });
  }

  private put(path: string, node: Znode | undefined): void {
    const before = this.nodes.get(path);
    if (node === undefined) {
      this.nodes.delete(path);
      this.children.delete(path);
    } else this.nodes.set(path, node);
    if ((before === undefined) !== (node === undefined) && path !== '/') this.list(path, node !== undefined);
    if (before?.owner === node?.owner) return;
    if (node?.owner === CONTAINER) this.containers.add(path);
    else this.containers.delete(path);
    if (before !== undefined && isEphemeral(before)) {
      const owned = this.ephemerals.get(before.owner);
      owned?.delete(path);
      if (owned?.size === 0) this.ephemerals.delete(before.owner);
    }
    if (node === undefined || !isEphemeral(node)) return;
    const owned = this.ephemerals.get(node.owner);
    if (owned === undefined) this.ephemerals.set(node.owner, new Set([path]));
    else owned.add(path);
  }

  private list(path: string, isThere: boolean): void {
    const above = parentOf(path);
    const names = this.children.get(above);
    if (!isThere) names?.delete(nameOf(path));
    else if (names === undefined) this.children.set(above, new Set([nameOf(path)]));
    else names.add(nameOf(path));
  }
}
