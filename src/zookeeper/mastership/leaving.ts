import type { Drain, HeldTenure } from './election.js';

/** Why a master leaves: an edit of the node, an order to resign, the end of the process. In rising strength. */
export type LeavingKind = 'transfer' | 'resign' | 'close';

const STRENGTH: Readonly<Record<LeavingKind, number>> = { transfer: 0, resign: 1, close: 2 };

/** A departure in progress: first the runs, then the resignation. */
export class Leaving {
  outcome: 'draining' | 'drained' | 'stuck' | 'left to the process' = 'draining';
  readonly done: Promise<'resigned' | 'stuck' | 'ended'>;
  private resolve!: (outcome: 'resigned' | 'stuck' | 'ended') => void;

  constructor(
    public kind: LeavingKind,
    public why: string,
    drain: Drain | undefined,
    tenure: HeldTenure | undefined,
    ring: () => void,
  ) {
    this.done = new Promise((resolve) => (this.resolve = resolve));
    const drained = new Promise<'drained' | 'stuck'>((settle) => settle(drain === undefined ? 'drained' : drain(tenure, why)));
    // A drain that throws has not shown that the runs are over.
    void drained
      .catch(() => 'stuck' as const)
      .then((outcome) => {
        this.outcome = outcome;
        ring();
      });
  }

  strengthen(kind: LeavingKind, why: string): void {
    if (STRENGTH[kind] <= STRENGTH[this.kind]) return;
    this.kind = kind;
    this.why = why;
  }

  settle(outcome: 'resigned' | 'stuck' | 'ended'): void {
    this.resolve(outcome);
  }
}
