import type { Stat, WatchEvent } from '../wire/operations.js';
import type { Session } from './session.js';
import { getOrUndefined } from './nodes.js';
import type { LeaseKeeper } from './lease.js';
import type { Latch } from '../support/latch.js';

/** The watched node as read: its data as text. */
export interface NodeView {
  readonly text: string;
  readonly stat: Stat;
}

/**
 * One watch on one node, and since when it has been armed without a break: only a renewal sent since then speaks
 * for the node (lease.ts). Each event disarms it until the next read; an event of the data, too (forgetting that
 * is how a watch is lost).
 */
export class NodeWatch {
  private armed: number | undefined;
  private events = 0;
  /** Called within the event, before any later reply of the connection is delivered. */
  onEvent: ((event: WatchEvent) => void) | undefined;

  constructor(
    private readonly session: Session,
    private readonly path: string,
    private readonly keeper: LeaseKeeper,
    private readonly latch: Latch,
  ) {}

  /** In `LeaseKeeper.next()` order; undefined while events may be missed. */
  armedSince(): number | undefined {
    return this.armed;
  }

  /**
   * Reads the node and arms the watch; undefined, and not armed, when there is no node. Sent synchronously in the call.
   */
  async read(): Promise<NodeView | undefined> {
    const sent = this.keeper.next();
    const eventsBefore = this.events;
    const read = await getOrUndefined(this.session, this.path, { watch: this.watcher });
    if (read === undefined) return undefined;
    // An event that came between may belong to this very watch: then it is spent, and the next look reads again.
    if (this.events === eventsBefore) this.armed = sent;
    else this.latch.ring();
    return { text: read.data.toString('utf8'), stat: read.stat };
  }

  /** Whether there is a node now; if not, its making is an event. Leaves the watch disarmed: the next look reads. */
  async expect(): Promise<boolean> {
    this.armed = undefined;
    return (await this.session.exists(this.path, { watch: this.watcher })) !== undefined;
  }

  /** What was read is out of date: the next look reads again. */
  disarm(): void {
    this.armed = undefined;
    this.latch.ring();
  }

  close(): void {
    this.armed = undefined;
    this.onEvent = undefined;
    this.session.unwatch(this.path, this.watcher);
  }

  private readonly watcher = (event: WatchEvent): void => {
    this.armed = undefined;
    this.events += 1;
    this.onEvent?.(event);
    this.latch.ring();
  };
}
