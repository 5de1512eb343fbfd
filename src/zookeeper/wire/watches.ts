import type { WatchEvent, Watcher } from './operations.js';
import { WATCH_TYPE } from './requests.js';

/** Where a watch was left: on data, on a node that did not exist, or on children. */
export type WatchKind = 'data' | 'exists' | 'children';

/** The server knows two kinds: a watch on a node that does not exist is one on its data. */
export type ServerKind = 'data' | 'children';

/** A read that will leave a watch when its reply comes. */
export interface PendingWatch {
  readonly path: string;
  readonly kind: ServerKind;
  readonly watcher: Watcher;
  /** `unwatch` was called meanwhile: do not register. */
  cancelled: boolean;
  /** The path's watch was to be taken out on the server, but this read may have set it anew. */
  removeAfter: boolean;
}

/** ZooKeeper's event types (Watcher.Event.EventType) that this library asks for. Others are dropped. */
const EVENTS = new Map<number, { readonly type: WatchEvent['type']; readonly fires: readonly WatchKind[] }>([
  [1, { type: 'created', fires: ['data', 'exists'] }],
  [2, { type: 'deleted', fires: ['data', 'exists', 'children'] }],
  [3, { type: 'changed', fires: ['data', 'exists'] }],
  [4, { type: 'children', fires: ['children'] }],
]);

/**
 * The watches of one session, by path and kind. In place of the package's `WatcherManager`, which cannot take a watcher
 * out, throws on event types that it does not know, and warns of a leak from the eleventh watcher of a path on.
 */
export class Watches {
  private readonly byKind: Readonly<Record<WatchKind, Map<string, Set<Watcher>>>> = {
    data: new Map(),
    exists: new Map(),
    children: new Map(),
  };
  private readonly pending = new Map<string, Set<PendingWatch>>();

  constructor(
    /** Sends the server a request to forget the connection's watch. */
    private readonly removeOnServer: (path: string, type: number) => void,
    private readonly failed: (what: string, thrown: unknown) => void,
  ) {}

  /** Call before a watching read is sent; `settle` when it has been answered. */
  expect(path: string, kind: ServerKind, watcher: Watcher): PendingWatch {
    const pending = { path, kind, watcher, cancelled: false, removeAfter: false };
    const others = this.pending.get(path);
    if (others === undefined) this.pending.set(path, new Set([pending]));
    else others.add(pending);
    return pending;
  }

  /** The read was answered, and the connection has registered its watcher by now if it left one; or it failed. */
  settle(pending: PendingWatch): void {
    const others = this.pending.get(pending.path);
    others?.delete(pending);
    if (others?.size === 0) this.pending.delete(pending.path);
    if (pending.removeAfter) this.removeIfUnused(pending.path, pending.kind);
  }

  /** The caller of the read has given it up: it shall leave no watch. */
  giveUp(pending: PendingWatch): void {
    pending.cancelled = true;
    pending.removeAfter = true;
  }

  /** The reply of a watching read has come. Replies come in order, so the oldest read with this watcher is the one. */
  register(kind: WatchKind, path: string, watcher: Watcher): void {
    const serverKind = kind === 'children' ? kind : 'data';
    for (const pending of this.pending.get(path) ?? []) {
      if (pending.watcher !== watcher || pending.kind !== serverKind) continue;
      if (pending.cancelled) return;
      break;
    }
    const watchers = this.byKind[kind].get(path);
    if (watchers === undefined) this.byKind[kind].set(path, new Set([watcher]));
    else watchers.add(watcher);
  }

  /** Takes `watcher` out of every kind of watch on `path`, also where the read that leaves it is still under way. */
  remove(path: string, watcher: Watcher): void {
    const data = this.removeFrom('data', path, watcher);
    const exists = this.removeFrom('exists', path, watcher);
    if (this.cancelPending(path, 'data', watcher) || data || exists) this.removeIfUnused(path, 'data');
    const children = this.removeFrom('children', path, watcher);
    if (this.cancelPending(path, 'children', watcher) || children) this.removeIfUnused(path, 'children');
  }

  /** Calls, once each, the watchers that an event of the server concerns; false when the type is unknown. */
  fire(zkType: number, path: string): boolean {
    const known = EVENTS.get(zkType);
    if (known === undefined) return false;
    const watchers = new Set<Watcher>();
    for (const kind of known.fires) {
      for (const watcher of this.byKind[kind].get(path) ?? []) watchers.add(watcher);
      this.byKind[kind].delete(path);
    }
    const event: WatchEvent = { type: known.type, path };
    for (const watcher of watchers) {
      try {
        watcher(event);
      } catch (thrown) {
        this.failed(`a watcher of ${path}`, thrown);
      }
    }
    return true;
  }

  paths(kind: WatchKind): Iterable<string> {
    return this.byKind[kind].keys();
  }

  /** How many paths are watched, over all kinds, and how many reads are under way; for tests of leaks. */
  get size(): number {
    return this.byKind.data.size + this.byKind.exists.size + this.byKind.children.size + this.pending.size;
  }

  clear(): void {
    for (const watchers of Object.values(this.byKind)) watchers.clear();
    this.pending.clear();
  }

  private removeFrom(kind: WatchKind, path: string, watcher: Watcher): boolean {
    const watchers = this.byKind[kind].get(path);
    if (watchers === undefined || !watchers.delete(watcher)) return false;
    if (watchers.size === 0) this.byKind[kind].delete(path);
    return true;
  }

  private cancelPending(path: string, kind: ServerKind, watcher: Watcher): boolean {
    let found = false;
    for (const pending of this.pending.get(path) ?? []) {
      if (pending.kind !== kind || pending.watcher !== watcher) continue;
      pending.cancelled = true;
      found = true;
    }
    return found;
  }

  /**
   * Requests are carried out in order: a read under way sets the watch before a removal sent now takes it away. While
   * one is under way, the removal therefore waits for its reply.
   */
  private removeIfUnused(path: string, kind: ServerKind): void {
    if (this.registered(path, kind)) return;
    let underWay = false;
    for (const pending of this.pending.get(path) ?? []) {
      if (pending.kind !== kind) continue;
      pending.removeAfter = true;
      underWay = true;
    }
    if (!underWay) this.removeOnServer(path, WATCH_TYPE[kind]);
  }

  private registered(path: string, kind: ServerKind): boolean {
    return this.byKind[kind].has(path) || (kind === 'data' && this.byKind.exists.has(path));
  }
}
