import { types } from 'node:util';
import { MemoryCheckpoint, StoredCheckpoint, type Checkpoint } from '../jobs/checkpoint.js';
import type { JobIdentity } from '../jobs/job-identity.js';
import { insideRun, JobRun } from '../jobs/job-run.js';
import { checkProgress, Progress } from '../jobs/progress.js';
import type { RunEntry } from '../jobs/record/job-record.js';
import type { Finished } from '../jobs/record/plan.js';
import type { RunSignal } from '../jobs/run-signal.js';
import { parseSchedule } from '../jobs/schedule/parse.js';
import type { Schedule } from '../jobs/schedule/schedule.js';
import { endOf } from '../jobs/tick.js';
import type { HeldTenure } from '../mastership/election.js';
import type { ElectionGate, GateParts } from './election-gate.js';
import { beginWork, enter, execute, makeRun, outerRun, type Execution, type ExecutionParts, type Order } from './execution.js';
import type { JobLoop } from './job-loop.js';
import { endedByAbort, isThenable } from './outcome.js';
import { refusal } from './refusal.js';
import { errorOf, reportEnd, reportOverdue, reportRetry, verdictOf } from './run-reports.js';

/** What a job has done on this replica since boot. Only grows. */
export interface JobCounts {
  /** Runs started, by the schedule, a trigger or directly. */
  started: number;
  /** Runs that threw for another reason than their abort, or took too long. */
  failed: number;
  /** Scheduled calls that did not start because this replica was not master. */
  skipped: number;
  /** Scheduled calls of a job without claims that did not start because it was running still, or was paused. */
  held: number;
  /** Direct calls refused with `NotMasterError`. */
  refused: number;
}

/** The method as its author wrote it. */
export type Method = (this: unknown, ...args: unknown[]) => unknown;

/** The instance whose schedule fires, and the function that ScheduleModule calls on it: with the wrappers of other decorators. */
interface Bound {
  readonly instance: unknown;
  readonly reached: Method;
}

/** One job of one class, behind the gate of its election. */
export class GatedJob {
  readonly counts: JobCounts = { started: 0, failed: 0, skipped: 0, held: 0, refused: 0 };
  /** Decides about its ticks; undefined for a plain method, and where nothing is claimed. */
  loop: JobLoop | undefined;
  /** Aborts when the job was taken out at run time. */
  readonly forgotten = new AbortController();
  /** What was last told about its schedule in force. */
  toldNote: string | undefined;
  private bound: Bound | undefined;
  /** Scheduled runs without a claim that go on. */
  private running = 0;
  private queued: (() => void) | undefined;
  private readonly memory = new MemoryCheckpoint();

  constructor(
    readonly identity: JobIdentity,
    readonly gate: ElectionGate,
    private readonly parts: GateParts,
  ) {}

  /** Says on which instance a claimed tick or a trigger runs, and through which function. */
  bind(instance: unknown, reached: Method): void {
    this.bound = { instance, reached };
  }

  /**
   * A call by the schedule. On the master: with claims only a reason to look which ticks are due; else runs `method` with a `JobRun`, and
   * what it throws is logged, never thrown. Elsewhere: counts, and returns undefined. Inside a run of the same method of the same instance it is
   * that run's own call (its outer decorators, or `super.method()`), and passes as long as the run's mastership lasts.
   */
  fire(instance: unknown, method: Method, args: unknown[]): unknown {
    const tenure = this.gate.ask();
    if (tenure === undefined && this.gate.inProgress.isEmpty) {
      this.counts.skipped += 1;
      return undefined;
    }
    return this.fireOrPass(tenure, instance, method, args);
  }

  /**
   * A call by other code. On the master: runs `method` with these arguments (a scheduled one that is called without any gets its
   * `JobRun`), and returns or throws what it does. Elsewhere: `NotMasterError`, rejected if the method is async, else thrown.
   */
  call(instance: unknown, method: Method, args: unknown[]): unknown {
    const outer = outerRun();
    const isInside = outer !== undefined && outer.gate === this.gate && outer.tenure.isValid();
    const tenure = isInside ? outer.tenure : this.gate.ask();
    if (tenure === undefined) return this.refuse(method);
    const order = this.order(tenure, { cause: 'direct', firstAttempt: 1, call: () => undefined });
    const work = beginWork(order, tenure, this.execution(instance));
    const run = makeRun(order, 1, work, this.parts.clock);
    this.counts.started += 1;
    const end = (thrown?: unknown): void => {
      if (thrown !== undefined && !endedByAbort(thrown, run.signal)) this.counts.failed += 1;
      work.end(run);
    };
    const passed = this.identity.schedule !== undefined && args[0] === undefined ? [run, ...args.slice(1)] : args;
    try {
      const result = insideRun(run, () => (enter(), method.apply(instance, passed)));
      if (!isThenable(result)) {
        end();
        return result;
      }
      return Promise.resolve(result).then(
        (value) => (end(), value),
        (thrown: unknown) => {
          end(thrown);
          throw thrown;
        },
      );
    } catch (thrown) {
      end(thrown);
      throw thrown;
    }
  }

  /** Starts a run that was claimed. `ended` is called in the turn in which it stops to count as work in progress. */
  start(entry: RunEntry, tenure: HeldTenure, schedule: Schedule | undefined, input: unknown, ended: (finished: Finished) => void): void {
    const { tick } = entry;
    const { instance, reached } = this.bound ?? { instance: undefined, reached: () => undefined };
    const order = this.order(tenure, {
      cause: entry.cause,
      scheduledTime: tick && new Date(tick.dueMs),
      nominalTime: tick && schedule?.nominalTime(tick),
      input,
      firstAttempt: Math.max(1, entry.starts),
      call: (run) => reached.call(instance, run),
    });
    this.counts.started += 1;
    void execute(order, tenure, this.execution(instance), (execution) => {
      this.ended(execution);
      ended(this.finished(entry, execution));
    });
  }

  private fireOrPass(tenure: HeldTenure | undefined, instance: unknown, method: Method, args: unknown[]): unknown {
    const outer = outerRun();
    if (outer !== undefined && outer.method === this.identity.method && (outer.instance === instance || !outer.hasEntered)) {
      outer.hasEntered = true;
      const run = JobRun.current();
      run?.assertMaster();
      return method.apply(instance, args[0] === undefined ? [run, ...args.slice(1)] : args);
    }
    if (tenure === undefined || this.gate.ask() === undefined) {
      this.counts.skipped += 1;
      return undefined;
    }
    if (this.loop !== undefined && this.identity.rules.claim === 'tick') {
      this.loop.look();
      return undefined;
    }
    return this.fireLocally(tenure, instance, method);
  }

  /** Without a claim: the local mastership is the only question, besides pause and overlap as known here. */
  private fireLocally(tenure: HeldTenure, instance: unknown, method: Method): unknown {
    const { loop } = this;
    if (loop?.cache.isRead === false) {
      loop.afterRead(instance, () => void this.fire(instance, method, []));
      return undefined;
    }
    if (loop?.cache.isPaused === true) {
      this.counts.held += 1;
      return undefined;
    }
    const { overlap } = this.identity.rules;
    if (this.running > 0 && overlap !== 'allow') {
      if (overlap === 'queue-latest' && this.queued === undefined) this.queued = () => void this.fire(instance, method, []);
      else this.counts.held += 1;
      return undefined;
    }
    return this.runLocally(tenure, instance, method);
  }

  private runLocally(tenure: HeldTenure, instance: unknown, method: Method): Promise<void> | undefined {
    this.running += 1;
    this.counts.started += 1;
    const order = this.order(tenure, {
      cause: 'schedule',
      scheduledTime: this.latestTick(),
      firstAttempt: 1,
      call: (run) => (enter(), method.call(instance, run)),
    });
    return execute(order, tenure, this.execution(instance), (execution) => {
      this.running -= 1;
      this.ended(execution);
      this.noteLocally(execution);
    })?.then(() => {
      const { queued } = this;
      this.queued = undefined;
      queued?.();
    });
  }

  /** The tick that a fire is for, where ticks are not claimed because there is nobody to claim them from (the testing kit). */
  private latestTick(): Date | undefined {
    const { cron, rules } = this.identity;
    if (cron === undefined || rules.claim === 'none') return undefined;
    const nowMs = this.parts.clock.wallMs();
    return new Date(parseSchedule(cron).last(endOf(nowMs - rules.misfireWindowMs), nowMs)?.dueMs ?? nowMs);
  }

  private noteLocally(execution: Execution): void {
    const { outcome, startedMs, durationMs } = execution;
    const isStored = outcome !== 'ran' && this.loop !== undefined;
    const verdict = verdictOf(execution, this.parts.address);
    this.loop?.note(isStored ? verdict : undefined, outcome === 'ran' ? startedMs + durationMs : undefined);
    if (!isStored) this.parts.events.verdicts.tell(this.identity.name, verdict);
  }

  private ended(execution: Execution): void {
    const { outcome, thrown, run } = execution;
    if (outcome === 'failed' || (outcome === 'interrupted' && !endedByAbort(thrown, run.signal))) this.counts.failed += 1;
    reportEnd(this.parts.observer, this.gate.election.key, execution);
  }

  private order(
    tenure: HeldTenure,
    given: Pick<Order, 'cause' | 'scheduledTime' | 'nominalTime' | 'input' | 'firstAttempt' | 'call'>,
  ): Order {
    const { name } = this.identity;
    const { store, clock, observer } = this.parts;
    const progress = store && new Progress({ store, job: name, tenure, clock, observer, mayCreate: () => this.mayCreate });
    return {
      ...given,
      job: name,
      checkpoint: (signal) => this.checkpoint(tenure, signal),
      progress: (fraction, note) => {
        if (progress === undefined) checkProgress(name, fraction, note);
        else progress.report(fraction, note);
      },
      over: () => progress?.end(),
      overdue: (timeoutMs, sinceMs) => {
        reportOverdue(this.parts.observer, { job: name, election: this.gate.election.key, token: tenure.token, timeoutMs, sinceMs });
      },
      retrying: (thrown, attempt, delayMs) => {
        reportRetry(this.parts.observer, { job: name, election: this.gate.election.key, token: tenure.token, thrown, attempt, delayMs });
      },
    };
  }

  private checkpoint(tenure: HeldTenure, signal: RunSignal): Checkpoint {
    const { store, clock } = this.parts;
    const { name } = this.identity;
    return store === undefined
      ? this.memory
      : new StoredCheckpoint({
          store,
          job: name,
          election: this.gate.election.key,
          tenure,
          signal,
          clock,
          mayCreate: () => this.mayCreate,
        });
  }

  private execution(instance: unknown): ExecutionParts {
    const { rules, method } = this.identity;
    return { gate: this.gate, clock: this.parts.clock, rules, instance, method };
  }

  /** A job that was removed is not brought back by what its last run keeps. */
  private get mayCreate(): boolean {
    return !this.forgotten.signal.aborted;
  }

  private refuse(method: Method): unknown {
    this.counts.refused += 1;
    const error = refusal(this.identity.name, this.gate.election);
    if (types.isAsyncFunction(method)) return Promise.reject(error);
    throw error;
  }

  /** A run that was cut short and may be run again keeps its claim, free for the next master. */
  private finished(entry: RunEntry, execution: Execution): Finished {
    const { onInterrupted } = this.identity.rules;
    const isRerun = execution.outcome === 'interrupted' && onInterrupted !== 'report' && entry.starts <= onInterrupted.rerun;
    return {
      claim: entry.claim,
      outcome: isRerun ? 'released' : execution.outcome,
      reason: execution.reason,
      attempt: execution.attempt,
      durationMs: execution.durationMs,
      endedMs: execution.startedMs + execution.durationMs,
      error: errorOf(execution),
    };
  }
}
