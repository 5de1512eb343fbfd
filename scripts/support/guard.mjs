import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startOfProcess } from './process-start.mjs';

/** @type {import('node:stream').Writable | undefined} */
let pipe;
let lastId = 0;

/**
 * Hands something to the guardian, which ends or undoes it should this process end, by whatever
 * cause, before it is released.
 *
 * @param {{ pid: number, started: string | undefined } | { directory: string } | { command: readonly string[] }} what
 * @returns {() => void} release: from now on it is nobody's
 */
function hold(what) {
  pipe ??= startGuardian();
  lastId += 1;
  const id = lastId;
  pipe.write(`${JSON.stringify({ id, ...what })}\n`);
  return () => void pipe?.write(`${JSON.stringify({ release: id })}\n`);
}

function startGuardian() {
  const path = fileURLToPath(new URL('guardian.mjs', import.meta.url));
  const child = spawn(process.execPath, [path], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
    cwd: '/',
    env: { PATH: process.env.PATH },
  });
  child.unref();
  // Whoever wants to wait until all is cleaned up names a directory, in which each guardian has a file
  // as long as it is at work.
  const directory = process.env.CLUSTER_CRON_GUARDIANS;
  if (directory !== undefined && child.pid !== undefined) {
    const file = join(directory, String(child.pid));
    writeFileSync(file, '');
    child.stdin.write(`${JSON.stringify({ id: 0, directory: file })}\n`);
  }
  child.stdin.on('error', () => {});
  // A pipe to a child is a net.Socket, which keeps the event loop alive unless told otherwise.
  /** @type {import('node:net').Socket} */ (child.stdin).unref();
  return child.stdin;
}

/**
 * Starts a program that ends with this process, even when this one is killed. It leads its own process group: Ctrl-C
 * reaches this process only, which decides about its children.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {import('node:child_process').SpawnOptions} [options]
 * @returns {import('node:child_process').ChildProcess}
 */
export function spawnGuarded(command, args, options = {}) {
  pipe ??= startGuardian();
  const child = spawn(command, args, { ...options, detached: true });
  if (child.pid !== undefined) {
    const release = hold({ pid: child.pid, started: startOfProcess(child.pid) });
    child.once('exit', release);
  }
  return child;
}

/**
 * A new empty directory in the system's temporary directory, removed at the latest when this process ends.
 *
 * @param {string} name what it is for; part of its name
 * @returns {{ path: string, remove(): void }}
 */
export function temporaryDirectory(name) {
  const path = mkdtempSync(join(tmpdir(), `cluster-cron-${name}-`));
  const release = removeAtEnd(path);
  return {
    path,
    remove() {
      rmSync(path, { recursive: true, force: true, maxRetries: 5 });
      release();
    },
  };
}

/**
 * Runs `command` when this process ends before the returned function was called.
 *
 * @param {readonly string[]} command
 * @returns {() => void}
 */
export function undoAtEnd(command) {
  return hold({ command });
}

/**
 * Removes a file or directory when this process ends before the returned function was called.
 *
 * @param {string} path
 * @returns {() => void}
 */
export function removeAtEnd(path) {
  return hold({ directory: path });
}
