// Runs tests of the project in the working directory, as often as its parent says, in one process that keeps what does
// not change: a change of one file costs only its own compilation. Takes `{ changed, tests }` from its parent, answers
// `{ passed, failed, broken }`: how many tests of this very run have passed, the names of those that failed, and what
// was wrong with the process that should have run them.
import { join } from 'node:path';

const ROOT = process.cwd();

// Not by a literal: the linter looks at all scripts as one program, and with the types of vitest those of
// Node would come into it.
/** @type {string} */
const VITEST = 'vitest/node';
const { createVitest } = await import(VITEST);

/** What this run has shown so far. What vitest knows of earlier runs must not count. */
const seen = {
  passed: 0,
  /** @type {string[]} */
  failed: [],
};

/**
 * @typedef {{ readonly fullName: string, result(): { readonly state: string } }} TestCase
 * @typedef {{ readonly relativeModuleId: string, errors(): Array<{ readonly message: string }> }} TestModule
 */

const reporter = {
  onTestCaseResult(/** @type {TestCase} */ test) {
    const { state } = test.result();
    if (state === 'passed') seen.passed += 1;
    if (state === 'failed') seen.failed.push(test.fullName);
  },
  onTestModuleEnd(/** @type {TestModule} */ testModule) {
    // A file that does not even load has no tests that could fail.
    for (const { message } of testModule.errors()) seen.failed.push(`${testModule.relativeModuleId}: ${message}`);
  },
};

const vitest = await createVitest(
  'test',
  {
    config: false,
    root: ROOT,
    watch: false,
    pool: 'forks',
    globals: true,
    // A new process for each run, and all files of the run in it.
    maxWorkers: 1,
    isolate: false,
    bail: 1,
    retry: 0,
    include: ['test/unit/**/*.spec.ts', 'test/race/**/*.spec.ts'],
    setupFiles: ['test/support/setup.ts', 'scripts/mutants/setup.mjs'],
    // What hangs is found by whoever started this process; on a busy machine a test may take long.
    testTimeout: 3_600_000,
    hookTimeout: 3_600_000,
    reporters: [reporter],
    onConsoleLog: () => false,
  },
  {
    cacheDir: join(ROOT, '.vite'),
    // As test/vitest.config.ts has it.
    oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
    resolve: {
      alias: [
        { find: /^nestjs-cluster-cron$/, replacement: join(ROOT, 'src', 'index.ts') },
        { find: /^nestjs-cluster-cron\/testing$/, replacement: join(ROOT, 'src', 'testing.ts') },
      ],
    },
  },
);
/** @type {Array<{ readonly moduleId: string }>} */
const all = await vitest.globTestSpecifications();

/** @param {{ changed: readonly string[], tests: readonly string[] }} order */
async function run({ changed, tests }) {
  for (const file of changed) vitest.invalidateFile(join(ROOT, file));
  const chosen = all.filter(({ moduleId }) => tests.some((test) => moduleId.startsWith(join(ROOT, test))));
  if (chosen.length === 0) throw new Error(`No tests below ${tests.join(', ')}.`);
  seen.passed = 0;
  seen.failed = [];
  /** @type {{ unhandledErrors: Array<{ readonly message?: string }> }} */
  const { unhandledErrors } = await vitest.runTestSpecifications(chosen);
  const errors = unhandledErrors.map((error) => error.message ?? 'an error without a message');
  return { passed: seen.passed, failed: [...seen.failed, ...errors.filter((text) => !isOfPool(text))], broken: errors.find(isOfPool) };
}

/** Of a process for tests that did not start in time, or ended. @param {string} message */
function isOfPool(message) {
  return message.includes('[vitest-pool]');
}

process.on('message', (/** @type {{ changed: string[], tests: string[] }} */ order) => {
  run(order).then(
    (answer) => process.send?.(answer),
    (error) => process.send?.({ error: String(error?.stack ?? error) }),
  );
});
process.on('disconnect', () => process.exit());
process.send?.({ ready: true });
