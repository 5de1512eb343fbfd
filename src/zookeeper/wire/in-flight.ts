import type { ReplyCallback } from './package.js';

/** A request that waits for its reply. */
export interface Waiting {
  readonly xid: number;
  readonly type: number;
  readonly bytes: number;
  readonly callback: ReplyCallback;
}

/** At most so many requests, and bytes of requests, wait for replies at a time; further ones are refused. */
export const MAX_IN_FLIGHT = 16_384;
export const MAX_IN_FLIGHT_BYTES = 64 * 1024 * 1024;

/** The requests that wait for their replies, oldest first: ZooKeeper answers in order. */
export class InFlight {
  private items: Waiting[] = [];
  private head = 0;
  private bytes = 0;

  get size(): number {
    return this.items.length - this.head;
  }

  /** Why no further request is taken, as a clause; undefined while there is room. */
  refusal(): string | undefined {
    if (this.size >= MAX_IN_FLIGHT) return `${this.size} requests already wait for replies, which is the limit`;
    if (this.bytes >= MAX_IN_FLIGHT_BYTES)
      return `${this.bytes} bytes of requests already wait for replies; the limit is ${MAX_IN_FLIGHT_BYTES}`;
    return undefined;
  }

  push(waiting: Waiting): void {
    this.items.push(waiting);
    this.bytes += waiting.bytes;
  }

  oldest(): Waiting | undefined {
    return this.items[this.head];
  }

  shift(): void {
    const waiting = this.items[this.head];
    if (waiting === undefined) return;
    this.bytes -= waiting.bytes;
    this.head++;
    // Array.shift moves the whole rest each time; here the answered ones go in one piece, and seldom.
    if (this.head === this.items.length || this.head >= 1024) {
      this.items = this.items.slice(this.head);
      this.head = 0;
    }
  }

  /** Takes all out. */
  drain(): readonly Waiting[] {
    const rest = this.items.slice(this.head);
    this.items = [];
    this.head = 0;
    this.bytes = 0;
    return rest;
  }
}
