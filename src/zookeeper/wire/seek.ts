import { sleep } from '../support/abort.js';
import { backoffMs } from '../support/backoff.js';
import type { Clock } from '../support/clock.js';
import { messageOf } from '../support/errors.js';
import { formatServer, type Server } from './connect-string.js';
import type { Endpoint, ServerList } from './servers.js';

/** The pause after a round over all members: short, so that what has healed is used within a second. */
const FIRST_PAUSE_MS = 50;
const MAX_PAUSE_MS = 1000;
/** No attempt gets less than this, however many members share the session timeout. */
const MIN_ATTEMPT_MS = 300;

export interface Seek {
  readonly servers: ServerList;
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** Rounds that failed before: the pauses, and the time for an attempt, go on growing from there. */
  readonly failedRounds: number;
  /** Ends the search at the next step; the current attempt must be ended by the caller. */
  readonly signal: AbortSignal;
  /** Tries one address; true when it is attached to, or when nothing is sought any more. */
  attempt(endpoint: Endpoint, limitMs: number): Promise<boolean>;
  /** A name could not be resolved. */
  unresolved(server: string, why: string): void;
}

/**
 * Tries every address of every member, in rounds with growing pauses, until one attaches. Each attempt has a deadline
 * that covers the handshake too (a hung server's kernel goes on accepting connections): its share of the session
 * timeout, twice as long in each further round, up to the whole of it.
 */
export async function seek(options: Seek): Promise<void> {
  const { servers, clock, signal } = options;
  for (let round = options.failedRounds; !signal.aborted; round++) {
    if (round > 0 && !(await pause(clock, backoffMs(round - 1, FIRST_PAUSE_MS, MAX_PAUSE_MS), signal))) return;
    for (const server of servers.round()) {
      const endpoints = await resolve(options, server, attemptMs(options, round, 1));
      for (const endpoint of endpoints) {
        if (signal.aborted) return;
        if (await options.attempt(endpoint, attemptMs(options, round, endpoints.length))) return;
      }
    }
  }
}

function attemptMs(options: Seek, round: number, addresses: number): number {
  const share = options.timeoutMs / (options.servers.size * addresses);
  return Math.min(Math.max(MIN_ATTEMPT_MS, share) * 2 ** Math.min(round, 10), Math.max(MIN_ATTEMPT_MS, options.timeoutMs));
}

/** A resolver may hang; it then counts as failed. Its late answer is dropped. */
async function resolve(options: Seek, server: Server, limitMs: number): Promise<readonly Endpoint[]> {
  const limit = new AbortController();
  const stop = (): void => limit.abort();
  options.signal.addEventListener('abort', stop, { once: true });
  try {
    const late = sleep(options.clock, limitMs, limit.signal).then(() => {
      throw new Error(`no answer from the name resolver within ${Math.round(limitMs)} ms`);
    });
    return await Promise.race([options.servers.resolve(server), late]);
  } catch (thrown) {
    if (!options.signal.aborted) options.unresolved(formatServer(server), messageOf(thrown));
    return [];
  } finally {
    options.signal.removeEventListener('abort', stop);
    limit.abort();
  }
}

async function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<boolean> {
  try {
    await sleep(clock, delayMs, signal);
    return true;
  } catch {
    return false;
  }
}
