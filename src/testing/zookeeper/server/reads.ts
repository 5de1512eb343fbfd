import { ZOOKEEPER_CODES, type ZooKeeperReason } from '../../../zookeeper/wire/errors.js';
import type { JuteWriter } from '../protocol/jute.js';
import { acls, stat, texts } from '../protocol/replies.js';
import type { ReadRequest } from '../protocol/requests.js';
import { requireRight, shownAcl } from '../state/rights.js';
import type { Tree } from '../state/tree.js';
import type { WatchKind } from '../state/watches.js';
import { Refused, RIGHTS, statOf, type Identity, type Znode } from '../state/znode.js';

/** What a read found. */
export interface Found {
  readonly watch: WatchKind | undefined;
  readonly body: ((to: JuteWriter) => void) | undefined;
  /** Undefined: it was answered. */
  readonly refused: ZooKeeperReason | undefined;
}

/** Answers a read from `tree`; the watch that it leaves is the caller's to set. */
export function answerRead(tree: Tree, read: ReadRequest, by: readonly Identity[]): Found {
  const node = tree.find(read.path);
  const isExists = read.kind === 'exists';
  if (node === undefined) return { watch: isExists && read.watch ? 'data' : undefined, body: undefined, refused: 'no-node' };
  try {
    if (!isExists) requireRight(node.acl, read.kind === 'acl' ? RIGHTS.read | RIGHTS.admin : RIGHTS.read, by);
  } catch (thrown) {
    if (!(thrown instanceof Refused)) throw thrown;
    return { watch: undefined, body: undefined, refused: thrown.reason };
  }
  const list = read.kind === 'children' || read.kind === 'children-stat' ? 'child' : 'data';
  return { watch: 'watch' in read && read.watch ? list : undefined, body: bodyOf(tree, read, node, by), refused: undefined };
}

function bodyOf(tree: Tree, read: ReadRequest, node: Znode, by: readonly Identity[]): (to: JuteWriter) => void {
  switch (read.kind) {
    case 'exists':
      return (to) => stat(to, statOf(node));
    case 'get':
      return (to) => stat(to.buffer(node.data), statOf(node));
    case 'children':
      return (to) => texts(to, tree.childrenOf(read.path));
    case 'children-stat':
      return (to) => (texts(to, tree.childrenOf(read.path)), stat(to, statOf(node)));
    case 'acl':
      return (to) => (acls(to, shownAcl(node.acl, by)), stat(to, statOf(node)));
    case 'count':
      return (to) => to.int(countBelow(tree, read.path));
  }
}

/** All nodes below a path, not only its children. */
function countBelow(tree: Tree, path: string): number {
  let count = 0;
  for (const name of tree.childrenOf(path)) count += 1 + countBelow(tree, path === '/' ? `/${name}` : `${path}/${name}`);
  return count;
}

/** The number on the wire of an error. */
export function codeOf(reason: ZooKeeperReason): number {
  return reason === 'unknown-code' ? ZOOKEEPER_CODES['system-error'] : ZOOKEEPER_CODES[reason];
}
