import type { Drain, HeldTenure } from './election.js';

/** Why a master leaves: an edit of the node, an order to resign, the end of the process. In rising strength. */
export type LeavingKind = 'transfer' | 'resign' | 'close';

const STRENGTH: Readonly<Record<LeavingKind, number>> = { transfer: 0, resign: 1, close: 2 };

/** A departure in progress: first the runs, then the resignation. */
export class Leaving {
  outcome: 'draining' | 'drained' | 'stuck' | 'left to the process' = 'draining';
  readonly done: Promise<'resigned' | 'stuck' | 'ended'>;
  private resolve!: (outcome: 'resigned' | 'stuck' | 'ended') => void;
  private readonly over = new AbortController();

  constructor(
    public kind: LeavingKind,
    public why: string,
  ) {
    this.done = new Promise((resolve) => (this.resolve = resolve));
  }

  /** Begins to drain; rings when that is over, unless this departure is over before. */
  begin(drain: Drain | undefined, tenure: HeldTenure | undefined, ring: () => void): void {
    const { signal } = this.over;
    const drained = new Promise<Awaited<ReturnType<Drain>>>((settle) =>
      settle(drain === undefined ? 'drained' : drain(tenure, this.why, signal)),
    );
    // A drain that throws has not shown that the runs are over.
    void drained
      .catch(() => 'stuck' as const)
      .then((outcome) => {
        if (signal.aborted) return;
        this.outcome = outcome === 'drained' ? outcome : 'stuck';
        ring();
      });
  }

  /** Another reason to leave has come up. The strongest one counts, and of those the last. */
  strengthen(kind: LeavingKind, why: string): void {
    if (STRENGTH[kind] < STRENGTH[this.kind]) return;
    this.kind = kind;
    this.why = why;
  }

  /** This departure is over, in whichever way: calls off what is left of its drain. */
  settle(outcome: 'resigned' | 'stuck' | 'ended'): void {
    this.over.abort();
    this.resolve(outcome);
  }
}
