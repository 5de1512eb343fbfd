/** One thing worth telling: becomes a log line, a metric, a span. `event` is stable, e.g. `mastership.won`. */
export interface Observation {
  /** How much it matters: an error asks for somebody to look. */
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  /** What it is, a word or two with dots. Does not change between versions without a note in the list of changes. */
  readonly event: string;
  /** A full sentence for a person. */
  readonly message: string;
  /** The facts of the sentence, for programs. Never a secret. */
  readonly fields?: Readonly<Record<string, string | number | boolean | undefined>>;
}

/** Where observations go. */
export interface Observer {
  /** Is called in the turn in which it happens; should return soon. What it throws is dropped. */
  observe(observation: Observation): void;
}

/** Tells nobody. */
export const silentObserver: Observer = { observe: () => undefined };

/** An observer that cannot hurt: what `inner` throws is dropped, so that a broken log sink stops no election. */
export function harmless(inner: Observer): Observer {
  return {
    observe(observation) {
      try {
        inner.observe(observation);
      } catch {
        // There is nowhere left to report a failing reporter.
      }
    },
  };
}
