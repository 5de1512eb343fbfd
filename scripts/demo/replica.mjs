import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { spawnGuarded } from '../support/guard.mjs';

const SERVICE = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

/** How many of its last log lines a replica keeps for the report of a failure. */
const KEPT_LINES = 40;

/**
 * @typedef {object} ReplicaOptions
 * @property {string} name shown to people
 * @property {number} httpPort
 * @property {number} servicePort
 * @property {string} directory where it runs; must hold no `.env`
 * @property {Record<string, string>} env what else it is configured with
 */

/**
 * @typedef {object} Verdict what the cluster says of a tick, or of a range of ticks
 * @property {string} outcome
 * @property {string} [scheduledTime]
 * @property {string} [until]
 */

/** One process of the reference service, and what its log has said. */
export class Replica {
  #child;
  /** @type {string[]} */
  #lines = [];
  /** Since when it is master, or undefined. @type {{ sinceMs: number } | undefined} */
  mastership;
  /** @type {{ code: number | null, signal: string | null, atMs: number } | undefined} */
  exit;
  /** Whether it was sent a signal. */
  endExpected = false;
  /** What /status last said about its election. @type {Record<string, string> | undefined} */
  election;

  /**
   * @param {ReplicaOptions} options
   * @param {(replica: Replica, line: Record<string, any>) => void} onLine called with each JSON log line
   */
  constructor(options, onLine) {
    this.name = options.name;
    this.address = `127.0.0.1:${options.servicePort}`;
    this.url = `http://127.0.0.1:${options.httpPort}`;
    this.#child = spawnGuarded(process.execPath, [SERVICE], {
      cwd: options.directory,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH, ...options.env, PORT: String(options.httpPort), SERVICE_ADDRESS: this.address, LOG_FORMAT: 'json' },
    });
    this.exited = once(this.#child, 'exit').then(([code, signal]) => {
      this.exit = { code, signal, atMs: Date.now() };
      this.mastership = undefined;
    });
    // The last lines can arrive after the process has ended.
    this.closed = once(this.#child, 'close');
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      createInterface({ input: /** @type {import('node:stream').Readable} */ (stream) }).on('line', (text) => this.#read(text, onLine));
    }
  }

  /** @param {NodeJS.Signals} signal @returns {number} when it was sent */
  kill(signal) {
    const atMs = Date.now();
    this.endExpected = true;
    this.#child.kill(signal);
    return atMs;
  }

  /** Asks /status; answers whether the service answered. */
  async refresh() {
    try {
      const response = await fetch(`${this.url}/status`, { signal: AbortSignal.timeout(2_000) });
      const status = /** @type {{ elections: Array<Record<string, string>> }} */ (await response.json());
      this.election = status.elections[0];
      return true;
    } catch {
      return false;
    }
  }

  /** Asks /jobs/:job/verdicts. @param {string} job @returns {Promise<Verdict[]>} */
  async verdicts(job) {
    const response = await fetch(`${this.url}/jobs/${job}/verdicts`, { signal: AbortSignal.timeout(5_000) });
    if (!response.ok) throw new Error(`GET /jobs/${job}/verdicts answered ${response.status}`);
    return /** @type {Verdict[]} */ (await response.json());
  }

  /** The last lines of its log. */
  get lastLines() {
    return this.#lines;
  }

  /** @param {string} text @param {(replica: Replica, line: Record<string, any>) => void} onLine */
  #read(text, onLine) {
    this.#lines.push(text);
    if (this.#lines.length > KEPT_LINES) this.#lines.shift();
    const line = parse(text);
    if (line === undefined) return;
    if (line.event === 'app.elected') this.mastership = { sinceMs: Date.parse(line.at) };
    if (line.event === 'app.lost') this.mastership = undefined;
    onLine(this, line);
  }
}

/** @param {string} text @returns {Record<string, any> | undefined} */
function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
