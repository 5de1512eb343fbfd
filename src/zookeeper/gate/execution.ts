import { RunAbortedError } from '../jobs/errors.js';
import { insideRun, JobRun } from '../jobs/job-run.js';
import type { Checkpoint } from '../jobs/checkpoint.js';
import type { JobRules } from '../jobs/job-rules.js';
import type { RunCause } from '../jobs/run-cause.js';
import type { Outcome, VerdictReason } from '../jobs/record/verdict.js';
import { RunSignal } from '../jobs/run-signal.js';
import type { HeldTenure } from '../mastership/election.js';
import { MastershipLostError } from '../mastership/errors.js';
import type { Clock } from '../support/clock.js';
import { runAttempts, type AttemptsResult } from './attempts.js';
import type { ElectionGate } from './election-gate.js';
import type { Work } from './in-progress.js';

/** A run that is to be carried out now, under a tenure. */
export interface Order {
  readonly job: string;
  readonly cause: RunCause;
  readonly scheduledTime?: Date | undefined;
  readonly nominalTime?: string | undefined;
  readonly input?: unknown;
  /** 1, or more when the run was started before and cut short. */
  readonly firstAttempt: number;
  readonly checkpoint: (signal: RunSignal) => Checkpoint;
  readonly progress: (fraction: number, note?: string) => void;
  /** The run is over: what it told of its progress last is written. */
  readonly over: () => void;
  /** Calls the method. */
  readonly call: (run: JobRun) => unknown;
  readonly retrying: (thrown: unknown, attempt: number, delayMs: number) => void;
  /** It takes longer than its time limit, which has struck `sinceMs` ago. */
  readonly overdue: (timeoutMs: number, sinceMs: number) => void;
}

/** How it went. */
export interface Execution {
  readonly outcome: Outcome;
  readonly reason: VerdictReason | undefined;
  readonly attempt: number;
  readonly startedMs: number;
  readonly durationMs: number;
  readonly thrown: unknown;
  readonly run: JobRun;
}

/** A run that goes on, as code that runs below it finds it. */
export interface LiveRun extends Work {
  readonly tenure: HeldTenure;
  readonly signal: RunSignal;
  readonly gate: ElectionGate;
  readonly instance: unknown;
  /** `Class.method`. */
  readonly method: string;
  /** Whether the call has reached the method: until then it may come through other decorators, and a proxy. */
  hasEntered: boolean;
}

const live = new WeakMap<JobRun, LiveRun>();

/** The run that the calling code belongs to, if it is going on. */
export function outerRun(): LiveRun | undefined {
  const current = JobRun.current();
  return current && live.get(current);
}

export interface ExecutionParts {
  readonly gate: ElectionGate;
  readonly clock: Clock;
  readonly rules: Pick<JobRules, 'timeoutMs' | 'retry'>;
  readonly instance: unknown;
  readonly method: string;
}

/** Begins a run's part in the work in progress; `end` takes it out again. */
export function beginWork(order: Pick<Order, 'job'>, tenure: HeldTenure, parts: ExecutionParts): LiveRun & { end(run: JobRun): void } {
  const { gate, clock } = parts;
  const signal = new RunSignal(tenure, (why) => new MastershipLostError(gate.election.key, tenure.token, why));
  const work = {
    what: order.job,
    startedMs: clock.nowMs(),
    abort: (reason: Error) => signal.abort(reason),
    tenure,
    signal,
    gate,
    instance: parts.instance,
    method: parts.method,
    hasEntered: false,
    end(run: JobRun): void {
      live.delete(run);
      signal.release();
      gate.inProgress.delete(work);
    },
  };
  gate.inProgress.add(work);
  return work;
}

/** The call has reached the method of the run that it belongs to. */
export function enter(): void {
  const run = outerRun();
  if (run !== undefined) run.hasEntered = true;
}

/** Makes the `JobRun` of one attempt. */
export function makeRun(order: Order, attempt: number, work: LiveRun, clock: Clock): JobRun {
  const run = new JobRun({
    job: order.job,
    election: work.gate.election.key,
    firedTime: new Date(clock.wallMs()),
    cause: order.cause,
    tenure: work.tenure,
    signal: work.signal,
    scheduledTime: order.scheduledTime,
    nominalTime: order.nominalTime,
    attempt,
    input: order.input,
    checkpoint: order.checkpoint(work.signal),
    progress: order.progress,
  });
  work.hasEntered = false;
  live.set(run, work);
  return run;
}

/**
 * Carries a run out, with its retries and its time limit. `ended` is called once, in the same turn of the event loop in which the run stops to count
 * as work in progress, just before. A method that is not async has ended when this returns; for others there is a promise, which never rejects.
 */
export function execute(
  order: Order,
  tenure: HeldTenure,
  parts: ExecutionParts,
  ended: (execution: Execution) => void,
): Promise<void> | undefined {
  const work = beginWork(order, tenure, parts);
  const startedMs = parts.clock.wallMs();
  let run = makeRun(order, order.firstAttempt, work, parts.clock);
  const finish = (result: AttemptsResult): void => {
    const durationMs = Math.round(parts.clock.nowMs() - work.startedMs);
    order.over();
    try {
      ended({ ...result, reason: reasonOf(result, work.signal), startedMs, durationMs, run });
    } finally {
      work.end(run);
    }
  };
  const result = runAttempts({
    clock: parts.clock,
    job: order.job,
    rules: parts.rules,
    signal: work.signal,
    firstAttempt: order.firstAttempt,
    once: (attempt) => {
      if (attempt !== run.attempt) {
        live.delete(run);
        run = makeRun(order, attempt, work, parts.clock);
      }
      return insideRun(run, () => order.call(run));
    },
    retrying: order.retrying,
    between: (rest) => between(rest, work),
    overdue: order.overdue,
  });
  if (result instanceof Promise) return result.then(finish);
  finish(result);
  return undefined;
}

/** Between two attempts a run is in nobody's way, and while the mastership is being given up it makes no further one. */
async function between(rest: Promise<void>, work: LiveRun): Promise<void> {
  const { gate, signal } = work;
  const goOn = gate.inProgress.rest(work);
  await rest;
  await gate.untilOpen(signal.signal);
  goOn();
}

function reasonOf(result: AttemptsResult, signal: RunSignal): VerdictReason | undefined {
  if (result.outcome !== 'interrupted') return result.reason;
  return signal.signal.reason instanceof RunAbortedError ? 'shutdown' : 'mastership lost';
}
