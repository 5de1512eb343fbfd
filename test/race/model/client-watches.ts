import type { WatchesToSet } from '../../../src/testing/zookeeper/state/watches.js';
import type { WatchEvent, Watcher } from '../../../src/zookeeper/wire/operations.js';

type List = 'data' | 'exist' | 'child';

/**
 * A client's side of its watches: who is told, and what is set again after a reconnect (as
 * ZooKeeper's Java client keeps it).
 */
export class ClientWatches {
  private readonly lists: Record<List, Map<string, Set<Watcher>>> = { data: new Map(), exist: new Map(), child: new Map() };

  add(list: List, path: string, watcher: Watcher): void {
    const watchers = this.lists[list].get(path) ?? new Set();
    this.lists[list].set(path, watchers.add(watcher));
  }

  remove(path: string, watcher: Watcher): void {
    for (const list of Object.values(this.lists)) {
      const watchers = list.get(path);
      watchers?.delete(watcher);
      if (watchers?.size === 0) list.delete(path);
    }
  }

  clear(): void {
    for (const list of Object.values(this.lists)) list.clear();
  }

  tell(event: WatchEvent): void {
    const told: Record<WatchEvent['type'], readonly List[]> = {
      created: ['data', 'exist'],
      changed: ['data', 'exist'],
      deleted: ['data', 'exist', 'child'],
      children: ['child'],
    };
    const watchers = new Set<Watcher>();
    for (const list of told[event.type]) {
      for (const watcher of this.lists[list].get(event.path) ?? []) watchers.add(watcher);
      this.lists[list].delete(event.path);
    }
    for (const watcher of watchers) watcher(event);
  }

  /** Undefined when there is nothing to set. */
  toSet(sinceZxid: bigint): WatchesToSet | undefined {
    const { data, exist, child } = this.lists;
    if (data.size + exist.size + child.size === 0) return undefined;
    return { sinceZxid, data: [...data.keys()], exist: [...exist.keys()], child: [...child.keys()] };
  }
}
