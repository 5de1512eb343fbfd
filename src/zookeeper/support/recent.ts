import type { Clock } from './clock.js';

/**
 * An answer that is asked for again only when it is older than `maxAgeMs`; who asks meanwhile shares it.
 * One that fails is not kept.
 */
export class Recent<T> {
  private kept: { readonly askedMs: number; readonly answer: Promise<T> } | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly maxAgeMs: number,
    private readonly ask: () => Promise<T>,
  ) {}

  get(): Promise<T> {
    const monotonicMs = this.clock.monotonicMs();
    if (this.kept !== undefined && monotonicMs - this.kept.askedMs <= this.maxAgeMs) return this.kept.answer;
    const kept = { askedMs: monotonicMs, answer: this.ask() };
    this.kept = kept;
    kept.answer.catch(() => {
      if (this.kept === kept) this.kept = undefined;
    });
    return kept.answer;
  }
}
