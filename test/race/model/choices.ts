/**
 * Every choice that the simulation makes, drawn from one number, so that a run with the same number is the same run.
 * (Mulberry32 by Tommy Ettinger, public domain: a 32-bit generator, ample for picking delays.)
 */
export class Choices {
  private state: number;
  /** With `calm`, every delay is short: the network after the faults have been healed. */
  calm = false;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  /** At least 0 and less than 1. */
  fraction(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = this.state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  between(least: number, most: number): number {
    return least + this.fraction() * (most - least);
  }

  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  pick<T>(from: readonly T[]): T {
    const picked = from[Math.floor(this.fraction() * from.length)];
    if (picked === undefined) throw new Error('there is nothing to pick from');
    return picked;
  }

  /** How long one message takes: mostly about a millisecond, seldom most of a second. */
  delayMs(): number {
    const kind = this.fraction();
    if (this.calm || kind < 0.7) return this.between(0.1, 2);
    if (kind < 0.95) return this.between(2, 50);
    return this.between(50, 800);
  }

  /** How late a timer runs in a process that is not stalled. */
  latenessMs(): number {
    return this.calm || this.chance(0.8) ? this.between(0, 1) : this.between(1, 30);
  }
}
