import { spawnGuarded } from './guard.mjs';

/**
 * Runs a Node script to its end; the child ends with this process.
 *
 * @param {readonly string[]} args script and arguments
 * @param {{ cwd: string, env?: NodeJS.ProcessEnv, inherit?: boolean }} options `inherit`: its output is
 * ours; else it is answered
 * @returns {Promise<{ code: number | null, output: string }>}
 */
export function runNode(args, { cwd, env = process.env, inherit = false }) {
  return new Promise((resolve, reject) => {
    const out = inherit ? 'inherit' : 'pipe';
    const child = spawnGuarded(process.execPath, args, { cwd, env, stdio: ['ignore', out, out] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (text) => (output += text));
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, output }));
  });
}
