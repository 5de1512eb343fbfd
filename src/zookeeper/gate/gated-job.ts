import { types } from 'node:util';
import type { JobIdentity } from '../jobs/job-identity.js';
import { insideRun, JobRun, type RunCause } from '../jobs/job-run.js';
import { RunSignal } from '../jobs/run-signal.js';
import type { HeldTenure } from '../mastership/election.js';
import { MastershipLostError } from '../mastership/errors.js';
import { messageOf } from '../support/errors.js';
import type { Observation } from '../support/observer.js';
import type { ElectionGate, GateParts } from './election-gate.js';
import type { Work } from './in-progress.js';
import { endedByAbort, isThenable, stackOf } from './outcome.js';
import { refusal } from './refusal.js';

/** What a job has done on this replica since boot. Only grows. */
export interface JobCounts {
  /** Runs started, by the schedule or directly. */
  started: number;
  /** Runs that threw for another reason than their abort. */
  failed: number;
  /** Scheduled calls that did not start because this replica was not master. */
  skipped: number;
  /** Direct calls refused with `NotMasterError`. */
  refused: number;
}

/** The method as its author wrote it. */
export type Method = (this: unknown, ...args: unknown[]) => unknown;

interface Live extends Work {
  readonly tenure: HeldTenure;
  readonly signal: RunSignal;
  readonly gate: ElectionGate;
  readonly instance: unknown;
  /** `Class.method`. */
  readonly method: string;
}

/** The runs that are going on, so that what they call may still start while their mastership drains. */
const live = new WeakMap<JobRun, Live>();

/** The run that the calling code belongs to, if it is going on. */
function outerRun(): Live | undefined {
  const current = JobRun.current();
  return current && live.get(current);
}

/** One job of one instance, behind the gate of its election. */
export class GatedJob {
  readonly counts: JobCounts = { started: 0, failed: 0, skipped: 0, refused: 0 };

  constructor(
    readonly identity: JobIdentity,
    readonly gate: ElectionGate,
    private readonly parts: Pick<GateParts, 'observer' | 'clock'>,
  ) {}

  /**
   * A call by the schedule. On the master: runs `method` with a `JobRun`; what it throws is logged, never thrown. Elsewhere: counts, and
   * returns undefined. Inside a run of the same method of the same instance it is that run's own `super.method()`, and passes as long as the run's
   * mastership lasts.
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
    const run = this.begin(tenure, 'direct', instance);
    const passed = this.identity.schedule !== undefined && args[0] === undefined ? [run, ...args.slice(1)] : args;
    try {
      const result = insideRun(run, () => method.apply(instance, passed));
      if (!isThenable(result)) {
        this.end(run);
        return result;
      }
      return Promise.resolve(result).then(
        (value) => (this.end(run), value),
        (thrown: unknown) => {
          this.end(run, thrown);
          throw thrown;
        },
      );
    } catch (thrown) {
      this.end(run, thrown);
      throw thrown;
    }
  }

  private fireOrPass(tenure: HeldTenure | undefined, instance: unknown, method: Method, args: unknown[]): unknown {
    const outer = outerRun();
    if (outer !== undefined && outer.instance === instance && outer.method === this.identity.method) {
      JobRun.current()?.assertMaster();
      return method.apply(instance, args);
    }
    if (tenure !== undefined) return this.fireOnMaster(tenure, instance, method);
    this.counts.skipped += 1;
    return undefined;
  }

  private fireOnMaster(tenure: HeldTenure, instance: unknown, method: Method): unknown {
    const run = this.begin(tenure, 'schedule', instance);
    const failed = (thrown: unknown): void => {
      this.report(run, thrown);
      this.end(run, thrown);
    };
    try {
      const result = insideRun(run, () => method.call(instance, run));
      if (isThenable(result)) return Promise.resolve(result).then(() => this.end(run), failed);
      this.end(run);
    } catch (thrown) {
      failed(thrown);
    }
    return undefined;
  }

  private refuse(method: Method): unknown {
    this.counts.refused += 1;
    const error = refusal(this.identity.name, this.gate.election);
    if (types.isAsyncFunction(method)) return Promise.reject(error);
    throw error;
  }

  private begin(tenure: HeldTenure, cause: RunCause, instance: unknown): JobRun {
    const { name } = this.identity;
    const election = this.gate.election.key;
    const signal = new RunSignal(tenure, (why) => new MastershipLostError(election, tenure.token, why));
    const run = new JobRun({ job: name, election, firedTime: new Date(this.parts.clock.wallMs()), cause, tenure, signal });
    const work: Live = {
      what: name,
      startedMs: this.parts.clock.nowMs(),
      abort: (reason) => signal.abort(reason),
      tenure,
      signal,
      gate: this.gate,
      instance,
      method: this.identity.method,
    };
    live.set(run, work);
    this.gate.inProgress.add(work);
    this.counts.started += 1;
    return run;
  }

  private end(run: JobRun, thrown?: unknown): void {
    const work = live.get(run);
    if (work === undefined) return;
    live.delete(run);
    if (thrown !== undefined && !endedByAbort(thrown, run.signal)) this.counts.failed += 1;
    work.signal.release();
    this.gate.inProgress.delete(work);
  }

  private report(run: JobRun, thrown: unknown): void {
    if (endedByAbort(thrown, run.signal)) {
      this.tell('warn', 'run.aborted', `The run of "${run.job}" stopped on its abort: ${messageOf(run.signal.reason)}`, run);
    } else {
      const message = `The run of "${run.job}" failed: ${messageOf(thrown)}. The schedule goes on.`;
      this.tell('error', 'run.failed', message, run, { stack: stackOf(thrown) });
    }
  }

  private tell(level: 'warn' | 'error', event: string, message: string, run: JobRun, more: Observation['fields'] = {}): void {
    const fields = { job: run.job, election: this.gate.election.key, token: run.fencingToken.toString(), cause: run.cause };
    this.parts.observer.observe({ level, event, message, fields: { ...fields, ...more } });
  }
}
