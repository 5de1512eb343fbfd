import type { JobView } from '../jobs/record/job-record.js';
import type { KnownPause } from '../jobs/record/changes.js';
import { laterTick, type Tick } from '../jobs/schedule/tick.js';

/**
 * The job's record as this master knows it. What is cached need not be right: every write is conditional on it. But an
 * operator's command must not go unnoticed: when the record was declared out of date while a read or write was under
 * way, the outcome of that is not kept.
 */
export class RecordCache {
  private kept: JobView | undefined;
  private lastRead: JobView | undefined;
  private hasRead = false;
  private age = 0;
  private seen: Tick | undefined;
  private at = 0;
  private readonly whenRead = new Map<unknown, () => void>();

  /** Undefined: read it. */
  get view(): JobView | undefined {
    return this.kept;
  }

  /** Changes whenever the record was declared out of date. */
  get generation(): number {
    return this.age;
  }

  /** Whether it was read, or found to be unreadable, under this mastership. */
  get isRead(): boolean {
    return this.hasRead;
  }

  /** As last read, also while that is out of date: for questions that need no proof. */
  get isPaused(): boolean {
    return this.lastRead?.record.pausedMs !== undefined;
  }

  /** As `isPaused`, and in which record. */
  get pause(): KnownPause | undefined {
    const { record, czxid } = this.lastRead ?? {};
    return record?.pausedMs === undefined || czxid === undefined ? undefined : { sinceMs: record.pausedMs, czxid };
  }

  /** The highest tick that this process has seen decided. */
  get cursorSeen(): Tick | undefined {
    return this.seen;
  }

  outdate(): void {
    this.age += 1;
    this.kept = undefined;
  }

  /** The moment at which the record was last known to be as it is here. */
  get seenAt(): number {
    return this.at;
  }

  /**
   * Keeps what a read or a write that began at this `generation` has shown. `moment`: the
   * present one of `GoneReplicas`.
   */
  saw(view: JobView, generation: number, moment: number): void {
    this.at = moment;
    if (generation === this.age) this.kept = view;
    this.lastRead = view;
    if (view.record.cursor !== undefined) this.seen = laterTick(view.record.cursor, this.seen);
  }

  /** The record was looked at, with or without success. */
  read(): void {
    this.hasRead = true;
    const waiting = [...this.whenRead.values()];
    this.whenRead.clear();
    for (const then of waiting) then();
  }

  /**
   * Calls `then` once the record was looked at, or the later one for the same `what`; drops it when
   * the mastership ends before.
   */
  afterRead(what: unknown, then: () => void): void {
    this.whenRead.set(what, then);
  }

  /** The mastership is over: nothing is known any more, but which ticks were decided. */
  invalidate(): void {
    this.outdate();
    this.lastRead = undefined;
    this.hasRead = false;
    this.whenRead.clear();
  }
}
