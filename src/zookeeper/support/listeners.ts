/** A set of listeners. One that throws stops neither the others nor the caller; `failed` hears of it. */
export class Listeners<A extends readonly unknown[]> {
  private readonly set = new Set<(...args: A) => void>();

  constructor(private readonly failed: (thrown: unknown) => void = () => undefined) {}

  /** Adds a listener; the function returned takes it out again. */
  add(listener: (...args: A) => void): () => void {
    this.set.add(listener);
    return () => void this.set.delete(listener);
  }

  get size(): number {
    return this.set.size;
  }

  tell(...args: A): void {
    this.tellWhile(() => true, ...args);
  }

  /** Stops before the first listener at which `holds` is false: one before it may have changed what is told. */
  tellWhile(holds: () => boolean, ...args: A): void {
    for (const listener of this.set) {
      if (!holds()) return;
      try {
        listener(...args);
      } catch (thrown) {
        this.failed(thrown);
      }
    }
  }
}
