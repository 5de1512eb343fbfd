import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeAtEnd } from './guard.mjs';
import { startOfProcess } from './process-start.mjs';

// Below the range from which Linux takes the ports of outgoing connections (32768 and up, ip(7)): a
// stopped server finds its port free when it comes back, and nobody can connect to himself by trying the
// port of a server that is down.
const LOWEST = 20_000;
const HIGHEST = 32_000;

/**
 * Reserves free TCP ports on a loopback address, for this process: another one that asks here gets others.
 *
 * @param {number} count
 * @param {string} [host]
 * @returns {Promise<{ ports: number[], release(): void }>}
 */
export async function reservePorts(count, host = '127.0.0.1') {
  /** @type {number[]} */
  const ports = [];
  let next = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
  for (let tried = 0; ports.length < count; tried += 1) {
    if (tried > HIGHEST - LOWEST) throw new Error(`No ${count} free ports between ${LOWEST} and ${HIGHEST} on ${host}.`);
    next = next + 1 < HIGHEST ? next + 1 : LOWEST;
    if (!claim(next)) continue;
    if (await isFree(next, host)) ports.push(next);
    else release([next]);
  }
  return { ports, release: () => release(ports) };
}

/** @type {Map<number, () => void>} */
const claimed = new Map();

/** @param {readonly number[]} ports */
function release(ports) {
  for (const port of ports) {
    rmSync(fileOf(port), { force: true });
    claimed.get(port)?.();
    claimed.delete(port);
  }
}

/** @param {number} port */
const fileOf = (port) => join(tmpdir(), `cluster-cron-port-${port}`);

/** @param {number} port @returns {boolean} */
function claim(port) {
  try {
    const file = openSync(fileOf(port), 'wx');
    writeSync(file, JSON.stringify({ pid: process.pid, started: startOfProcess(process.pid) }));
    closeSync(file);
    claimed.set(port, removeAtEnd(fileOf(port)));
    return true;
  } catch {
    // Whoever finds a claim of a process that is gone takes it out; the port itself is left for the next search.
    if (isStale(port)) rmSync(fileOf(port), { force: true });
    return false;
  }
}

/** @param {number} port @returns {boolean} */
function isStale(port) {
  try {
    const { pid, started } = JSON.parse(readFileSync(fileOf(port), 'utf8'));
    return startOfProcess(pid) !== started;
  } catch {
    return false;
  }
}

/** @param {number} port @param {string} host @returns {Promise<boolean>} */
function isFree(port, host) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
}
