import type { Clock } from '../support/clock.js';

/** Work that must be over before its election's node may be given up. */
export interface Work {
  /** For people: the job's name, or the hook's `Class.method`. */
  readonly what: string;
  readonly startedMs: number;
  abort(reason: Error): void;
}

/** The work of one election that is going on now. */
export class InProgress {
  private readonly set = new Set<Work>();
  private readonly waiting = new Set<() => void>();

  constructor(private readonly clock: Clock) {}

  list(): readonly Work[] {
    return [...this.set];
  }

  get isEmpty(): boolean {
    return this.set.size === 0;
  }

  add(work: Work): void {
    this.set.add(work);
  }

  delete(work: Work): void {
    if (this.set.delete(work) && this.set.size === 0) for (const tell of this.waiting) tell();
  }

  /** Resolves with true as soon as nothing is in progress, or with false after `limitMs`. */
  settled(limitMs: number): Promise<boolean> {
    if (this.set.size === 0) return Promise.resolve(true);
    return new Promise((resolve) => {
      const answer = (): void => {
        limit.cancel();
        this.waiting.delete(answer);
        resolve(this.set.size === 0);
      };
      const limit = this.clock.after(limitMs, answer);
      this.waiting.add(answer);
    });
  }
}
