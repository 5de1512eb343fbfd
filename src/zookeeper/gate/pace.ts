/** How many runs that make up for the past a replica has going at once, over all its jobs. */
export const MAX_CATCHING_UP = 4;

/** Keeps the making-up after an outage from being a storm. */
export class Pace {
  private going = 0;
  private readonly waiting = new Set<() => void>();

  constructor(private readonly limit = MAX_CATCHING_UP) {}

  get hasRoom(): boolean {
    return this.going < this.limit;
  }

  /** Takes a place; the function returned gives it back, and tells one that waits. */
  enter(): () => void {
    this.going += 1;
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.going -= 1;
      const [next] = this.waiting;
      if (next === undefined) return;
      this.waiting.delete(next);
      next();
    };
  }

  /** Calls `listener` once, when there may be room. */
  wait(listener: () => void): void {
    this.waiting.add(listener);
  }

  /** Does not wait any more; a place that it was told of goes to the next. */
  stopWaiting(listener: () => void): void {
    this.waiting.delete(listener);
  }
}
