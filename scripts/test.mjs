// `npm test`, from a bare clone: installs what is missing, builds, runs all tests (`--quick`: those that need nothing
// but Node). The last line is the runner's own count.
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ensureBuilt } from './build.mjs';
import { ensureInstalled } from './install.mjs';
import { spawnGuarded, temporaryDirectory } from './support/guard.mjs';
import { CURATOR_JARS, hasProgram, installPackages, provisionZooKeeper } from './zookeeper/install.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const given = process.argv.slice(2).filter((arg) => arg !== '--yes' && arg !== '--quick');

/** `npm test -- --quick`: what needs nothing but Node, with the test ZooKeeper in place of a real one. */
const isQuick = process.argv.includes('--quick');
const QUICK = [
  ...['test/unit/', 'test/contract/model.spec.ts', 'test/contract/embedded.spec.ts'],
  'examples/failover-tests/failover.spec.ts',
  ...['command', 'directory', 'faults'].map((name) => `test/integration/zookeeper/${name}.spec.ts`),
  ...['reconnect', 'watches'].map((name) => `test/integration/wire/${name}.spec.ts`),
  ...['test/integration/jobs/keys.spec.ts', 'test/integration/nest/lifecycle.spec.ts'],
];

/**
 * kazoo takes part in elections, Curator in the test of the ZooKeeper inside Node, and a JDK compiles that test; `ip`
 * makes networks that can be cut; openssl makes certificates.
 */
const PACKAGES = ['python3-kazoo', 'libcurator-recipes-java', 'default-jdk-headless', 'iproute2', 'openssl'];
const PROGRAMS = ['javac', 'ip', 'openssl'];

async function prepare() {
  const options = { yes: process.argv.includes('--yes'), preferPackages: true, alongside: PACKAGES };
  await ensureInstalled();
  if (isQuick) return ensureBuilt((message) => console.error(message));
  const { where } = await provisionZooKeeper(options);
  console.error(`ZooKeeper: ${where}`);
  await installPackages(PACKAGES, () => hasKazoo() && CURATOR_JARS.every(existsSync) && PROGRAMS.every(hasProgram), options);
  await ensureBuilt((message) => console.error(message));
}

const hasKazoo = () => spawnSync('/usr/bin/python3', ['-c', 'import kazoo'], { stdio: 'ignore' }).status === 0;

async function test() {
  const scratch = temporaryDirectory('test-run');
  const results = join(scratch.path, 'results.json');
  // Each process that starts others has a guardian; it leaves a file here until it has cleaned up.
  const guardians = temporaryDirectory('guardians');
  const args = ['run', '--config', 'test/vitest.config.ts', '--reporter=default', '--reporter=json', `--outputFile.json=${results}`];
  const child = spawnGuarded(
    process.execPath,
    [join(ROOT, 'node_modules', 'vitest', 'vitest.mjs'), ...args, ...(isQuick ? QUICK : []), ...given],
    {
      cwd: ROOT,
      env: {
        ...process.env,
        ...(isQuick ? { CLUSTER_CRON_ZOOKEEPER: 'embedded' } : {}),
        NODE_ENV: 'test',
        CLUSTER_CRON_BUILT: 'yes',
        CLUSTER_CRON_GUARDIANS: guardians.path,
      },
      stdio: ['ignore', 'inherit', 'inherit'],
    },
  );
  const interrupted = endOnSignals(child);
  const [code] = await once(child, 'exit');
  await guardiansGone(guardians.path);
  const counted = interrupted() === undefined && existsSync(results) ? count(JSON.parse(readFileSync(results, 'utf8'))) : undefined;
  scratch.remove();
  guardians.remove();
  if (interrupted() !== undefined) process.exit(interrupted());
  if (counted === undefined) throw new Error(`vitest ended with code ${code} and left no results.`);
  finish(counted, code);
}

/**
 * Answers the exit code once a signal has come. The runner and its workers are one process group: all get it.
 *
 * @param {import('node:child_process').ChildProcess} child
 */
function endOnSignals(child) {
  /** @type {number | undefined} */
  let exitCode;
  const group = (/** @type {NodeJS.Signals} */ signal) => {
    try {
      process.kill(-(child.pid ?? 0), signal);
    } catch {
      // All of it has ended.
    }
  };
  for (const [signal, number] of /** @type {const} */ ([
    ['SIGINT', 2],
    ['SIGTERM', 15],
    ['SIGHUP', 1],
  ])) {
    process.on(signal, () => {
      exitCode ??= 128 + number;
      group('SIGTERM');
      setTimeout(() => group('SIGKILL'), 3_000).unref();
    });
  }
  return () => exitCode;
}

/** @param {string} directory */
async function guardiansGone(directory) {
  for (let round = 0; round < 300 && readdirSync(directory).length > 0; round += 1) await wait(100);
}

/**
 * @param {{ numPassedTests: number, numFailedTests: number, numPendingTests: number, numTodoTests: number,
 *   success: boolean, testResults: Array<{ status: string, assertionResults: unknown[], name: string }>,
 * }} results vitest's JSON report
 */
function count(results) {
  // A file that does not even load has no tests that could fail.
  const broken = results.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0);
  const skipped = given.length === 0 || isQuick ? results.numPendingTests + results.numTodoTests : 0;
  return { passed: results.numPassedTests, failed: results.numFailedTests + broken.length, skipped };
}

/** @param {{ passed: number, failed: number, skipped: number }} counted @param {number | null} code */
function finish({ passed, failed, skipped }, code) {
  if (skipped > 0) console.log(`${skipped} tests were skipped: none may be.`);
  if (failed === 0 && code !== 0) console.log('The runner failed outside of any test: see above.');
  const bad = failed + skipped + (failed === 0 && code !== 0 ? 1 : 0);
  process.exitCode = bad === 0 ? 0 : 1;
  console.log(`${passed} passed, ${bad} failed`);
}

try {
  await prepare();
  await test();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
