import type { Tick } from '../schedule/tick.js';
import { MAX_EXPLANATION_LENGTH } from '../record/verdict.js';

/** A span of time in which, as far as the deciding master knows, ticks of a job could not be run, by its wall clock. */
export interface Obstacle {
  /** Undefined: since before this replica knows anything. */
  readonly sinceMs: number | undefined;
  readonly untilMs: number;
  /** A whole sentence, for people. */
  readonly why: string;
}

/** So many are told about one row of ticks: the newest. */
const MAX_TOLD = 3;

/** What is known of why nobody could run these ticks in time; undefined when nothing is. */
export function explain(
  obstacles: readonly Obstacle[],
  { first, last }: { readonly first: Tick; readonly last: Tick },
): string | undefined {
  const met = obstacles.filter(({ sinceMs = -Infinity, untilMs }) => sinceMs <= last.dueMs && first.dueMs <= untilMs);
  if (met.length === 0) return undefined;
  const sentences = met.slice(-MAX_TOLD).map(({ why }) => why);
  return sentences.join(' ').slice(0, MAX_EXPLANATION_LENGTH);
}
