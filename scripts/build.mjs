import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withLock } from './support/lock.mjs';
import { runNode } from './support/run.mjs';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const STAMP = join(ROOT, 'node_modules', '.cache', 'cluster-cron', 'build');

/**
 * Builds `dist` when it is not what the present sources give. Several commands at once wait for the
 * first, and none builds again.
 *
 * @param {(message: string) => void} [tell] told about the build, when there is one
 * @returns {Promise<void>}
 */
export async function ensureBuilt(tell = () => {}) {
  // `npm test` has built before it started the tests; an edit meanwhile is not to pull `dist` from under them.
  if (process.env.CLUSTER_CRON_BUILT === 'yes') return;
  await withLock(
    `build ${ROOT}`,
    () => tell('waiting for another build'),
    async () => {
      const wanted = hashOfSources();
      if (existsSync(join(ROOT, 'dist', 'index.js')) && existsSync(STAMP) && readFileSync(STAMP, 'utf8') === wanted) return;
      tell('building (nest build)');
      const nest = join(ROOT, 'node_modules', '@nestjs', 'cli', 'bin', 'nest.js');
      const { code, output } = await runNode([nest, 'build'], { cwd: ROOT });
      if (code !== 0) throw new Error(`nest build failed:\n${output}`);
      mkdirSync(dirname(STAMP), { recursive: true });
      writeFileSync(STAMP, wanted);
    },
  );
}

function hashOfSources() {
  const hash = createHash('sha256');
  const files = readdirSync(join(ROOT, 'src'), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map((entry) => join(entry.parentPath, entry.name)).sort();
  for (const path of [...paths, ...['tsconfig.json', 'nest-cli.json', 'package-lock.json'].map((name) => join(ROOT, name))]) {
    hash.update(path.slice(ROOT.length)).update('\0').update(readFileSync(path)).update('\0');
  }
  return hash.digest('hex');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await ensureBuilt().catch((error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
}
