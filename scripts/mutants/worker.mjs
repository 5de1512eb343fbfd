import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { spawnGuarded } from '../support/guard.mjs';

/**
 * @typedef {{ passed: number, failed: readonly string[], broken?: string }} Result
 * @typedef {{ kind: 'done', result: Result, cpuMs: number } | { kind: 'hangs', how: string }} Outcome
 */

const CHECK_EVERY_MS = 1_000;
/** Nothing in these tests waits for real time this long. */
const IDLE_CHECKS = 45;
const CLOCK_TICK_MS = 10;

/**
 * A process that runs tests in a copy of the tree. What hangs is known by processor time, never by the clock on the
 * wall: a busy machine makes no test fail. On a machine without /proc nothing ends what hangs.
 */
export class Worker {
  #directory;
  /** @type {import('node:child_process').ChildProcess | undefined} */
  #child;

  /** @param {string} directory */
  constructor(directory) {
    this.#directory = directory;
  }

  /**
   * @param {readonly string[]} changed files whose compiled form is out of date
   * @param {readonly string[]} tests
   * @param {number} limitMs processor time after which it counts as hanging
   * @returns {Promise<Outcome>}
   */
  async run(changed, tests, limitMs) {
    const child = (this.#child ??= await this.#start());
    const before = usedBy(child.pid);
    /** @type {{ answer?: Result & { error?: string }, gone?: boolean }} */
    const state = {};
    const wakeUp = new AbortController();
    child.once('message', (message) => {
      state.answer = /** @type {Result} */ (message);
      wakeUp.abort();
    });
    child.once('exit', () => {
      state.gone = true;
      wakeUp.abort();
    });
    child.send({ changed, tests });
    let idle = 0;
    let last = before;
    while (state.answer === undefined && state.gone !== true) {
      await wait(CHECK_EVERY_MS, undefined, { signal: wakeUp.signal }).catch(() => {});
      if (wakeUp.signal.aborted) break;
      const used = usedBy(child.pid);
      idle = used.isRunnable || used.ms > last.ms ? 0 : idle + 1;
      last = used;
      if (idle > IDLE_CHECKS) return this.#hangs('waits for ever');
      if (used.ms - before.ms > limitMs) return this.#hangs('calculates for ever');
    }
    child.removeAllListeners('message').removeAllListeners('exit');
    if (state.answer === undefined) {
      this.#child = undefined;
      return { kind: 'hangs', how: 'ends the process of the tests' };
    }
    // The machine was too busy to start a process in time: nothing is known.
    if (state.answer.broken?.includes('Timeout') === true) return this.run(changed, tests, limitMs);
    if (state.answer.broken !== undefined) return { kind: 'hangs', how: state.answer.broken };
    if (state.answer.error !== undefined) throw new Error(state.answer.error);
    return { kind: 'done', result: state.answer, cpuMs: usedBy(child.pid).ms - before.ms };
  }

  /** @param {string} how @returns {Outcome} */
  #hangs(how) {
    this.end();
    return { kind: 'hangs', how };
  }

  end() {
    const pid = this.#child?.pid;
    this.#child?.removeAllListeners();
    this.#child = undefined;
    if (pid === undefined) return;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // All of it has ended.
    }
  }

  /** @returns {Promise<import('node:child_process').ChildProcess>} */
  #start() {
    const runner = join(this.#directory, 'scripts', 'mutants', 'runner.mjs');
    const child = spawnGuarded(process.execPath, [runner], {
      cwd: this.#directory,
      env: { ...process.env, NODE_ENV: 'test', CLUSTER_CRON_BUILT: 'yes', RACE_RUNS: '40', SIMULATION_RUNS: '40' },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code) => reject(new Error(`${fileURLToPath(new URL('runner.mjs', import.meta.url))} ended with code ${code}.`)));
      child.once('message', () => {
        child.removeAllListeners();
        resolve(child);
      });
    });
  }
}

/**
 * What a process group has used of the processors, and whether any of it wants more just now.
 *
 * @param {number | undefined} group
 */
function usedBy(group) {
  let ms = 0;
  let isRunnable = false;
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8');
      // proc(5): behind the name in parentheses come the state, the parent and the group; then, from the 12th on, the
      // times used by the process and by the children that it has waited for.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      if (Number(fields[2]) !== group) continue;
      isRunnable ||= fields[0] === 'R' || fields[0] === 'D';
      for (const field of fields.slice(11, 15)) ms += Number(field) * CLOCK_TICK_MS;
    } catch {
      // It has ended.
    }
  }
  return { ms, isRunnable };
}
