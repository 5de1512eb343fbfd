import { ANY_VERSION, type WatchEvent } from '../../../zookeeper/wire/operations.js';
import { isPath, parentOf, sequenceText } from './paths.js';
import { requireRight, resolvedAcl } from './rights.js';
import {
  CONTAINER,
  isEphemeral,
  OPEN_ACL,
  Refused,
  RIGHTS,
  statOf,
  type Stamp,
  type WriteOp,
  type WriteResult,
  type Znode,
} from './znode.js';

/** What belongs to the server and cannot be deleted (DataTree.isSpecialPath, 3.8). */
const SPECIAL: ReadonlySet<string> = new Set(['/', '/zookeeper', '/zookeeper/quota', '/zookeeper/config']);

/** The operations of one transaction, each seeing what those before it did. */
export class Draft {
  readonly puts = new Map<string, Znode | undefined>();
  readonly events: WatchEvent[] = [];

  constructor(
    private readonly base: (path: string) => Znode | undefined,
    private readonly stamp: Stamp,
  ) {}

  /** Throws `Refused`. The order of the reasons is the order in which PrepRequestProcessor (3.8) finds them. */
  run(op: WriteOp): WriteResult {
    switch (op.kind) {
      case 'create':
        return this.create(op);
      case 'set':
        return this.set(op);
      case 'set-acl':
        return this.setAcl(op);
      case 'delete':
        return this.delete(op);
      case 'check': {
        const node = this.existing(op.path);
        this.require(node, RIGHTS.read);
        requireVersion(node.version, op.version);
        return { kind: 'check' };
      }
    }
  }

  private find(path: string): Znode | undefined {
    return this.puts.has(path) ? this.puts.get(path) : this.base(path);
  }

  private existing(path: string): Znode {
    if (!isPath(path)) throw new Refused('bad-arguments');
    const node = this.find(path);
    if (node === undefined) throw new Refused('no-node');
    return node;
  }

  private require(node: Znode, right: number): void {
    requireRight(node.acl, right, this.stamp.by);
  }

  private create(op: WriteOp & { kind: 'create' }): WriteResult {
    const { zxid, timeMs, session, by } = this.stamp;
    if (!op.path.startsWith('/') || op.path.includes('\0')) throw new Refused('bad-arguments');
    const acl = op.acl === undefined ? OPEN_ACL : resolvedAcl(op.acl, by);
    const above = parentOf(op.path);
    const parent = this.find(above);
    if (parent === undefined) throw new Refused('no-node');
    this.require(parent, RIGHTS.create);
    const path = op.mode.endsWith('sequential') ? op.path + sequenceText(parent.made) : op.path;
    if (!isPath(path)) throw new Refused('bad-arguments');
    if (this.find(path) !== undefined) throw new Refused('node-exists');
    if (isEphemeral(parent)) throw new Refused('no-children-for-ephemerals');
    const node: Znode = {
      ...{ data: op.data, acl, czxid: zxid, mzxid: zxid, pzxid: zxid, ctimeMs: timeMs, mtimeMs: timeMs },
      ...{ version: 0, aversion: 0, made: 0, childCount: 0 },
      owner: op.mode === 'container' ? CONTAINER : op.mode.startsWith('ephemeral') ? session : 0n,
    };
    this.puts.set(path, node);
    this.puts.set(above, { ...parent, made: (parent.made + 1) | 0, pzxid: zxid, childCount: parent.childCount + 1 });
    this.events.push({ type: 'created', path }, { type: 'children', path: above });
    return { kind: 'create', path, stat: statOf(node) };
  }

  private set(op: WriteOp & { kind: 'set' }): WriteResult {
    const was = this.existing(op.path);
    this.require(was, RIGHTS.write);
    requireVersion(was.version, op.version);
    const { zxid, timeMs } = this.stamp;
    const node = { ...was, data: op.data, mzxid: zxid, mtimeMs: timeMs, version: (was.version + 1) | 0 };
    this.puts.set(op.path, node);
    this.events.push({ type: 'changed', path: op.path });
    return { kind: 'set', stat: statOf(node) };
  }

  private setAcl(op: WriteOp & { kind: 'set-acl' }): WriteResult {
    if (!isPath(op.path)) throw new Refused('bad-arguments');
    const acl = resolvedAcl(op.acl, this.stamp.by);
    const was = this.existing(op.path);
    this.require(was, RIGHTS.admin);
    requireVersion(was.aversion, op.version);
    const node = { ...was, acl, aversion: (was.aversion + 1) | 0 };
    this.puts.set(op.path, node);
    return { kind: 'set-acl', stat: statOf(node) };
  }

  private delete(op: WriteOp & { kind: 'delete' }): WriteResult {
    if (!op.path.startsWith('/') || op.path.includes('\0') || SPECIAL.has(op.path)) throw new Refused('bad-arguments');
    const above = parentOf(op.path);
    const parent = this.find(above);
    if (parent === undefined) throw new Refused('no-node');
    this.require(parent, RIGHTS.delete);
    const node = this.find(op.path);
    if (node === undefined) throw new Refused('no-node');
    requireVersion(node.version, op.version);
    if (node.childCount > 0) throw new Refused('not-empty');
    this.puts.set(op.path, undefined);
    this.puts.set(above, { ...parent, pzxid: this.stamp.zxid, childCount: parent.childCount - 1 });
    this.events.push({ type: 'deleted', path: op.path }, { type: 'children', path: above });
    return { kind: 'delete' };
  }
}

function requireVersion(is: number, wanted: number): void {
  if (wanted !== ANY_VERSION && wanted !== is) throw new Refused('bad-version');
}
