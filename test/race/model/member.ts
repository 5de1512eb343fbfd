import type { Tree } from '../../../src/testing/zookeeper/state/tree.js';
import { Watches, type WatchesToSet } from '../../../src/testing/zookeeper/state/watches.js';
import type { Outcome, Txn } from '../../../src/testing/zookeeper/state/znode.js';
import type { Op, WatchEvent } from '../../../src/zookeeper/wire/operations.js';
import type { Ensemble, ServerSession } from './ensemble.js';
import type { Link } from './link.js';

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

  tell(event: WatchEvent): void {
    this.link.down(() => this.onEvent(event));
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
        if (watch !== undefined) member.watches.add(watch.list, watch.path, this);
        const { zxid } = member.tree;
        return this.link.down(() => reply(zxid));
      }
      case 'watches':
        member.watches.rearm(request.watches, this, member.tree, (event) => this.tell(event));
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
  readonly watches = new Watches<Attachment>();
  /** Cut off from its peers; the connections of its clients stay up. */
  isolated: 'follower' | 'old leader' | undefined;
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
    for (const event of txn.events) this.watches.trigger(event, (attachment) => attachment.tell(event));
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
    this.tree = tree.copy();
  }

  /** Closes what belongs to a session that has ended. */
  drop(session: ServerSession): void {
    for (const attachment of [...this.attachments]) if (attachment.session === session) this.detach(attachment);
  }

  detach(attachment: Attachment): void {
    this.attachments.delete(attachment);
    this.watches.drop(attachment);
    attachment.link.closeByServer();
  }
}
