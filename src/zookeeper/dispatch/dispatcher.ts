import type { JobIdentity } from '../jobs/run/job-identity.js';
import type { CatchUp } from '../jobs/control/question.js';
import type { Elections } from '../mastership/election/election.js';
import type { Waiting } from '../session/connected.js';
import { GoneReplicas } from './gone-replicas.js';
import { ClockGuard } from './clock-guard.js';
import { Declarations } from './declarations.js';
import { Declarer } from './declarer.js';
import { ElectionGate } from '../gate/election-gate.js';
import type { DispatchParts } from './dispatch-parts.js';
import { GatedJob, type Bound, type Method } from './gated-job.js';
import { JobLoop } from './job-loop.js';
import type { LoopParts } from './loop-parts.js';
import { OwnRuns } from './own-runs.js';
import { CatchUpLimit } from './catch-up-limit.js';
import { UncoveredJobs } from './uncovered-jobs.js';

const NOTHING_KNOWN = { cursor: undefined, running: [] } as const;

/**
 * Decides for every job and hook of one application. Made once per application; two applications
 * in one process have two.
 */
export class Dispatcher {
  private readonly gates = new Map<string, ElectionGate>();
  private readonly jobs = new Map<string, GatedJob>();
  /** The same jobs by their name, which a plain method may share. */
  private readonly named = new Map<string, Set<GatedJob>>();
  /** Of jobs that were taken out, and whose runs go on. */
  private readonly retired = new Map<JobLoop, string>();
  /**
   * The runs of this process, by the name of their job: a job that is added again goes on with those of the one before.
   */
  private readonly runs = new Map<string, OwnRuns>();
  private readonly declarer: Declarer;
  private readonly declarations: Declarations;
  private readonly uncovered: UncoveredJobs | undefined;
  private readonly loopParts: LoopParts | undefined;
  private readonly closing = new AbortController();
  private started = false;

  /**
   * What the schedule of an added job would call, given what calls its function: with whatever
   * monitors wrap around that.
   */
  wrapAdded: (identity: JobIdentity, method: Method) => Method = (_, method) => method;

  constructor(
    private readonly elections: Elections,
    private readonly parts: DispatchParts,
  ) {
    const { store, observer, clock, maxClockSkewMs } = parts;
    const isShared = store !== undefined && elections.claims.kind === 'ensemble';
    this.uncovered = isShared ? new UncoveredJobs({ store, clock, observer, jobs: () => this.list() }) : undefined;
    this.declarer = new Declarer(parts, (job) => this.declarations.made(job));
    this.declarations = new Declarations(elections, parts, (job) => this.declarer.declare(job, NOTHING_KNOWN));
    this.loopParts = store && {
      ...parts,
      store,
      clockGuard: new ClockGuard(clock, observer, maxClockSkewMs),
      catchUpLimit: new CatchUpLimit(clock),
      goneReplicas: new GoneReplicas(store, clock),
    };
  }

  /** The time zone of schedules that name none; undefined: that of the process. */
  get timeZone(): string | undefined {
    return this.parts.timeZone;
  }

  /** True after `close`: nothing starts here any more. */
  get isClosed(): boolean {
    return this.closing.signal.aborted;
  }

  /** The gate of the election with this name (undefined: the service's own), made on first use. */
  election(name: string | undefined): ElectionGate {
    const found = this.gates.get(name ?? '');
    if (found !== undefined) return found;
    const made = new ElectionGate(this.elections.election(name), this.parts);
    if (this.uncovered !== undefined) made.election.onChange(this.uncovered.soon);
    if (this.isClosed) made.close();
    this.gates.set(name ?? '', made);
    return made;
  }

  /**
   * The gated form of a job. Instances of one class share it. `bound`: how its runs come about,
   * where that is known already.
   */
  job(identity: JobIdentity, bound?: Bound): GatedJob {
    const key = keyOf(identity);
    const found = this.jobs.get(key);
    if (found !== undefined) return found;
    const job = new GatedJob(identity, this.election(identity.election), this.parts);
    if (bound !== undefined) job.bind(bound);
    this.jobs.set(key, job);
    const namesakes = this.named.get(identity.name);
    if (namesakes === undefined) this.named.set(identity.name, new Set([job]));
    else namesakes.add(job);
    if (this.started) this.takeUp([job]);
    return job;
  }

  /** A job that is made at run time, and calls `method` for each run. */
  add(identity: JobIdentity, method: Method): GatedJob {
    let registered: Method | undefined;
    const call: Method = (run) => job.around([run], () => job.enter(undefined, method, [run]));
    // Not before it runs: monitors are in their places once the application has started.
    const through: Bound['through'] = (run) => (registered ??= this.wrapAdded(identity, call))(run);
    const job: GatedJob = this.job(identity, { instance: undefined, through });
    return job;
  }

  /**
   * The job of an instance that boot has not found: the one of its class where there is one, else only the
   * gate, without a schedule.
   */
  jobOfStray(identity: JobIdentity): GatedJob {
    return this.jobs.get(keyOf(identity)) ?? this.job({ ...identity, kind: undefined });
  }

  /** Every job made so far, with its counters. */
  list(): readonly GatedJob[] {
    return [...this.jobs.values()];
  }

  /** Whether this application has a job of that name. */
  has(name: string): boolean {
    return this.named.has(name);
  }

  /**
   * Resolves when the cluster knows the job of that name, which is about to be declared by this replica; without a
   * name, all of them. At once for any other, and where nothing is declared. Resolves as well when the wait is over.
   * @throws the signal's reason.
   */
  declared(name: string | undefined, waiting: Waiting): Promise<void> {
    return this.declarations.known(() => (name === undefined ? undefined : [...(this.named.get(name) ?? [])]), waiting);
  }

  /** What a job waits for in catching up; undefined: for nothing, or on another replica. */
  catchUp(job: string): CatchUp | undefined {
    return this.loopParts?.catchUpLimit.waitOf(job);
  }

  /**
   * Stops deciding about a job that was added at run time. What is in progress goes on, and gets its verdict. Resolves
   * when nothing else that was under way for it can write any more.
   */
  async remove(identity: JobIdentity): Promise<void> {
    const key = keyOf(identity);
    const job = this.jobs.get(key);
    if (job === undefined) return;
    this.jobs.delete(key);
    const namesakes = this.named.get(identity.name);
    namesakes?.delete(job);
    if (namesakes?.size === 0) this.named.delete(identity.name);
    job.removed.abort();
    const declared = this.declarations.remove(job);
    this.uncovered?.remove(identity.name);
    const { loop } = job;
    if (loop === undefined) return;
    loop.onClosed = () => this.dismiss(loop);
    this.retired.set(loop, identity.name);
    await Promise.all([loop.retire(), declared]);
  }

  /**
   * Tells the hooks of elections that were decided before the application had started, and
   * begins to decide about ticks.
   */
  start(): void {
    this.started = true;
    for (const gate of this.gates.values()) gate.hooks.look();
    this.takeUp([...this.jobs.values()]);
  }

  /** For good: nothing starts any more. What is in progress goes on. */
  close(): void {
    if (this.isClosed) return;
    this.closing.abort();
    this.declarations.close();
    this.uncovered?.close();
    for (const gate of this.gates.values()) gate.close();
  }

  /**
   * What is still in progress where no mastership was left to be drained (lost or in doubt) is aborted and waited for.
   */
  async abandon(why: string): Promise<'drained' | 'stuck'> {
    const ends = await Promise.all([...this.gates.values()].map((gate) => gate.abandon(why)));
    for (const { loop } of this.jobs.values()) loop?.close();
    for (const loop of this.retired.keys()) loop.close();
    return ends.includes('stuck') ? 'stuck' : 'drained';
  }

  /** Gives the scheduled ones among these jobs their loops, and declares them to the cluster, a few at a time. */
  private takeUp(jobs: readonly GatedJob[]): void {
    const { loopParts } = this;
    if (loopParts === undefined || this.isClosed) return;
    const scheduled = jobs.filter((job) => job.identity.kind !== undefined && job.isBound && job.loop === undefined);
    this.declarations.expect(scheduled);
    for (const job of scheduled) job.loop = this.loopOf(job, loopParts);
    if (this.elections.claims.kind === 'process') for (const job of scheduled) job.loop?.wakeUp();
    else this.declarations.begin(scheduled);
    if (scheduled.length > 0) this.uncovered?.soon();
  }

  private loopOf(job: GatedJob, loopParts: LoopParts): JobLoop {
    const loop = new JobLoop(
      {
        identity: job.identity,
        register: (known) => this.declarer.declare(job, known),
        start: (entry, tenure, schedule, input, ended) => job.start(entry, tenure, schedule, input, ended),
      },
      job.gate,
      loopParts,
      this.runsOf(job.identity.name),
    );
    loop.wakeUp();
    return loop;
  }

  /** A loop that was taken out before hands over to the new one. */
  private runsOf(name: string): OwnRuns {
    for (const [loop, of] of this.retired) if (of === name) loop.close();
    const runs = this.runs.get(name) ?? new OwnRuns();
    this.runs.set(name, runs);
    return runs;
  }

  private dismiss(loop: JobLoop): void {
    const name = this.retired.get(loop);
    this.retired.delete(loop);
    if (name !== undefined && !this.has(name)) this.runs.delete(name);
  }
}

function keyOf(identity: JobIdentity): string {
  return JSON.stringify([identity.name, identity.method, identity.election, identity.kind]);
}
