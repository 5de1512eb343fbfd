import { AsyncLocalStorage } from 'node:async_hooks';
import type { HeldTenure } from '../../mastership/election/held-tenure.js';
import { MastershipLostError } from '../../mastership/election/errors.js';
import { jsonFacts } from '../../support/errors.js';
import { MemoryCheckpoint, type Checkpoint } from './checkpoint.js';
import type { RunCause } from './run-cause.js';
import type { RunSignal } from '../../support/run-signal.js';

export type { RunCause };

const context = new AsyncLocalStorage<JobRun>();

/** What a run is made of. The gate makes runs; applications receive them. */
export interface RunParts {
  readonly job: string;
  readonly election: string;
  readonly firedTime: Date;
  readonly cause: RunCause;
  readonly tenure: HeldTenure;
  readonly signal: RunSignal;
  readonly scheduledTime?: Date | undefined;
  readonly nominalTime?: string | undefined;
  /** Default 1. */
  readonly attempt?: number;
  readonly input?: unknown;
  /** Default: one of its own, in memory. */
  readonly checkpoint?: Checkpoint;
  /** Default: nobody is told. */
  readonly progress?: (fraction: number, note?: string) => void;
}

/**
 * One run of a `@MasterOnly` job, under one tenure of this replica. The argument of a scheduled method, and
 * `JobRun.current()` anywhere below it.
 */
export class JobRun {
  /** The job's name: `@MasterOnly({ name })`, else the schedule's name, else `Class.method`. */
  readonly job: string;
  /** When the run was started, by this replica's wall clock. */
  readonly firedTime: Date;
  /**
   * `'schedule'`: on time. `'misfire'`: late, because nobody could run it in time. `'rerun'`: an earlier start of this
   * tick was cut short. `'trigger'`: by `ClusterJobs.trigger`. `'direct'`: the method was called by other code.
   */
  readonly cause: RunCause;
  /**
   * The instant at which the tick was due: the same on every replica and in every attempt, so it can name what the run
   * makes. Undefined for triggers, direct calls and jobs whose ticks are not claimed.
   */
  readonly scheduledTime: Date | undefined;
  /**
   * The time that the schedule names, in its zone, e.g. `2026-03-29T02:30:00`. Says something else than `scheduledTime`
   * only in the hour that summer time leaves out, at whose end such ticks are due.
   */
  readonly nominalTime: string | undefined;
  /**
   * 1 at the first start; retries, and starts after an interruption, count on. After a process that died nobody knows
   * how many attempts it has made: then as many are counted as `retry` may have made, so that no number comes twice.
   */
  readonly attempt: number;
  /** What `ClusterJobs.trigger` was given. */
  readonly input: unknown;
  /** What this job wants its next runs to know, on whichever replica they are. */
  readonly checkpoint: Checkpoint;
  /**
   * Grows strictly from tenure to tenure of the election. Store it with what you write and refuse lower ones: that
   * closes what no clock can (a suspended machine, a write delayed on its way).
   */
  readonly fencingToken: bigint;
  /**
   * Aborts when the mastership is in doubt or lost, and when a shutdown or a hand-over has waited for `drainTimeoutMs`.
   * `aborted` and `throwIfAborted()` compare the deadline when asked.
   */
  readonly signal: AbortSignal;
  readonly #election: string;
  readonly #tenure: HeldTenure;
  readonly #progress: (fraction: number, note?: string) => void;

  /** @internal Runs are made by the gate, in tests by `runJob`. */
  constructor(parts: RunParts) {
    this.job = parts.job;
    this.firedTime = parts.firedTime;
    this.cause = parts.cause;
    this.fencingToken = parts.tenure.token;
    this.signal = parts.signal.signal;
    this.scheduledTime = parts.scheduledTime;
    this.nominalTime = parts.nominalTime;
    this.attempt = parts.attempt ?? 1;
    this.input = parts.input;
    this.checkpoint = parts.checkpoint ?? new MemoryCheckpoint();
    this.#progress = parts.progress ?? ((): void => undefined);
    this.#election = parts.election;
    this.#tenure = parts.tenure;
  }

  /** The run that the calling code belongs to; undefined outside of every run. */
  static current(): JobRun | undefined {
    return context.getStore();
  }

  /**
   * What `JSON.stringify` makes of it: its facts, without checkpoint and signal; the fencing token as text,
   * because JSON knows no bigint.
   */
  toJSON(): Readonly<Record<string, unknown>> {
    const { job, cause, scheduledTime, nominalTime, firedTime, attempt, input, fencingToken } = this;
    return jsonFacts({ job, cause, scheduledTime, nominalTime, firedTime, attempt, input, fencingToken });
  }

  /**
   * Tells people how far the run is: shown by `ClusterJobs.list()` on every replica. Costs one write a second at most;
   * never fails the run when it cannot be written.
   * @param fraction from 0 to 1
   * @param note at most 200 characters
   * @throws {BadProgressError} for anything else.
   */
  progress(fraction: number, note?: string): void {
    this.#progress(fraction, note);
  }

  /**
   * Returns while this replica may act as master for this run, by the deadline as of now. Call it just before each
   * effect that a second master must not see.
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
