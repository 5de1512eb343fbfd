import type { KnownRun } from '../jobs/record/changes.js';
import type { RunEntry } from '../jobs/record/job-record.js';
import type { Finished, Situation, Span } from '../jobs/decide/plan.js';
import { MAX_VERDICTS, type StoredVerdict } from '../jobs/record/verdict.js';
import type { Clock } from '../support/clock.js';

/**
 * The runs of one job in this process: those that go on, and those that have ended and are not written down yet. They
 * outlive the loop that started them, when a job is taken out and added again.
 */
export class OwnRuns {
  /** Called when a run has ended. */
  onEnd: () => void = () => undefined;
  private readonly going = new Map<string, KnownRun>();
  /** From the claim of the one that ended last to its end, by this replica's wall clock. */
  private lastSpan: Span | undefined;
  private called = 0;
  private calledSinceMs = 0;
  private ended: readonly Finished[] = [];
  private noted: readonly StoredVerdict[] = [];
  private readonly waiting = new Set<() => void>();

  /** What a decision depends on of them. */
  get situation(): Pick<Situation, 'isCalled' | 'live' | 'finished' | 'reports' | 'freed'> {
    const { ended, noted, lastSpan } = this;
    return { isCalled: this.called > 0, live: new Set(this.going.keys()), finished: ended, reports: noted, freed: lastSpan };
  }

  /** So many calls by other code go on. */
  calls(count: number, wallMs: number): void {
    const hasEnded = count < this.called;
    if (this.called === 0) this.calledSinceMs = wallMs;
    this.called = count;
    if (!hasEnded) return;
    this.lastSpan = { sinceMs: Math.min(this.calledSinceMs, wallMs), untilMs: wallMs };
    this.onEnd();
  }

  /** Claimed runs. */
  get finished(): readonly Finished[] {
    return this.ended;
  }

  /** Failures of runs without a claim. */
  get reports(): readonly StoredVerdict[] {
    return this.noted;
  }

  /** Those that go on. */
  get live(): readonly KnownRun[] {
    return [...this.going.values()];
  }

  /** True when there is nothing to write down. */
  get isWritten(): boolean {
    return this.ended.length === 0 && this.noted.length === 0;
  }

  /** True when nothing goes on, and there is nothing to write down. */
  get isIdle(): boolean {
    return this.isWritten && this.going.size === 0;
  }

  has(claim: string): boolean {
    return this.going.has(claim) || this.ended.some((each) => each.claim === claim);
  }

  /** It is claimed, or about to be, in the record with this `czxid`. */
  begin(entry: RunEntry, czxid: bigint): void {
    this.going.set(entry.claim, { entry, czxid });
  }

  /** `freedMs`: when it was no longer in the way; undefined for one that was claimed and never started. */
  end(finished: Finished, freedMs: number | undefined): void {
    const sinceMs = this.going.get(finished.claim)?.entry.startedMs;
    this.going.delete(finished.claim);
    this.ended = [...this.ended, finished];
    if (freedMs !== undefined) this.lastSpan = { sinceMs: Math.min(sinceMs ?? freedMs, freedMs), untilMs: freedMs };
    this.onEnd();
  }

  /** It was not claimed after all. */
  cancel(claim: string): void {
    this.going.delete(claim);
  }

  /** As many are kept as the log of verdicts would hold. */
  report(verdict: StoredVerdict): void {
    this.noted = [...this.noted, verdict].slice(-MAX_VERDICTS);
  }

  /** These are written down, or were decided about by somebody else. */
  written(finished: readonly Finished[], reports: readonly StoredVerdict[]): void {
    this.ended = this.ended.filter((each) => !finished.includes(each));
    this.noted = this.noted.filter((each) => !reports.includes(each));
  }

  /** Resolves at the next call of `tell`, or after `limitMs`. */
  told(clock: Clock, limitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        limit.cancel();
        this.waiting.delete(done);
        resolve();
      };
      const limit = clock.after(limitMs, done);
      this.waiting.add(done);
    });
  }

  tell(): void {
    for (const done of [...this.waiting]) done();
  }
}
