import type { Op, WatchEvent } from '../../../src/zookeeper/wire/operations.js';
import type { Ensemble, ServerSession } from './ensemble.js';
import type { Link } from './link.js';
import type { Outcome, Tree, Txn } from './tree.js';

/** Which of a client's watches a server sets again after a reconnect (ZooKeeper's SetWatches). */
export interface WatchesToSet {
  readonly sinceZxid: bigint;
  readonly data: readonly string[];
  readonly exist: readonly string[];
  readonly child: readonly string[];
}

/** One request as a member sees it. `reply` runs at the client, with the zxid of the answer's header. */
export type Request =
  | { readonly kind: 'write'; readonly ops: readonly Op[]; readonly reply: (outcome: Outcome, zxid: bigint) => void }
  | { readonly kind: 'read'; readonly read: (tree: Tree) => Read }
  | { readonly kind: 'sync'; readonly reply: (zxid: bigint) => void }
  | { readonly kind: 'watches'; readonly watches: WatchesToSet; readonly reply: () => void }
  | { readonly kind: 'close'; readonly reply: () => void };

/** What a read found: the watch that it leaves, and the answer. */
export interface Read {
  readonly watch?: { readonly list: 'data' | 'child'; readonly path: string };
  readonly reply: (zxid: bigint) => void;
}

/** A client's connection as its member sees it. Requests are answered in their order; a write holds up what follows. */
export class Attachment {
  private readonly queue: Request[] = [];
  private waiting = false;

  constructor(
    readonly link: Link,
    readonly member: Member,
    readonly session: ServerSession,
    readonly onEvent: (event: WatchEvent) => void,
  ) {}

  request(request: Request): void {
    this.queue.push(request);
    this.pump();
  }

  /** The write at the head has been answered. */
  proceed(answer: () => void): void {
    this.link.down(answer);
    this.waiting = false;
    this.pump();
  }

  private pump(): void {
    while (!this.waiting) {
      const request = this.queue.shift();
      if (request === undefined) return;
      this.serve(request);
    }
  }

  private serve(request: Request): void {
    const { member } = this;
    switch (request.kind) {
      case 'read': {
        const { watch, reply } = request.read(member.tree);
        if (watch !== undefined) member.watch(watch.list, watch.path, this);
        const { zxid } = member.tree;
        return this.link.down(() => reply(zxid));
      }
      case 'watches':
        member.setWatches(request.watches, this);
        return this.link.down(request.reply);
      case 'write':
        if (member.answersByItself(request, this)) return;
        break;
      case 'sync':
        if (member.isolated === 'old leader') {
          const { zxid } = member.tree;
          return this.link.down(() => request.reply(zxid));
        }
        break;
      case 'close':
        break;
    }
    this.waiting = true;
    member.forward(() => member.ensemble.decide(request, this));
  }
}

/** One server: its copy of the tree, which lags behind the leader's, and its clients. */
export class Member {
  readonly attachments = new Set<Attachment>();
  /** Cut off from its peers; the connections of its clients stay up. */
  isolated: 'follower' | 'old leader' | undefined;
  private readonly dataWatches = new Map<string, Set<Attachment>>();
  private readonly childWatches = new Map<string, Set<Attachment>>();
  private upEpoch = 0;
  private downEpoch = 0;
  private upFreeMs = 0;
  private downFreeMs = 0;

  constructor(
    readonly name: string,
    readonly ensemble: Ensemble,
    public tree: Tree,
  ) {}

  /** To the leader. Lost when the way is cut meanwhile. */
  forward(run: () => void): void {
    if (this.isolated) return;
    const { world } = this.ensemble;
    const epoch = this.upEpoch;
    this.upFreeMs = Math.max(this.upFreeMs, world.nowMs + world.choices.delayMs());
    world.at(this.upFreeMs, () => {
      if (this.upEpoch === epoch) run();
    });
  }

  /** From the leader. */
  back(run: () => void): void {
    if (this.isolated) return;
    const { world } = this.ensemble;
    const epoch = this.downEpoch;
    this.downFreeMs = Math.max(this.downFreeMs, world.nowMs + world.choices.delayMs());
    world.at(this.downFreeMs, () => {
      if (this.downEpoch === epoch) run();
    });
  }

  /** Puts a decided transaction in place and tells the watchers, before anything is answered. */
  commit(txn: Txn): void {
    this.tree.apply(txn);
    for (const event of txn.events) this.trigger(event);
  }

  watch(list: 'data' | 'child', path: string, by: Attachment): void {
    const watches = list === 'data' ? this.dataWatches : this.childWatches;
    const watchers = watches.get(path) ?? new Set();
    watches.set(path, watchers.add(by));
  }

  /** DataTree.setWatches (3.8): what was missed fires now, the rest is armed. */
  setWatches(watches: WatchesToSet, by: Attachment): void {
    const tell = (event: WatchEvent): void => by.link.down(() => by.onEvent(event));
    for (const path of watches.data) {
      const node = this.tree.find(path);
      if (node === undefined) tell({ type: 'deleted', path });
      else if (node.mzxid > watches.sinceZxid) tell({ type: 'changed', path });
      else this.watch('data', path, by);
    }
    for (const path of watches.exist) {
      if (this.tree.find(path) !== undefined) tell({ type: 'created', path });
      else this.watch('data', path, by);
    }
    for (const path of watches.child) {
      const node = this.tree.find(path);
      if (node === undefined) tell({ type: 'deleted', path });
      else if (node.pzxid > watches.sinceZxid) tell({ type: 'children', path });
      else this.watch('child', path, by);
    }
  }

  /** The planted server bug: a check-only transaction taken for a read. Real servers never do this. */
  answersByItself(request: Request & { kind: 'write' }, by: Attachment): boolean {
    const { checksAreLocal } = this.ensemble.options;
    if (!checksAreLocal || request.ops.some((op) => op.kind !== 'check')) return false;
    const { zxid } = this.tree;
    const txn = this.tree.decide(request.ops, { zxid, timeMs: 0, session: by.session.id });
    by.link.down(() => request.reply(txn.outcome, zxid));
    return true;
  }

  isolate(as: 'follower' | 'old leader', options: { readonly inFlightLost: boolean }): void {
    if (this.isolated) return;
    this.isolated = as;
    this.downEpoch += 1;
    if (options.inFlightLost) this.upEpoch += 1;
  }

  /** Drops its clients, and takes over the leader's state: a member that left and joins again. */
  rejoin(tree: Tree): void {
    this.isolated = undefined;
    this.upEpoch += 1;
    this.downEpoch += 1;
    for (const attachment of [...this.attachments]) this.detach(attachment);
    this.dataWatches.clear();
    this.childWatches.clear();
    this.tree = tree.copy();
  }

  /** Closes what belongs to a session that has ended. */
  drop(session: ServerSession): void {
    for (const attachment of [...this.attachments]) if (attachment.session === session) this.detach(attachment);
  }

  detach(attachment: Attachment): void {
    this.attachments.delete(attachment);
    for (const watches of [this.dataWatches, this.childWatches]) {
      for (const watchers of watches.values()) watchers.delete(attachment);
    }
    attachment.link.closeByServer();
  }

  private trigger(event: WatchEvent): void {
    const told = new Set<Attachment>();
    const lists =
      event.type === 'children'
        ? [this.childWatches]
        : event.type === 'deleted'
          ? [this.dataWatches, this.childWatches]
          : [this.dataWatches];
    for (const watches of lists) {
      for (const attachment of watches.get(event.path) ?? []) told.add(attachment);
      watches.delete(event.path);
    }
    for (const attachment of told) attachment.link.down(() => attachment.onEvent(event));
  }
}
