import { AsyncLocalStorage } from 'node:async_hooks';
import type { HeldTenure } from '../mastership/election.js';
import { MastershipLostError } from '../mastership/errors.js';
import type { RunSignal } from './run-signal.js';

/** Why a run was started: its schedule fired, or the method was called by other code. */
export type RunCause = 'schedule' | 'direct';

const context = new AsyncLocalStorage<JobRun>();

/** What a run is made of. The gate makes runs; applications receive them. */
export interface RunParts {
  readonly job: string;
  readonly election: string;
  readonly firedTime: Date;
  readonly cause: RunCause;
  readonly tenure: HeldTenure;
  readonly signal: RunSignal;
}

/**
 * One run of a `@MasterOnly` job, under one tenure of this replica. The argument of a scheduled method, and `JobRun.current()`
 * anywhere below it.
 */
export class JobRun {
  /** The job's name: `@MasterOnly({ name })`, else the schedule's name, else `Class.method`. */
  readonly job: string;
  /** When the run was started, by this replica's wall clock. */
  readonly firedTime: Date;
  readonly cause: RunCause;
  /**
   * Grows strictly from tenure to tenure of the election. Store it with what you write and refuse lower ones: that closes what no
   * clock can (a suspended machine, a write delayed on its way).
   */
  readonly fencingToken: bigint;
  /**
   * Aborts when the mastership is in doubt or lost, and when shutdown has waited for `drainTimeoutMs`. `aborted` and `throwIfAborted()`
   * compare the deadline when asked.
   */
  readonly signal: AbortSignal;
  readonly #election: string;
  readonly #tenure: HeldTenure;

  /** @internal Runs are made by the gate, in tests by `runJob`. */
  constructor(parts: RunParts) {
    this.job = parts.job;
    this.firedTime = parts.firedTime;
    this.cause = parts.cause;
    this.fencingToken = parts.tenure.token;
    this.signal = parts.signal.signal;
    this.#election = parts.election;
    this.#tenure = parts.tenure;
  }

  /** The run that the calling code belongs to; undefined outside of every run. */
  static current(): JobRun | undefined {
    return context.getStore();
  }

  /**
   * Returns while this replica may act as master for this run, by the deadline as of now. Call it just before each effect that a
   * second master must not see.
   * @throws {MastershipLostError} as soon as a successor may be master.
   */
  assertMaster(): void {
    if (!this.#tenure.isValid()) throw new MastershipLostError(this.#election, this.fencingToken, 'its lease is over');
  }
}

/** Calls `work` so that `JobRun.current()` is `run` in it and in everything it starts. */
export function insideRun<T>(run: JobRun, work: () => T): T {
  return context.run(run, work);
}
