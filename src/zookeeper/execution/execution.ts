import { AsyncResource } from 'node:async_hooks';
import { NotCalledError, RunAbortedError } from '../jobs/run/errors.js';
import { insideRun, JobRun } from '../jobs/run/job-run.js';
import type { Checkpoint } from '../jobs/run/checkpoint.js';
import type { JobRules } from '../jobs/run/job-rules.js';
import type { RunCause } from '../jobs/run/run-cause.js';
import type { Outcome, VerdictReason } from '../jobs/record/verdict.js';
import { RunSignal } from '../support/run-signal.js';
import type { HeldTenure } from '../mastership/election/held-tenure.js';
import { MastershipLostError } from '../mastership/election/errors.js';
import type { Clock } from '../support/clock.js';
import { Limit, runAttempts, type AttemptsResult } from './attempts.js';
import type { ElectionGate } from '../gate/election-gate.js';
import type { Work } from '../gate/in-progress.js';
import { isPromise, settle } from '../gate/outcome.js';
import { Passage, type Attempted, type Call, type Passed } from './passage.js';

/** A run that is to be carried out now, under a tenure. */
export interface RunRequest {
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
  /** Calls what is wrapped around the method, from the outside; the call comes to the `passage` of the run. */
  readonly through: (run: JobRun) => unknown;
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
  /** What the method has returned, in its last attempt, when that was done. */
  readonly value: unknown;
  readonly run: JobRun;
}

/** A run that goes on, as code that runs below it finds it. */
export interface LiveRun extends Work {
  readonly tenure: HeldTenure;
  readonly signal: RunSignal;
  readonly gate: ElectionGate;
  /** Whose method it is; until the call has reached it this may be a proxy of it. */
  instance: unknown;
  /** `Class.method`. */
  readonly method: string;
  /** Undefined for a call by other code: it is in the method from its beginning. */
  passage: Passage | undefined;
}

/**
 * Where runs start: outside of everything. What makes a replica start a run (a command from a request, the end of
 * another run, a timer that one of them has left) must not lend its async context to the run: a monitor would count it
 * as a part of a request that is long over, and `JobRun.current()` would be of another job.
 */
const outside = new AsyncResource('nestjs-cluster-cron');

const live = new WeakMap<JobRun, LiveRun>();

/** The run that the calling code belongs to, if it is going on. */
export function outerRun(): LiveRun | undefined {
  const current = JobRun.current();
  return current && live.get(current);
}

/**
 * The run that a call with these arguments belongs to: also where a wrapper has lost the async context, but
 * passes its arguments on.
 */
export function runBehind(args: readonly unknown[]): LiveRun | undefined {
  return (args[0] instanceof JobRun ? live.get(args[0]) : undefined) ?? outerRun();
}

export interface ExecutionParts {
  readonly gate: ElectionGate;
  readonly clock: Clock;
  readonly rules: Pick<JobRules, 'timeoutMs' | 'retry'>;
  readonly instance: unknown;
  readonly method: string;
}

/** A run that its starter ends. */
interface RunningWork extends LiveRun {
  /** Those of its attempts: what wraps the run goes on with the first one. */
  readonly runs: JobRun[];
  end(): void;
}

/** Begins a run's part in the work in progress; `end` takes it out again. */
export function beginWork(request: Pick<RunRequest, 'job'>, tenure: HeldTenure, parts: ExecutionParts): RunningWork {
  const { gate, clock } = parts;
  const runs: JobRun[] = [];
  const signal = new RunSignal(tenure, (why) => new MastershipLostError(gate.election.key, tenure.token, why));
  const work: RunningWork = {
    what: request.job,
    runs,
    startedMs: clock.monotonicMs(),
    abort: (reason: Error) => signal.abort(reason),
    tenure,
    signal,
    gate,
    instance: parts.instance,
    method: parts.method,
    passage: undefined,
    end(): void {
      for (const run of runs) live.delete(run);
      signal.release();
      gate.inProgress.delete(work);
    },
  };
  gate.inProgress.add(work);
  return work;
}

/** Makes the `JobRun` of one attempt. */
export function makeRun(request: Omit<RunRequest, 'through'>, attempt: number, work: RunningWork, clock: Clock): JobRun {
  const run = new JobRun({
    job: request.job,
    election: work.gate.election.key,
    firedTime: new Date(clock.wallMs()),
    cause: request.cause,
    tenure: work.tenure,
    signal: work.signal,
    scheduledTime: request.scheduledTime,
    nominalTime: request.nominalTime,
    attempt,
    input: request.input,
    checkpoint: request.checkpoint(work.signal),
    progress: request.progress,
  });
  work.runs.push(run);
  live.set(run, work);
  return run;
}

/**
 * Carries a run out, with its retries and its time limit, through everything that is wrapped around it. `ended` is
 * called once, in the same turn of the event loop in which the run stops counting as work in progress, just before. A
 * method that is not async has ended when this returns; for others there is a promise, which never rejects.
 */
export function execute(
  request: RunRequest,
  tenure: HeldTenure,
  parts: ExecutionParts,
  ended: (execution: Execution) => void,
): Promise<void> | undefined {
  return outside.runInAsyncScope(() => executeHere(request, tenure, parts, ended));
}

function executeHere(
  request: RunRequest,
  tenure: HeldTenure,
  parts: ExecutionParts,
  ended: (execution: Execution) => void,
): Promise<void> | undefined {
  const work = beginWork(request, tenure, parts);
  const { signal } = work;
  const startedMs = parts.clock.wallMs();
  const limit = new Limit({ ...parts, job: request.job, signal, overdue: request.overdue });
  const first = makeRun(request, request.firstAttempt, work, parts.clock);
  let run = first;
  let over: (() => void) | undefined;
  let isOver = false;
  const finish = (passed: Passed, attempted: Attempted | undefined): void => {
    limit.cancel();
    const result = resultOf(request, passed, attempted?.result, limit, signal);
    const durationMs = Math.round(parts.clock.monotonicMs() - work.startedMs);
    request.over();
    try {
      ended({ ...result, reason: reasonOf(result, signal), startedMs, durationMs, value: attempted?.value, run });
    } finally {
      work.end();
      isOver = true;
      over?.();
    }
  };
  const attempts = (call: Call): Attempted | Promise<Attempted> => {
    let value: unknown;
    const result = runAttempts(
      {
        ...request,
        clock: parts.clock,
        rules: parts.rules,
        signal,
        between: (rest) => between(rest, work),
        once: (attempt) => {
          if (attempt !== run.attempt) run = makeRun(request, attempt, work, parts.clock);
          const returned = insideRun(run, () => settle(call(run), signal.signal));
          return isPromise(returned) ? returned.then((settled) => (value = settled)) : (value = returned);
        },
      },
      limit,
    );
    return result instanceof Promise ? result.then((each) => ({ result: each, value })) : { result, value };
  };
  // The end of the run is handled outside of the run, too: what it leads to belongs to no run.
  work.passage = new Passage({ signal: signal.signal, attempts, ended: (...how) => outside.runInAsyncScope(() => finish(...how)) });
  const { passage } = work;
  insideRun(first, () => passage.start(() => request.through(first)));
  return isOver ? undefined : new Promise((resolve) => (over = resolve));
}

/**
 * How the run has ended. The method decides, and what is above it can only make it worse: a transaction that cannot be
 * committed fails the run; a decorator that swallows what the method throws does not make it a success.
 */
function resultOf(
  { job, firstAttempt }: RunRequest,
  passed: Passed,
  reached: AttemptsResult | undefined,
  limit: Limit,
  { signal }: RunSignal,
): AttemptsResult {
  const thrown = passed.kind === 'threw' ? passed.thrown : undefined;
  const attempt = reached?.attempt ?? firstAttempt;
  if (limit.hasStruck) return { outcome: 'failed', reason: 'timeout', attempt, thrown: reached?.thrown ?? thrown };
  const cut = signal.aborted ? 'interrupted' : 'failed';
  if (reached === undefined)
    return { outcome: cut, reason: undefined, attempt, thrown: passed.kind === 'threw' ? thrown : new NotCalledError(job) };
  return reached.outcome === 'ran' && passed.kind === 'threw' ? { outcome: cut, reason: undefined, attempt, thrown } : reached;
}

/**
 * Between two attempts a run is in nobody's way, and while the mastership is being given up it makes no further one.
 */
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
