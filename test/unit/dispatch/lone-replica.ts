import type { RunLogging } from '../../../src/zookeeper/execution/run-log.js';
import { Dispatcher } from '../../../src/zookeeper/dispatch/dispatcher.js';
import type { GatedJob } from '../../../src/zookeeper/dispatch/gated-job.js';
import type { JobIdentity } from '../../../src/zookeeper/jobs/run/job-identity.js';
import { JobEvents } from '../../../src/zookeeper/jobs/record/job-events.js';
import { DEFAULT_RULES, type JobRules } from '../../../src/zookeeper/jobs/run/job-rules.js';
import type { JobRun } from '../../../src/zookeeper/jobs/run/job-run.js';
import type { JobRecord } from '../../../src/zookeeper/jobs/record/job-record.js';
import { viewIn, type MemberView } from '../../../src/zookeeper/jobs/persistence/job-store.js';
import { MemoryJobStore } from '../../../src/zookeeper/jobs/persistence/memory-store.js';
import type { StoredVerdict } from '../../../src/zookeeper/jobs/record/verdict.js';
import type { ScheduleSpec } from '../../../src/zookeeper/jobs/schedule/schedule.js';
import { StandaloneElections } from '../../../src/zookeeper/mastership/standalone.js';
import type { Observation } from '../../../src/zookeeper/support/observer.js';
import { deferred } from '../../support/eventually.js';
import { HandClock } from '../mastership/hand-clock.js';

export const JOB = 'payouts';
export const EVERY_SECOND: ScheduleSpec = { cronTime: '* * * * * *', timeZone: 'UTC' };
export const EVERY_HOUR: ScheduleSpec = { cronTime: '0 0 * * * *', timeZone: 'UTC' };

/** Keeps everything in memory; a test says which versions live, and what is refused. */
export class LoneStore extends MemoryJobStore {
  living: readonly string[] = ['1'];
  /** Thrown by what reads the control node, which every registration does. */
  refusal: Error | undefined;
  /** The next write is made, its answer lost, and the record moved on since. */
  loseAnswer = false;
  /** Tells who watches the control node last that it has changed, or gone. */
  controlChanged: () => void = () => undefined;
  private silent = false;
  private held: { readonly reached: () => void; readonly go: Promise<void> } | undefined;

  override loadControl(job: string): ReturnType<MemoryJobStore['loadControl']> {
    return this.refusal === undefined ? super.loadControl(job) : Promise.reject(this.refusal);
  }

  /** Nobody is told of what happens to the node of a record itself. */
  override async remove(job: string): Promise<void> {
    this.silent = true;
    await super.remove(job);
    this.silent = false;
  }

  override async saveNote(...args: Parameters<MemoryJobStore['saveNote']>): Promise<void> {
    this.silent = true;
    await super.saveNote(...args);
    this.silent = false;
  }

  override watchControl(job: string, listener: () => void): () => void {
    this.controlChanged = listener;
    return super.watchControl(job, () => {
      if (!this.silent) listener();
    });
  }

  /** The next write is made, and its answer waits. */
  holdNextWrite(): { readonly reached: Promise<void>; release(): void } {
    const [reached, go] = [deferred<void>(), deferred<void>()];
    this.held = { reached: () => reached.resolve(), go: go.promise };
    return { reached: reached.promise, release: () => go.resolve() };
  }

  override async write(...[job, change]: Parameters<MemoryJobStore['write']>): ReturnType<MemoryJobStore['write']> {
    const { held } = this;
    this.held = undefined;
    const result = await super.write(job, change);
    held?.reached();
    await held?.go;
    if (!this.loseAnswer || result.kind !== 'written') return result;
    this.loseAnswer = false;
    await super.write(job, { ...change, view: result.view, record: { ...result.view.record, succeededMs: 1 }, verdicts: [], triggers: [] });
    return { kind: 'unknown' };
  }

  override async members(): Promise<readonly MemberView[]> {
    return this.living.map((version) => ({ name: `version~${version}`, address: `${version}:1`, version, jobs: [JOB] }));
  }

  async record(): Promise<JobRecord> {
    const view = viewIn(await this.load(JOB));
    if (view === undefined) throw new Error('There is no record.');
    return view.record;
  }

  async edit(change: Partial<JobRecord>): Promise<void> {
    const view = viewIn(await this.load(JOB));
    if (view === undefined) throw new Error('There is no record.');
    await this.write(JOB, { view, record: { ...view.record, ...change }, verdicts: [], triggers: [], fence: undefined });
  }
}

export interface ReplicaOptions {
  readonly logRuns?: RunLogging;
  readonly clock?: HandClock;
  readonly store?: LoneStore;
  readonly version?: string;
  readonly schedule?: ScheduleSpec | undefined;
  readonly kind?: JobIdentity['kind'];
  readonly disabled?: boolean;
  readonly rules?: Partial<JobRules>;
  /** What the job does; by default nothing. */
  readonly work?: (run: JobRun) => unknown;
}

/** One replica that is master of everything, with one job, by a clock that moves when the test says so. */
export class LoneReplica {
  readonly clock: HandClock;
  readonly store: LoneStore;
  readonly gate: Dispatcher;
  readonly identity: JobIdentity;
  readonly runs: JobRun[] = [];
  readonly verdicts: StoredVerdict[] = [];
  readonly observed: Observation[] = [];
  job: GatedJob;
  private readonly elections: StandaloneElections;

  constructor(private readonly options: ReplicaOptions = {}) {
    const { version = '1', rules, disabled = false, kind = 'cron' } = options;
    this.clock = options.clock ?? new HandClock();
    this.store = options.store ?? new LoneStore({ clock: this.clock });
    this.elections = new StandaloneElections({ key: 'Bank:1', address: 'a:1', clock: this.clock });
    const events = new JobEvents(() => undefined);
    events.verdicts.add((_, verdict) => this.verdicts.push(verdict));
    this.gate = new Dispatcher(this.elections, {
      observer: { observe: (observation) => void this.observed.push(observation) },
      clock: this.clock,
      drainTimeoutMs: 10_000,
      maxClockSkewMs: 30_000,
      logRuns: options.logRuns ?? 'seldom',
      address: 'a:1',
      candidate: true,
      service: 'Bank',
      version,
      store: this.store,
      events,
    });
    this.identity = {
      name: JOB,
      method: 'Jobs.pay',
      election: undefined,
      kind,
      disabled,
      rules: { ...DEFAULT_RULES, ...rules },
      schedule: 'schedule' in options ? options.schedule : EVERY_SECOND,
    };
    this.job = this.add();
    this.gate.start();
    this.elections.start();
  }

  /** What `ClusterJobs.add` does. */
  add(): GatedJob {
    this.job = this.gate.add(this.identity, (run) => this.work(run as JobRun));
    return this.job;
  }

  /** A call by the schedule, for jobs without claims. */
  readonly fire = (): void => void this.job.fire();

  /** So many seconds (or other steps) pass, one at a time. */
  async pass(steps: number, stepMs = 1_000): Promise<void> {
    await settle();
    for (let step = 0; step < steps; step += 1) {
      this.clock.pass(stepMs);
      await settle();
    }
  }

  /** As at the end of a deploy. */
  async leave(): Promise<void> {
    this.gate.close();
    await this.gate.abandon('the test stops it');
  }

  private work(run: JobRun): unknown {
    this.runs.push(run);
    return this.options.work?.(run);
  }
}

/** Lets everything happen that waits for nothing but promises. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 60; turn += 1) await Promise.resolve();
}
