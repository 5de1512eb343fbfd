/**
 * Rejects calls when their signal aborts. One listener per signal, however many calls share it: with one listener each,
 * the thousandth call would walk a list of a thousand to take its own out again.
 */
export class Abandonment {
  private readonly bySignal = new Map<AbortSignal, { readonly rejects: Set<(why: Error) => void>; readonly listener: () => void }>();

  /**
   * `reject` is called with the signal's reason when it aborts, unless the function answered has been called before.
   */
  add(signal: AbortSignal, reject: (why: Error) => void): () => void {
    let entry = this.bySignal.get(signal);
    if (entry === undefined) {
      const rejects = new Set<(why: Error) => void>();
      const listener = (): void => {
        this.bySignal.delete(signal);
        for (const one of rejects) one(signal.reason as Error);
      };
      entry = { rejects, listener };
      this.bySignal.set(signal, entry);
      signal.addEventListener('abort', listener, { once: true });
    }
    const { rejects, listener } = entry;
    rejects.add(reject);
    return () => {
      if (!rejects.delete(reject) || rejects.size > 0) return;
      signal.removeEventListener('abort', listener);
      if (this.bySignal.get(signal)?.rejects === rejects) this.bySignal.delete(signal);
    };
  }
}
