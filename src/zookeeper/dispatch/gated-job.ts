import { types } from 'node:util';
import { JobRunningError } from '../jobs/run/errors.js';
import type { JobIdentity } from '../jobs/run/job-identity.js';
import { JobRun } from '../jobs/run/job-run.js';
import type { RunEntry } from '../jobs/record/job-record.js';
import type { Finished } from '../jobs/decide/plan.js';
import { resultOf } from '../jobs/run/run-result.js';
import { parseSchedule } from '../jobs/schedule/parse.js';
import type { Schedule } from '../jobs/schedule/schedule.js';
import { endOf } from '../jobs/schedule/tick.js';
import type { HeldTenure } from '../mastership/election/held-tenure.js';
import { invariant } from '../support/invariant.js';
import { callDirectly } from '../execution/direct-call.js';
import type { ElectionGate } from '../gate/election-gate.js';
import type { DispatchParts } from './dispatch-parts.js';
import { execute, outerRun, runBehind, type Execution, type LiveRun } from '../execution/execution.js';
import type { JobLoop } from './job-loop.js';
import { refusal } from '../gate/refusal.js';
import { LocalRuns } from './long-runs.js';
import { RunSetup } from '../execution/run-setup.js';
import { RunLog } from '../execution/run-log.js';
import { errorOf, reportEnd, unclaimedVerdictOf } from '../execution/run-reports.js';

/** The method as its author wrote it. */
export type Method = (this: unknown, ...args: unknown[]) => unknown;

/** How a run of the job comes about. */
export interface Bound {
  /** The one whose schedule it is; undefined for a job that was added at run time. */
  readonly instance: unknown;
  /**
   * Calls what the schedule would call: what ScheduleModule has registered, with the wrappers of monitors. The call
   * comes to `around` and `enter`.
   */
  readonly through: (run: JobRun) => unknown;
}

/** One job of one class, behind the gate of its election. */
export class GatedJob {
  /** Decides about its ticks; undefined for a plain method, and where nothing is claimed. */
  loop: JobLoop | undefined;
  /** Aborts when the job was taken out at run time. */
  readonly removed = new AbortController();
  private bound: Bound | undefined;
  /** Scheduled runs without a claim that go on. */
  private readonly running: LocalRuns;
  /** Calls by other code that go on. */
  private called = 0;
  private queued: (() => void) | undefined;
  private readonly setup: RunSetup;
  private readonly runLog: RunLog;

  constructor(
    readonly identity: JobIdentity,
    readonly gate: ElectionGate,
    private readonly parts: DispatchParts,
  ) {
    this.runLog = new RunLog(parts, gate.election.key);
    // A job that was removed is not brought back by what its last run keeps.
    this.setup = new RunSetup(identity, gate, parts, () => !this.removed.signal.aborted);
    this.running = new LocalRuns(parts, identity);
  }

  /** Says how a run comes about. Without this nothing is claimed: there would be nobody to do the work. */
  bind(bound: Bound): void {
    this.bound = bound;
  }

  /** True when a tick, or a trigger, can be carried out here. */
  get isBound(): boolean {
    return this.bound !== undefined;
  }

  /** True when ticks are claimed: then nothing that fires on this replica starts a run. */
  get isClaimed(): boolean {
    return this.identity.rules.claim === 'tick' && this.parts.store !== undefined;
  }

  /** True while the calling code belongs to a run of this job that has not reached its method yet. */
  isUnderWay(args: readonly unknown[]): boolean {
    const outer = runBehind(args);
    return outer !== undefined && outer.method === this.identity.method && outer.passage?.isAhead === true;
  }

  /**
   * The timer of the schedule has fired. On the master: with claims it only wakes the job's loop up; else a run starts,
   * and what it throws is logged, never thrown. Elsewhere: calls nothing, and returns undefined.
   */
  fire(): unknown {
    const tenure = this.gate.ask();
    if (tenure === undefined || this.bound === undefined) return undefined;
    if (this.isClaimed) {
      this.loop?.wakeUp();
      return undefined;
    }
    return this.fireLocally(tenure, this.bound);
  }

  /**
   * Calls the method with the decorators above `@MasterOnly`, for a run on its way to it. Any other call is just made.
   */
  around(args: readonly unknown[], call: () => unknown): unknown {
    const outer = runBehind(args);
    return outer?.method === this.identity.method && outer.passage !== undefined ? outer.passage.around(call) : call();
  }

  /**
   * A call has come to the method. Of a run that is on its way here, it is the run's: `method` is called with its
   * `JobRun`, again for each attempt. Inside of a run of the same method of the same instance it is that run's own call
   * (`super.method()`), and passes as long as the run's mastership lasts. Any other is by other code: see `call`.
   */
  enter(instance: unknown, method: Method, args: unknown[]): unknown {
    const outer = this.identity.kind === undefined ? undefined : runBehind(args);
    if (outer === undefined || !this.isPartOf(outer, instance)) return this.call(instance, method, args);
    const { passage } = outer;
    const call = (run = JobRun.current()): unknown => {
      run?.assertMaster();
      return method.apply(instance, args[0] === undefined || args[0] instanceof JobRun ? [run, ...args.slice(1)] : args);
    };
    if (passage === undefined) return call();
    if (passage.isAhead) outer.instance = instance;
    return passage.enter(call);
  }

  /**
   * A call by other code. On the master: runs `method` with these arguments (a scheduled one that is called
   * without any gets its `JobRun`), and returns or throws what it does. Elsewhere: `NotMasterError`. While the
   * job runs on this replica, unless its `overlap` is `'allow'`: `JobRunningError`. Both are rejections if the
   * method is async, else thrown.
   *
   * It is a run without a claim, as of a job with `claim: 'none'`: no tick has it, listeners hear its verdict, the
   * cluster keeps only a failure. While it goes on, ticks and triggers find the job running.
   */
  call(instance: unknown, method: Method, args: unknown[]): unknown {
    const outer = outerRun();
    const isInside = outer !== undefined && outer.gate === this.gate && outer.tenure.isValid();
    const tenure = isInside ? outer.tenure : this.gate.ask();
    if (tenure === undefined) return this.refuse(method, refusal(this.identity.name, this.gate.election, this.identity.kind === undefined));
    const { overlap } = this.identity.rules;
    if (this.identity.kind !== undefined && overlap !== 'allow' && this.isRunning && outer?.method !== this.identity.method)
      return this.refuse(method, new JobRunningError(this.identity.name, overlap));
    return this.runDirectly(tenure, instance, method, args);
  }

  private runDirectly(tenure: HeldTenure, instance: unknown, method: Method, args: unknown[]): unknown {
    const isScheduled = this.identity.kind !== undefined;
    const request = this.setup.make(tenure, { cause: 'direct', firstAttempt: 1 });
    this.calls(1);
    const call = (run: JobRun): unknown => method.apply(instance, isScheduled && args[0] === undefined ? [run, ...args.slice(1)] : args);
    return callDirectly(request, tenure, this.setup.execution(instance), call, (execution) => {
      this.calls(-1);
      if (isScheduled) this.noteLocally(execution);
      this.runQueued();
    });
  }

  private calls(change: 1 | -1): void {
    this.called += change;
    this.loop?.runs.calls(this.called, this.parts.clock.wallMs());
  }

  /** Starts a run that was claimed. `ended` is called in the turn in which it no longer counts as work in progress. */
  start(entry: RunEntry, tenure: HeldTenure, schedule: Schedule | undefined, input: unknown, ended: (finished: Finished) => void): void {
    const { tick } = entry;
    const { bound } = this;
    invariant(bound !== undefined, 'a run was claimed that nobody can carry out');
    const request = this.setup.make(tenure, {
      cause: entry.cause,
      scheduledTime: tick && new Date(tick.dueMs),
      nominalTime: tick && schedule?.nominalTime(tick),
      input,
      firstAttempt: (entry.attempted ?? 0) + 1,
    });
    const logEnd = this.runLog.starts(request, tenure);
    void execute({ ...request, through: bound.through }, tenure, this.setup.execution(bound.instance), (execution) => {
      this.ended(execution);
      logEnd(execution);
      ended(this.finished(entry, execution));
    });
  }

  private isPartOf({ method, instance: own, passage }: LiveRun, instance: unknown): boolean {
    return method === this.identity.method && (own === instance || passage?.isAhead === true);
  }

  /** Whether a run, or a call by other code, goes on in this process. */
  private get isRunning(): boolean {
    return this.running.size > 0 || this.called > 0 || (this.loop?.runs.live.length ?? 0) > 0;
  }

  /** Without a claim: the local mastership is the only question, besides pause and overlap as known here. */
  private fireLocally(tenure: HeldTenure, bound: Bound): unknown {
    const { loop } = this;
    if (loop?.cache.isRead === false) {
      loop.afterRead(this, () => void this.fire());
      return undefined;
    }
    if (loop?.cache.isPaused === true) return undefined;
    const { overlap } = this.identity.rules;
    if (this.isRunning && overlap !== 'allow') {
      this.running.lookAtLong();
      if (overlap === 'queue-latest') this.queued ??= () => void this.fire();
      return undefined;
    }
    return this.runLocally(tenure, bound);
  }

  private runLocally(tenure: HeldTenure, { instance, through }: Bound): Promise<void> | undefined {
    const leave = this.running.enter(tenure.token);
    const request = this.setup.make(tenure, { cause: 'schedule', scheduledTime: this.latestTick(), firstAttempt: 1 });
    const logEnd = this.runLog.starts(request, tenure);
    return execute({ ...request, through }, tenure, this.setup.execution(instance), (execution) => {
      leave();
      this.ended(execution);
      logEnd(execution);
      this.noteLocally(execution);
    })?.then(() => this.runQueued());
  }

  private runQueued(): void {
    const { queued } = this;
    this.queued = undefined;
    queued?.();
  }

  /**
   * The tick that a fire is for, where ticks are not claimed because there is nobody to claim
   * them from (the testing kit).
   */
  private latestTick(): Date | undefined {
    const { schedule, rules } = this.identity;
    if (schedule === undefined || rules.claim === 'none') return undefined;
    const wallMs = this.parts.clock.wallMs();
    return new Date(parseSchedule(schedule).last(endOf(wallMs - rules.misfireWindowMs), wallMs)?.dueMs ?? wallMs);
  }

  private noteLocally(execution: Execution): void {
    const { outcome, startedMs, durationMs } = execution;
    const isStored = outcome !== 'ran' && this.loop !== undefined;
    const verdict = unclaimedVerdictOf(execution, this.parts.address);
    this.loop?.note(isStored ? verdict : undefined, outcome === 'ran' ? startedMs + durationMs : undefined);
    if (!isStored) this.parts.events.verdicts.tell(this.identity.name, verdict);
  }

  private ended(execution: Execution): void {
    reportEnd(this.parts.observer, this.gate.election.key, execution);
  }

  private refuse(method: Method, error: Error): unknown {
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
      result: entry.trigger !== undefined && execution.outcome === 'ran' ? resultOf(execution.value) : undefined,
    };
  }
}
