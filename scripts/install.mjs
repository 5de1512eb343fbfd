import { createHash } from 'node:crypto';
import { existsSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withLock } from './support/lock.mjs';
import { runNode } from './support/run.mjs';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const STAMP = join(ROOT, 'node_modules', '.installed-from');

/**
 * Installs the npm packages of the lock file, the ones for development too, also under NODE_ENV=production. Complete
 * only when `node_modules` says that it was installed from this very lock file; so a command started while another one
 * installs waits for it instead of using half of it.
 *
 * @returns {Promise<void>}
 */
export async function ensureInstalled() {
  requireNode();
  await withLock(
    `install ${ROOT}`,
    () => console.error('Waiting for another command that installs the npm packages …'),
    async () => {
      const wanted = createHash('sha256')
        .update(readFileSync(join(ROOT, 'package-lock.json')))
        .digest('hex');
      if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === wanted) return;
      console.error('Installing the npm packages (npm ci) …');
      const startedMs = performance.now();
      // npm ci empties node_modules first, the stamp with it.
      const { code } = await runNode([npmScript(), 'ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'], {
        cwd: ROOT,
        inherit: true,
      });
      if (code !== 0) throw new Error('npm ci failed; what it said is above.');
      writeFileSync(STAMP, wanted);
      console.error(`Installed in ${((performance.now() - startedMs) / 1000).toFixed(0)} s.`);
    },
  );
}

/** npm is a script that this Node runs itself, so that it has no shell in between and ends when we end. */
function npmScript() {
  const own = process.env.npm_execpath;
  if (own?.endsWith('npm-cli.js')) return own;
  const beside = join(dirname(process.execPath), '..', 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js');
  if (existsSync(beside)) return beside;
  const found = (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'npm'))
    .find((path) => existsSync(path));
  const real = found === undefined ? '' : realpathSync(found);
  if (real.endsWith('.js')) return real;
  throw new Error('npm was not found. Start this by npm: npm test, npm run demo.');
}

function requireNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) throw new Error(`This needs Node 20.19 or later; this is ${process.version}.`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await ensureInstalled().catch((error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
}
