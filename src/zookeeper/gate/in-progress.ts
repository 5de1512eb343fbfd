import type { Clock } from '../support/clock.js';

/** Work that must be over before its election's node may be given up. */
export interface Work {
  /** For people: the job's name, or the hook's `Class.method`. */
  readonly what: string;
  readonly startedMs: number;
  abort(reason: Error): void;
}

/** How many of those that have ended are remembered, for the log. */
const MAX_ENDED = 8;

/** The work of one election that is going on now. */
export class InProgress {
  private readonly set = new Set<Work>();
  /** Those that do nothing now: between two attempts. */
  private readonly resting = new Set<Work>();
  private readonly waiting = new Set<() => void>();

  private readonly ended: { readonly work: Work; readonly endedMs: number }[] = [];

  constructor(private readonly clock: Clock) {}

  list(): readonly Work[] {
    return [...this.set];
  }

  /**
   * What was going on at some time in the last `withinMs`: what goes on, and the last few of
   * those that have ended since.
   */
  during(withinMs: number): readonly Work[] {
    const sinceMs = this.clock.monotonicMs() - withinMs;
    return [...this.set, ...this.ended.filter(({ endedMs }) => endedMs >= sinceMs).map(({ work }) => work)];
  }

  add(work: Work): void {
    this.set.add(work);
  }

  delete(work: Work): void {
    this.resting.delete(work);
    if (!this.set.delete(work)) return;
    this.ended.push({ work, endedMs: this.clock.monotonicMs() });
    if (this.ended.length > MAX_ENDED) this.ended.shift();
    this.tell();
  }

  /** It does nothing until the function that is returned is called. */
  rest(work: Work): () => void {
    if (this.set.has(work)) this.resting.add(work);
    this.tell();
    return () => void this.resting.delete(work);
  }

  /**
   * Resolves with true as soon as nothing is in progress but what rests, or with false after `limitMs`,
   * or when the signal aborts.
   */
  rested(limitMs: number, signal?: AbortSignal): Promise<boolean> {
    return this.until(() => this.set.size === this.resting.size, limitMs, signal);
  }

  /** Resolves with true as soon as nothing is in progress, or with false after `limitMs`, or when the signal aborts. */
  settled(limitMs: number, signal?: AbortSignal): Promise<boolean> {
    return this.until(() => this.set.size === 0, limitMs, signal);
  }

  private until(isSo: () => boolean, limitMs: number, signal: AbortSignal | undefined): Promise<boolean> {
    if (isSo() || signal?.aborted === true) return Promise.resolve(isSo());
    return new Promise((resolve) => {
      const answer = (): void => {
        limit.cancel();
        signal?.removeEventListener('abort', answer);
        this.waiting.delete(look);
        resolve(isSo());
      };
      const look = (): void => {
        if (isSo()) answer();
      };
      const limit = this.clock.after(limitMs, answer);
      signal?.addEventListener('abort', answer, { once: true });
      this.waiting.add(look);
    });
  }

  private tell(): void {
    for (const look of [...this.waiting]) look();
  }
}
