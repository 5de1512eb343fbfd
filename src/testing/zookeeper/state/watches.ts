import type { WatchEvent } from '../../../zookeeper/wire/operations.js';
import { parentOf } from './paths.js';
import type { Tree } from './tree.js';

/**
 * `data`, `child`: fire once. `persistent`: stays, and hears of the node and of its list of children. `recursive`:
 * stays, and hears of the node and all below it, but not of lists of children.
 */
export type WatchKind = 'data' | 'child' | 'persistent' | 'recursive';

const KINDS: readonly WatchKind[] = ['data', 'child', 'persistent', 'recursive'];

/** Which of a client's watches a server sets again after a reconnect (ZooKeeper's SetWatches and SetWatches2). */
export interface WatchesToSet {
  readonly sinceZxid: bigint;
  readonly data: readonly string[];
  readonly exist: readonly string[];
  readonly child: readonly string[];
  readonly persistent?: readonly string[];
  readonly recursive?: readonly string[];
}

/** Who of the clients (`W`) of one server watches what (ZooKeeper's WatchManager). */
export class Watches<W> {
  private readonly byPath: Record<WatchKind, Map<string, Set<W>>> = {
    ...{ data: new Map<string, Set<W>>(), child: new Map<string, Set<W>>() },
    ...{ persistent: new Map<string, Set<W>>(), recursive: new Map<string, Set<W>>() },
  };
  private readonly byWatcher = new Map<W, Record<WatchKind, Set<string>>>();

  add(kind: WatchKind, path: string, by: W): void {
    const watchers = this.byPath[kind].get(path);
    if (watchers === undefined) this.byPath[kind].set(path, new Set([by]));
    else watchers.add(by);
    let held = this.byWatcher.get(by);
    if (held === undefined) {
      held = { data: new Set(), child: new Set(), persistent: new Set(), recursive: new Set() };
      this.byWatcher.set(by, held);
    }
    held[kind].add(path);
  }

  has(kind: WatchKind, path: string, by: W): boolean {
    return this.byPath[kind].get(path)?.has(by) ?? false;
  }

  /** False when there was no such watch. */
  remove(kind: WatchKind, path: string, by: W): boolean {
    const watchers = this.byPath[kind].get(path);
    if (watchers?.delete(by) !== true) return false;
    if (watchers.size === 0) this.byPath[kind].delete(path);
    this.byWatcher.get(by)?.[kind].delete(path);
    return true;
  }

  /** All watches of a client go. */
  drop(by: W): void {
    const held = this.byWatcher.get(by);
    this.byWatcher.delete(by);
    if (held !== undefined) for (const kind of KINDS) for (const path of held[kind]) this.remove(kind, path, by);
  }

  /** Who watches what, path by path. */
  all(): Map<string, Set<W>> {
    const found = new Map<string, Set<W>>();
    for (const [watcher, held] of this.byWatcher)
      for (const kind of KINDS) for (const path of held[kind]) found.set(path, (found.get(path) ?? new Set()).add(watcher));
    return found;
  }

  /** How many watches there are. */
  count(): number {
    let count = 0;
    for (const held of this.byWatcher.values()) for (const kind of KINDS) count += held[kind].size;
    return count;
  }

  /** Tells everybody whom the event concerns, each once; watches of one use are used up. */
  trigger(event: WatchEvent, tell: (watcher: W) => void): void {
    const told = new Set<W>();
    const uses: readonly WatchKind[] = event.type === 'children' ? ['child'] : event.type === 'deleted' ? ['data', 'child'] : ['data'];
    for (const kind of uses) {
      for (const watcher of [...(this.byPath[kind].get(event.path) ?? [])]) {
        told.add(watcher);
        this.remove(kind, event.path, watcher);
      }
    }
    for (const watcher of this.byPath.persistent.get(event.path) ?? []) told.add(watcher);
    if (event.type !== 'children' && this.byPath.recursive.size > 0) {
      for (let path = event.path; ; path = parentOf(path)) {
        for (const watcher of this.byPath.recursive.get(path) ?? []) told.add(watcher);
        if (path === '/') break;
      }
    }
    for (const watcher of told) tell(watcher);
  }

  /** Sets a client's watches again: what it has missed is told now, the rest is armed (DataTree.setWatches, 3.8). */
  rearm(watches: WatchesToSet, by: W, tree: Tree, tell: (event: WatchEvent) => void): void {
    for (const path of watches.data) {
      const node = tree.find(path);
      if (node === undefined) tell({ type: 'deleted', path });
      else if (node.mzxid > watches.sinceZxid) tell({ type: 'changed', path });
      else this.add('data', path, by);
    }
    for (const path of watches.exist) {
      if (tree.find(path) !== undefined) tell({ type: 'created', path });
      else this.add('data', path, by);
    }
    for (const path of watches.child) {
      const node = tree.find(path);
      if (node === undefined) tell({ type: 'deleted', path });
      else if (node.pzxid > watches.sinceZxid) tell({ type: 'children', path });
      else this.add('child', path, by);
    }
    for (const path of watches.persistent ?? []) this.add('persistent', path, by);
    for (const path of watches.recursive ?? []) this.add('recursive', path, by);
  }
}
