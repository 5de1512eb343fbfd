import { createHash } from 'node:crypto';
import { connect, createServer } from 'node:net';
import { unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

/**
 * Runs `work` while no other process on this machine runs work under the same name. The lock is a listening socket,
 * which the kernel frees with its process, so a killed holder leaves no stale lock behind.
 *
 * @template T
 * @param {string} name
 * @param {() => void} onWait called once when somebody else holds the lock
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(name, onWait, work) {
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 32);
  // Linux has socket names that are not files (unix(7), "abstract"); elsewhere a file, taken out
  // when nobody answers on it.
  const abstract = process.platform === 'linux';
  const path = abstract ? `\0cluster-cron-${hash}` : join(tmpdir(), `cluster-cron-${hash}.lock`);
  let waited = false;
  for (;;) {
    const server = await listen(path);
    if (server !== undefined) {
      try {
        return await work();
      } finally {
        await new Promise((resolve) => server.close(resolve));
      }
    }
    if (!abstract && !(await answers(path))) unlinkSync(path);
    if (!waited) onWait();
    waited = true;
    await wait(200);
  }
}

/** @param {string} path @returns {Promise<import('node:net').Server | undefined>} */
function listen(path) {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error) => ('code' in error && error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error)));
    server.listen(path, () => resolve(server));
  });
}

/** @param {string} path @returns {Promise<boolean>} */
function answers(path) {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
