import { Listeners } from '../../support/listeners.js';

/** A time of unbroken belief in one tenure. Once over it never begins again. */
export class Span {
  private over: string | undefined;
  private readonly listeners: Listeners<[why: string]>;

  /** `failed`: told what a listener throws. */
  constructor(failed: (thrown: unknown) => void) {
    this.listeners = new Listeners(failed);
  }

  get isOver(): boolean {
    return this.over !== undefined;
  }

  /** Calls `listener` once with the reason: when it is over, or at once when it is over already. */
  onOver(listener: (why: string) => void): () => void {
    if (this.over === undefined) return this.listeners.add(listener);
    listener(this.over);
    return () => undefined;
  }

  end(why: string): void {
    if (this.over !== undefined) return;
    this.over = why;
    this.listeners.tell(why);
  }
}
