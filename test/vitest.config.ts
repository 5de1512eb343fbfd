import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * The kinds of tests, and how long a test or hook of each may take: against hangs only, never
 * part of what a test shows.
 */
const KINDS = {
  unit: { include: ['test/unit/**/*.spec.ts', 'test/*.spec.ts', 'test/support/**/*.spec.ts'], testTimeout: 600_000 },
  race: { include: ['test/race/**/*.spec.ts'], testTimeout: 600_000 },
  contract: { include: ['test/contract/**/*.spec.ts'], testTimeout: 600_000 },
  integration: { include: ['test/integration/**/*.spec.ts', 'examples/*/*.spec.ts'], testTimeout: 600_000 },
  e2e: { include: ['test/e2e/**/*.spec.ts'], testTimeout: 900_000 },
  docs: { include: ['test/docs/**/*.spec.ts'], testTimeout: 900_000 },
  types: { include: ['test/types/**/*.spec.ts'], testTimeout: 600_000 },
};

/**
 * Files that take long come first, so that none is left over at the end: those that wait, then those that calculate.
 */
const FIRST = ['test/e2e/package.spec.ts', 'test/e2e/', 'test/integration/mastership/', 'test/integration/', 'test/unit/jobs/'];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const found = FIRST.findIndex((start) => moduleId.includes(`/${start}`));
      return found === -1 ? FIRST.length : found;
    };
    // What the base knows decides among the rest: how long each took last time, or how large it is.
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b));
  }
}

export default defineConfig({
  root: join(import.meta.dirname, '..'),
  // Nest reads constructor types from decorator metadata, which oxc writes only when told to.
  oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
  resolve: {
    alias: [
      { find: /^nestjs-cluster-cron$/, replacement: join(import.meta.dirname, '..', 'src', 'index.ts') },
      { find: /^nestjs-cluster-cron\/testing$/, replacement: join(import.meta.dirname, '..', 'src', 'testing.ts') },
    ],
  },
  test: {
    pool: 'forks',
    // The examples' tests run in Jest as well.
    globals: true,
    // More than there are processors: most files spend their time waiting for sessions to end and processes to start.
    maxWorkers: Math.max(6, availableParallelism()),
    sequence: { sequencer: LongestFirst },
    maxConcurrency: 10,
    projects: Object.entries(KINDS).map(([name, { include, testTimeout }]) => ({
      extends: true as const,
      test: { name, include, testTimeout, hookTimeout: 600_000, setupFiles: ['test/support/setup.ts'] },
    })),
    allowOnly: false,
    retry: 0,
    passWithNoTests: false,
    dangerouslyIgnoreUnhandledErrors: false,
  },
});
