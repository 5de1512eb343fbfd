/** What a verdict says about one tick. */
export interface Entry {
  readonly outcome: string;
  readonly reason: string | undefined;
  readonly cause: string | undefined;
}

/** A verdict as `ClusterJobs` hands it out, in JSON. */
interface Verdict {
  readonly outcome: string;
  readonly reason?: string;
  readonly cause?: string;
  /** Not there for a trigger's. */
  readonly scheduledTime?: string;
  /** When the last tick of a row was due. */
  readonly until?: string;
  readonly count: number;
}

/**
 * The verdicts of one job whose ticks are `periodMs` apart, put together from what was read of them again and again.
 */
export class Ledger {
  /** Of each tick, by its time. */
  readonly ticks = new Map<number, Entry>();
  /**
   * What must not be, in words: two verdicts for one tick, one that has changed, a range that does not hold
   * as many ticks as it says.
   */
  readonly conflicts: string[] = [];

  constructor(private readonly periodMs: number) {}

  /** Takes in what was read at one time. */
  add(read: unknown): void {
    const seen = new Set<number>();
    for (const verdict of read as readonly Verdict[]) {
      for (const tickMs of this.ticksOf(verdict)) {
        if (seen.has(tickMs)) this.conflict(tickMs, `has two verdicts in one list`);
        seen.add(tickMs);
        this.note(tickMs, { outcome: verdict.outcome, reason: verdict.reason, cause: verdict.cause });
      }
    }
  }

  get firstMs(): number {
    return Math.min(...this.ticks.keys());
  }

  get lastMs(): number {
    return Math.max(...this.ticks.keys());
  }

  /** The ticks between the first and the last that have no verdict. */
  gaps(): string[] {
    const missing: string[] = [];
    for (let tickMs = this.firstMs; tickMs <= this.lastMs; tickMs += this.periodMs) {
      if (!this.ticks.has(tickMs)) missing.push(new Date(tickMs).toISOString());
    }
    return missing;
  }

  /** How many ticks have each outcome, with its reason. */
  counts(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { outcome, reason } of this.ticks.values()) {
      const key = reason === undefined ? outcome : `${outcome}: ${reason}`;
      counts[key] = (counts[key] ?? 0) + 1;
    }
    return counts;
  }

  private note(tickMs: number, entry: Entry): void {
    const known = this.ticks.get(tickMs);
    if (known === undefined) this.ticks.set(tickMs, entry);
    else if (known.outcome !== entry.outcome || known.reason !== entry.reason)
      this.conflict(tickMs, `was ${known.outcome} (${known.reason ?? ''}), and is ${entry.outcome} (${entry.reason ?? ''})`);
  }

  private ticksOf({ scheduledTime, until = scheduledTime, count, outcome }: Verdict): number[] {
    if (scheduledTime === undefined || until === undefined) return [];
    const [first, last] = [Date.parse(scheduledTime), Date.parse(until)];
    const ticks = Array.from({ length: Math.round((last - first) / this.periodMs) + 1 }, (_, index) => first + index * this.periodMs);
    if (ticks.length !== count) this.conflict(first, `to ${until} are ${ticks.length} ticks, and the verdict (${outcome}) says ${count}`);
    return ticks;
  }

  private conflict(tickMs: number, what: string): void {
    this.conflicts.push(`${new Date(tickMs).toISOString()} ${what}`);
  }
}
