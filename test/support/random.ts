/** Chooses at random, the same way for the same seed. */
export class Chance {
  private state: number;

  constructor(seed: number) {
    this.state = seed;
  }

  /**
   * At least 0, less than `limit`. A linear congruential generator (constants: Numerical
   * Recipes, 2nd ed., section 7.1).
   */
  below(limit: number): number {
    this.state = (Math.imul(this.state, 1_664_525) + 1_013_904_223) >>> 0;
    return (this.state / 2 ** 32) * limit;
  }

  /** One of these. */
  one<T>(from: readonly T[]): T {
    return from[Math.floor(this.below(from.length))] as T;
  }
}

/** The seed that the environment names, or one that nobody has chosen. */
export function seedFrom(variable: string): number {
  return Number(process.env[variable] ?? Math.floor(Math.random() * 2 ** 32));
}
