/**
 * The pause before attempt `attempt` (0 is the first retry): doubles from `firstMs` up to `maxMs`, of which a random
 * half is kept, so that replicas that failed together do not retry together ("equal jitter", AWS Architecture Blog,
 * 2015).
 */
export function backoffMs(attempt: number, firstMs: number, maxMs: number, random: () => number = Math.random): number {
  const full = Math.min(maxMs, firstMs * 2 ** Math.min(attempt, 30));
  return full / 2 + (random() * full) / 2;
}
