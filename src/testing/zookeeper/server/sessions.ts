import { createHash } from 'node:crypto';

/** A session as the server knows it. `C` is a connection. */
export interface ServerSession<C> {
  readonly id: bigint;
  readonly password: Buffer;
  /** As negotiated when the client last attached. */
  timeoutMs: number;
  /** The connection that it is attached by. */
  client: C | undefined;
  /** When it ends unless its client is heard of before: the end of a tick (`dueMs` of the table). */
  dueMs: number;
}

/** The smallest id: positive, and unlike any that a test would make up. */
const FIRST_ID = 0x1000_0000_0000_0000n;

/**
 * Makes a session's password from its id, as ZooKeeper does, so that a session is known again after a restart. It keeps
 * clients of a test from taking each other's sessions by mistake, and is no secret.
 */
function passwordOf(id: bigint): Buffer {
  return createHash('sha256').update(`session ${id}`).digest().subarray(0, 16);
}

/** The sessions of one server, and when they end. Ends are rounded up to ticks, as in ZooKeeper's ExpiryQueue (3.8). */
export class SessionTable<C> {
  private readonly byId = new Map<bigint, ServerSession<C>>();
  private readonly byDue = new Map<number, Set<ServerSession<C>>>();
  private lastId: bigint;

  /** `seed` sets the ids of one start apart from those of others: milliseconds of the calendar. */
  constructor(
    private readonly tickTimeMs: number,
    seed: number,
  ) {
    this.lastId = FIRST_ID + (BigInt(Math.floor(seed)) << 16n);
  }

  get size(): number {
    return this.byId.size;
  }

  all(): ServerSession<C>[] {
    return [...this.byId.values()];
  }

  find(id: bigint): ServerSession<C> | undefined {
    return this.byId.get(id);
  }

  open(timeoutMs: number, monotonicMs: number): ServerSession<C> {
    return this.restore((this.lastId += 1n), timeoutMs, monotonicMs);
  }

  /** A session that an earlier start of the server has made: its timeout begins anew. */
  restore(id: bigint, timeoutMs: number, monotonicMs: number): ServerSession<C> {
    if (id > this.lastId) this.lastId = id;
    const session: ServerSession<C> = { id, password: passwordOf(id), timeoutMs, client: undefined, dueMs: 0 };
    this.byId.set(id, session);
    this.heard(session, monotonicMs);
    return session;
  }

  /** The client has shown that it lives. */
  heard(session: ServerSession<C>, monotonicMs: number): void {
    // ExpiryQueue.roundToNextInterval.
    const dueMs = (Math.floor((monotonicMs + session.timeoutMs) / this.tickTimeMs) + 1) * this.tickTimeMs;
    if (dueMs === session.dueMs) return;
    this.undue(session);
    session.dueMs = dueMs;
    const due = this.byDue.get(dueMs);
    if (due === undefined) this.byDue.set(dueMs, new Set([session]));
    else due.add(session);
  }

  remove(session: ServerSession<C>): void {
    this.byId.delete(session.id);
    this.undue(session);
  }

  /** Those whose time is over. */
  overdue(monotonicMs: number): ServerSession<C>[] {
    const over = [...this.byDue].filter(([dueMs]) => dueMs <= monotonicMs).sort(([a], [b]) => a - b);
    return over.flatMap(([, sessions]) => [...sessions]);
  }

  /** When the next would end, or undefined without sessions. */
  nextDueMs(): number | undefined {
    return this.byDue.size === 0 ? undefined : Math.min(...this.byDue.keys());
  }

  private undue(session: ServerSession<C>): void {
    const due = this.byDue.get(session.dueMs);
    due?.delete(session);
    if (due?.size === 0) this.byDue.delete(session.dueMs);
  }
}
