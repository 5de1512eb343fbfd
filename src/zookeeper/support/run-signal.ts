/**
 * Something that holds until it is over: judged when asked, and told in the first turn of the event loop after its end.
 */
export interface Validity {
  isValid(): boolean;
  /** Calls `listener` once, with the reason in words; the function returned takes it out again. */
  onInvalid(listener: (why: string) => void): () => void;
}

const nativeReason = Object.getOwnPropertyDescriptor(AbortSignal.prototype, 'reason')?.get as (this: AbortSignal) => unknown;

/**
 * An AbortSignal that is tied to a tenure, or to a lock. Asked (`aborted`, `reason`, `throwIfAborted`) it compares the
 * deadline at that moment, because after a stalled loop or a SIGSTOP the code that asks runs before any timer or event
 * could have aborted it (I4). Its listeners hear in the first turn of the event loop after the deadline.
 */
export class RunSignal {
  /** A real AbortSignal: `fetch`, `AbortSignal.any` and the timers of Node take it. */
  readonly signal: AbortSignal;
  private readonly controller = new AbortController();
  private readonly unsubscribe: () => void;
  private aborted = false;

  constructor(
    private readonly tenure: Validity,
    /** Makes the abort reason when the tenure ends. */
    private readonly lost: (why: string) => Error,
  ) {
    const { signal } = this.controller;
    this.signal = Object.defineProperties(signal, {
      aborted: { get: () => this.check(), configurable: true },
      reason: { get: () => (this.check() ? nativeReason.call(signal) : undefined), configurable: true },
      throwIfAborted: { value: () => this.throwIfAborted(), configurable: true },
    });
    this.unsubscribe = tenure.onInvalid((why) => this.abort(this.lost(why)));
  }

  /** Aborts with `reason`; the first one counts. */
  abort(reason: Error): void {
    if (this.aborted) return;
    this.aborted = true;
    this.controller.abort(reason);
  }

  /** Stops listening for the tenure's end; asking still compares it. */
  release(): void {
    this.unsubscribe();
  }

  private check(): boolean {
    if (!this.aborted && !this.tenure.isValid()) this.abort(this.lost('its lease is over'));
    return this.aborted;
  }

  private throwIfAborted(): void {
    if (this.check()) throw nativeReason.call(this.controller.signal);
  }
}
