import type { Drain } from '../election/election.js';
import type { HeldTenure } from '../election/held-tenure.js';

/** A departure in progress: first the runs, then the resignation. */
export class Departure {
  /** Resolves when it is over, in whichever way. */
  readonly done: Promise<'resigned' | 'stuck' | 'ended'>;
  private resolve!: (outcome: 'resigned' | 'stuck' | 'ended') => void;
  private readonly over = new AbortController();

  constructor() {
    this.done = new Promise((resolve) => (this.resolve = resolve));
  }

  /** Begins to drain; tells `ended` when that is over, unless this departure is over before. */
  begin(drain: Drain | undefined, tenure: HeldTenure | undefined, why: string, ended: (outcome: 'drained' | 'stuck') => void): void {
    const { signal } = this.over;
    const drained = new Promise<Awaited<ReturnType<Drain>>>((settle) =>
      settle(drain === undefined ? 'drained' : drain(tenure, why, signal)),
    );
    // A drain that throws has not shown that the runs are over.
    void drained
      .catch(() => 'stuck' as const)
      .then((outcome) => {
        if (!signal.aborted) ended(outcome === 'drained' ? outcome : 'stuck');
      });
  }

  /** This departure is over, in whichever way: calls off what is left of its drain. */
  settle(outcome: 'resigned' | 'stuck' | 'ended'): void {
    this.over.abort();
    this.resolve(outcome);
  }
}
