import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

/** The kinds of tests, and how long a test or hook of each may take: against hangs only, never part of what a test shows. */
const KINDS = {
  unit: { include: ['test/unit/**/*.spec.ts', 'test/*.spec.ts', 'test/support/**/*.spec.ts'], testTimeout: 60_000 },
  race: { include: ['test/race/**/*.spec.ts'], testTimeout: 180_000 },
  contract: { include: ['test/contract/**/*.spec.ts'], testTimeout: 120_000 },
  integration: { include: ['test/integration/**/*.spec.ts'], testTimeout: 180_000 },
  e2e: { include: ['test/e2e/**/*.spec.ts'], testTimeout: 300_000 },
  docs: { include: ['test/docs/**/*.spec.ts'], testTimeout: 300_000 },
  types: { include: ['test/types/**/*.spec.ts'], testTimeout: 120_000 },
};

export default defineConfig({
  root: join(import.meta.dirname, '..'),
  // Nest reads constructor types from decorator metadata, which oxc writes only when told to.
  oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
  test: {
    pool: 'forks',
    maxWorkers: 3,
    projects: Object.entries(KINDS).map(([name, { include, testTimeout }]) => ({
      extends: true as const,
      test: { name, include, testTimeout, hookTimeout: 120_000, setupFiles: ['test/support/setup.ts'] },
    })),
    allowOnly: false,
    retry: 0,
    passWithNoTests: false,
    dangerouslyIgnoreUnhandledErrors: false,
  },
});
