import type { Clock } from './clock.js';

/** A failure that goes on is told again only after this long. */
const REPEAT_AFTER_MS = 60_000;
/** How many different ones are remembered. */
const MAX_REMEMBERED = 100;

/**
 * Which of the failures that keep coming back are worth a line: each at once when it first comes up, and then at most
 * once a minute for as long as it lasts. `healed` begins anew.
 */
export class Repeats {
  private readonly toldAtMs = new Map<string, number>();

  constructor(private readonly clock: Clock) {}

  /**
   * Whether this failure is to be told now, rather than only noted for those who look closely. `what`: the same text
   * for the same failure.
   */
  isNews(what: string): boolean {
    const monotonicMs = this.clock.monotonicMs();
    const toldAtMs = this.toldAtMs.get(what);
    if (toldAtMs !== undefined && monotonicMs - toldAtMs < REPEAT_AFTER_MS) return false;
    this.toldAtMs.delete(what);
    this.toldAtMs.set(what, monotonicMs);
    const [oldest] = this.toldAtMs.keys();
    if (this.toldAtMs.size > MAX_REMEMBERED && oldest !== undefined) this.toldAtMs.delete(oldest);
    return true;
  }

  /** It works again: the next failure is news. */
  healed(): void {
    this.toldAtMs.clear();
  }
}
