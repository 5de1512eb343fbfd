import { JuteReader, JuteWriter, MalformedError } from '../protocol/jute.js';
import { Tree } from '../state/tree.js';
import { OPEN_ACL, type AclEntry, type Znode } from '../state/znode.js';
import type { Change, Image } from './core.js';

/** A change as one record. */
export function encodeChange({ txn, opened, ended }: Change): Buffer {
  const to = new JuteWriter().long(txn.zxid);
  to.long(opened?.id ?? 0n).int(opened?.timeoutMs ?? 0);
  to.long(ended ?? 0n);
  to.list(txn.puts, ([path, node]) => writePut(to, path, node));
  return to.done();
}

/** Puts a change in place, in an image that is being read. */
export function applyChange(record: Buffer, tree: Tree, sessions: Map<bigint, number>): void {
  const from = new JuteReader(record);
  const zxid = from.long();
  const [opened, timeoutMs, ended] = [from.long(), from.int(), from.long()];
  if (opened !== 0n) sessions.set(opened, timeoutMs);
  if (ended !== 0n) sessions.delete(ended);
  tree.apply({ zxid, puts: new Map(from.list(() => readPut(from))) });
}

/** So many nodes go into one record of a snapshot. */
const NODES_PER_RECORD = 1_000;

/** An image as records: the sessions first, then the nodes in portions. */
export function* encodeImage({ tree, sessions }: Image): Generator<Buffer> {
  const head = new JuteWriter().long(tree.zxid);
  head.list(sessions, ({ id, timeoutMs }) => head.long(id).int(timeoutMs));
  yield head.done();
  let portion: Array<readonly [string, Znode]> = [];
  const record = (): Buffer => {
    const to = new JuteWriter();
    to.list(portion, ([path, node]) => writePut(to, path, node));
    portion = [];
    return to.done();
  };
  for (const entry of tree.entries()) if (portion.push(entry) === NODES_PER_RECORD) yield record();
  yield record();
}

/** Throws `MalformedError`. */
export function decodeImage(records: readonly Buffer[]): { readonly tree: Tree; readonly sessions: Map<bigint, number> } {
  const [head, ...portions] = records;
  if (head === undefined) throw new MalformedError('a snapshot without a record');
  const from = new JuteReader(head);
  const zxid = from.long();
  const sessions = new Map(from.list(() => [from.long(), from.int()] as const));
  const nodes = portions.flatMap((portion) => {
    const of = new JuteReader(portion);
    return of.list(() => readPut(of));
  });
  const there = nodes.flatMap(([path, node]) => (node === undefined ? [] : [[path, node] as const]));
  return { tree: Tree.of(there, zxid), sessions };
}

function writePut(to: JuteWriter, path: string, node: Znode | undefined): void {
  to.text(path).bool(node !== undefined);
  if (node === undefined) return;
  to.buffer(node.data).long(node.czxid).long(node.mzxid).long(node.pzxid).long(BigInt(node.ctimeMs)).long(BigInt(node.mtimeMs));
  to.int(node.version).int(node.aversion).int(node.made).long(node.owner).int(node.childCount);
  // Most nodes are open to everybody: an empty list says so.
  to.list(node.acl === OPEN_ACL ? [] : node.acl, ({ rights, scheme, id }) => to.int(rights).text(scheme).text(id));
}

function readPut(from: JuteReader): readonly [path: string, node: Znode | undefined] {
  const path = from.text();
  if (!from.bool()) return [path, undefined];
  const node = {
    ...{ data: from.buffer(), czxid: from.long(), mzxid: from.long(), pzxid: from.long() },
    ...{ ctimeMs: Number(from.long()), mtimeMs: Number(from.long()), version: from.int(), aversion: from.int() },
    ...{ made: from.int(), owner: from.long(), childCount: from.int() },
  };
  const acl: readonly AclEntry[] = from.list(() => ({ rights: from.int(), scheme: from.text(), id: from.text() }));
  return [path, { ...node, acl: acl.length === 0 ? OPEN_ACL : acl }];
}
