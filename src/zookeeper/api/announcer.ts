import type { Clock } from '../support/clock.js';

/** The pause between two tellings, milliseconds. */
const EVERY_MS = 100;

type State = 'idle' | 'about to tell' | 'just told' | 'to tell again';

/**
 * Tells others of something that has changed: soon after the first change, and at most every `EVERY_MS` while it goes
 * on changing. What is told is the whole, so telling of each of many changes would cost the square of their number.
 */
export class Announcer {
  private state: State = 'idle';
  /** Those who wait for the next telling. */
  private readonly waiting: (() => void)[] = [];

  constructor(
    private readonly clock: Clock,
    private readonly tell: () => Promise<void>,
  ) {}

  /** Resolves when what is so now has been told. */
  changed(): Promise<void> {
    const told = new Promise<void>((resolve) => this.waiting.push(resolve));
    if (this.state === 'just told') this.state = 'to tell again';
    if (this.state === 'idle') {
      this.state = 'about to tell';
      // What changes in the same turn is told with it.
      queueMicrotask(() => this.tellNow());
    }
    return told;
  }

  private tellNow(): void {
    this.state = 'just told';
    const waiting = this.waiting.splice(0);
    void this.tell().finally(() => waiting.forEach((resolve) => resolve()));
    this.clock.after(EVERY_MS, () => this.rested(), { keepAlive: false });
  }

  private rested(): void {
    if (this.state === 'to tell again') this.tellNow();
    else this.state = 'idle';
  }
}
