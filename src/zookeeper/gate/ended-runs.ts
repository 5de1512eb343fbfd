import type { Finished } from '../jobs/record/plan.js';
import type { StoredVerdict } from '../jobs/record/verdict.js';
import type { Clock } from '../support/clock.js';

/** What has ended here and is not written down yet. */
export class EndedRuns {
  private ended: readonly Finished[] = [];
  private noted: readonly StoredVerdict[] = [];
  private readonly waiting = new Set<() => void>();

  /** Claimed runs. */
  get finished(): readonly Finished[] {
    return this.ended;
  }

  /** Failures of runs without a claim. */
  get reports(): readonly StoredVerdict[] {
    return this.noted;
  }

  get isEmpty(): boolean {
    return this.ended.length === 0 && this.noted.length === 0;
  }

  has(claim: string): boolean {
    return this.ended.some((each) => each.claim === claim);
  }

  add(finished: Finished): void {
    this.ended = [...this.ended, finished];
  }

  report(verdict: StoredVerdict): void {
    this.noted = [...this.noted, verdict];
  }

  /** These are written down, or were decided about by somebody else. */
  forget(finished: readonly Finished[], reports: readonly StoredVerdict[]): void {
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
