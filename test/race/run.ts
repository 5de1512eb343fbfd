import fc from 'fast-check';
import { play, scenarios, type Scenario, type SearchOptions } from './search.js';

/** How many scenarios each search plays. `RACE_RUNS=20000` for a long search. */
export const RUNS = Number(process.env['RACE_RUNS'] ?? 400);

/**
 * Against hangs only, so it grows with the search: a second for each scenario is ten times what a busy machine needs.
 */
export const SEARCH_TIMEOUT_MS = Math.max(900_000, RUNS * 1_000);

/** The same scenarios on every machine, unless `RACE_SEED` is a number, or `any` for others each time. */
const SEED = process.env['RACE_SEED'] === 'any' ? Math.floor(Math.random() * 2 ** 31) : Number(process.env['RACE_SEED'] ?? 20_260_101);

/** As a failure has printed it: plays that scenario alone. */
const PATH = process.env['RACE_PATH'];

function propertyOf(options: SearchOptions): fc.IAsyncPropertyWithHooks<[Scenario]> {
  return fc.asyncProperty(scenarios(options), (scenario) => play(scenario, options));
}

/**
 * Fails with the smallest scenario found that breaks an invariant, what happened in it, and the
 * command that plays it again.
 */
export function search(test: string, options: SearchOptions): Promise<void> {
  return searchWith(test, propertyOf(options));
}

/** The same for what `property` plays. */
export async function searchWith<T>(test: string, property: fc.IAsyncPropertyWithHooks<[T]>, runs = RUNS): Promise<void> {
  const details = await fc.check(property, {
    numRuns: runs,
    seed: SEED,
    ...(PATH === undefined ? {} : { path: PATH, endOnFailure: true }),
  });
  if (!details.failed) return;
  const { counterexample, counterexamplePath, errorInstance } = details;
  throw new Error(
    [
      errorInstance instanceof Error ? errorInstance.message : String(errorInstance),
      `Scenario: ${JSON.stringify(counterexample?.[0])}`,
      `Seed ${SEED}, path ${counterexamplePath}. To play it again:`,
      `RACE_SEED=${SEED} RACE_PATH=${counterexamplePath} npx vitest run --config test/vitest.config.ts --project race -t ${JSON.stringify(test)}`,
    ].join('\n'),
  );
}

/**
 * The first line of what a search finds within its budget; undefined when it finds nothing. Always the same scenarios.
 */
export function counterexampleOf(options: SearchOptions, budget: number): Promise<string | undefined> {
  return counterexampleWith(propertyOf(options), budget);
}

/** The same for what `property` plays. */
export async function counterexampleWith<T>(property: fc.IAsyncPropertyWithHooks<[T]>, budget: number): Promise<string | undefined> {
  const details = await fc.check(property, { numRuns: budget, seed: 7, endOnFailure: true });
  if (!details.failed) return undefined;
  const { errorInstance } = details;
  return (errorInstance instanceof Error ? errorInstance.message : String(errorInstance)).split('\n')[0];
}
