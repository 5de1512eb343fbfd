import { Inject, Injectable } from '@nestjs/common';
import { Observable } from 'rxjs';
import type { Dispatcher } from '../dispatch/dispatcher.js';
import { JobExistsError } from '../jobs/control/errors.js';
import { history, type JobChange } from '../jobs/control/history.js';
import { list, type JobStatus } from '../jobs/control/list.js';
import { watchAlarms, watchJobs, type MonitorParts } from '../jobs/control/monitor.js';
import { checkArguments } from '../jobs/control/command-check.js';
import type { MonitorOptions, OrderOptions, VerdictsOptions, WaitOptions } from '../jobs/control/command-options.js';
import { pause, resume } from '../jobs/control/pause.js';
import { removeRecord } from '../jobs/control/remove.js';
import { reschedule, type NewSchedule } from '../jobs/control/reschedule.js';
import { resetClaim } from '../jobs/control/reset.js';
import { tellOrder } from '../jobs/control/history-words.js';
import { trigger, type Triggered, type TriggerOptions } from '../jobs/control/trigger.js';
import { jobVerdictOf, verdicts, type JobVerdict } from '../jobs/control/verdicts.js';
import { why } from '../jobs/control/why.js';
import type { JobEvents, SilenceAlarm } from '../jobs/record/job-events.js';
import type { JobIdentity } from '../jobs/run/job-identity.js';
import type { JobRun } from '../jobs/run/job-run.js';
import type { JobStore } from '../jobs/persistence/job-store.js';
import type { Elections } from '../mastership/election/election.js';
import { unlessAborted } from '../support/abort.js';
import { systemClock } from '../support/clock.js';
import type { Observer } from '../support/observer.js';
import { addedJob, type AddedJobOptions } from './added-job.js';
import { Announcer } from './announcer.js';
import { Requests } from './requests.js';
import { ELECTIONS, GATE, JOB_EVENTS, JOB_STORE, OBSERVER, SETTINGS } from '../decorators/inject.js';

/** Of `ZookeeperSettings`, what commands need. */
interface Settings {
  readonly address: string;
  readonly version: string;
  readonly maxClockSkewMs: number;
}

const DEFAULT_EVERY_MS = 5_000;

/**
 * The jobs of the service: what the cluster has decided about them, and commands to all of its replicas. Every method
 * works on every replica, also with `candidate: false`, and also when no master is there; commands are kept in
 * ZooKeeper, survive restarts and deploys, and are noted with who gave them and when (`history`). The replica that was
 * asked logs each command that has changed something (`job.ordered`).
 *
 * Arguments are looked at before anything is sent: what a method cannot take, also an option that it does not
 * know, is a `BadOrderError` that lists every problem. Methods that answer a promise reject with it;
 * `alarms$` and `jobs$` throw it.
 *
 * While there is no session with ZooKeeper the methods that answer a promise wait for one, for up to `timeoutMs`; so
 * they may be called as soon as the application has started (`ready` waits for that alone). Do not await them in a
 * lifecycle hook: the session is begun after the last of these.
 *
 * A method rejects with `UnknownJobError` for a name that no replica has ever declared, with `UnreadableJobError` when
 * the job's record is damaged, and as ZooKeeper does while it cannot be reached. Under `ZookeeperTestingModule`, where
 * nothing is kept, everything but `verdicts$`, `add` and `ready` throws `NoJobStoreError`.
 */
@Injectable()
export class ClusterJobs {
  /**
   * The verdicts that this replica decides, as they are written; those of other replicas are in `verdicts`.
   * Ticks that a clock that is off keeps this replica from deciding are told as `skipped (clock)`, and stay due.
   * Never errs, never completes.
   */
  readonly verdicts$: Observable<JobVerdict>;
  private readonly added = new Map<string, JobIdentity>();
  private readonly announcer: Announcer;
  private readonly requests: Requests;

  constructor(
    @Inject(JOB_STORE) store: JobStore | undefined,
    @Inject(JOB_EVENTS) events: JobEvents,
    @Inject(SETTINGS) private readonly settings: Settings,
    @Inject(GATE) private readonly gate: Dispatcher,
    @Inject(ELECTIONS) private readonly elections: Elections,
    @Inject(OBSERVER) private readonly observer: Observer,
  ) {
    this.requests = new Requests(store, gate, settings.address, observer);
    this.announcer = new Announcer(systemClock, () => elections.setJobs([...this.own()]));
    this.verdicts$ = new Observable((subscriber) =>
      events.verdicts.add((job, verdict) => subscriber.next(jobVerdictOf(job, verdict, undefined))),
    );
  }

  /**
   * Resolves when this replica has a session with ZooKeeper and the cluster knows the jobs of its code, so that
   * commands are carried out and questions answered without a wait. `timeoutMs` is 30 000 by default. Says nothing
   * about who is master. With `standalone`, and under the testing kit: at once.
   * @throws `ZK_NOT_CONNECTED` when there is no session in time. The reason of `signal`.
   */
  async ready(options?: WaitOptions): Promise<void> {
    checkArguments('ready', { options });
    return this.requests.ready(options);
  }

  /**
   * Every job that the cluster knows, by name, also orphaned and damaged ones. Reads two to four nodes for each.
   * @throws {NotConnectedError} when there is no session in time; nothing was asked. {ZooKeeperError} when it is lost
   * meanwhile. The reason of `signal`.
   */
  async list(options?: WaitOptions): Promise<JobStatus[]> {
    checkArguments('list', { options });
    return this.requests.ask('list', options, (store) => list(store, this.own(), (election) => this.masterOf(election)));
  }

  /**
   * Asks the master of a job for a run, also while the job is paused. Resolves when the run was started, with
   * `wait: 'done'` when it has ended; a run that fails is an answer, too: its verdict. What one that ran has returned
   * is the `result` (JSON, at most 64 KiB). `timeoutMs`: 1 to 86 400 000 (a day); the wait for ZooKeeper counts.
   * @throws `ZK_NOT_CONNECTED` when ZooKeeper could not be reached in that time: it was not even asked for.
   * @throws {TriggerNotAcceptedError} when no master started it within `timeoutMs` (30 000), or `signal` aborted
   * before: it will not run.
   * @throws {TriggerRefusedError} when the job was running, with `overlap: 'skip'`: it will not run.
   * @throws {TooManyTriggersError} {BadTriggerError} {TriggerInputError} when it was not even asked for.
   * @throws {TriggerUncertainError} when ZooKeeper could not be reached to take it back: it may still run.
   * @throws {TriggerLostError} when the job was removed meanwhile, or its record was edited or made anew and does not
   * name the trigger any more.
   */
  async trigger(job: string, options?: TriggerOptions): Promise<Triggered> {
    checkArguments('trigger', { job, options });
    return trigger(this.requests.partsFor('trigger'), job, options);
  }

  /**
   * Keeps a job from starting by its schedule until `resume`; what runs goes on, and triggers still run. Ticks that
   * fall due get the verdict skipped (paused). False: it was paused already, and nothing was changed. Safe to repeat.
   * @throws {UnknownJobError} {UnreadableJobError}. {NotConnectedError} and {OrderNotSentError} when nothing was sent
   * in time. {JobContendedError} when the record has moved each time. {ZooKeeperError} and the reason of `signal`: it
   * may have been carried out.
   */
  async pause(job: string, options?: OrderOptions): Promise<boolean> {
    checkArguments('pause', { job, options });
    return this.requests.command('pause', job, options, (parts) => pause(parts, job, options?.by));
  }

  /**
   * Ends a pause. Nothing is made up for. False: the job was not paused. Safe to repeat.
   * @throws as `pause`.
   */
  async resume(job: string, options?: OrderOptions): Promise<boolean> {
    checkArguments('resume', { job, options });
    return this.requests.command('resume', job, options, (parts) => resume(parts, job, options?.by));
  }

  /**
   * Puts another schedule in force on every replica, whatever the code of any version says, until the next command.
   * `null`: that of the code again. Ticks count from now; what was due before and undecided is missed. False:
   * nothing had to be changed.
   * @throws {BadScheduleError} for an expression or a time zone that cannot be used, and for an instant in the
   * past. Nothing was changed.
   * @throws {NoSlotsError} for `@Interval`, `@Timeout` and `claim: 'none'`.
   * @throws {NoCodeScheduleError} for `null`, when no known version has a schedule for the job.
   */
  async reschedule(job: string, schedule: NewSchedule | null, options?: OrderOptions): Promise<boolean> {
    checkArguments('reschedule', { job, schedule, options });
    return this.requests.command('reschedule', job, options, (parts) => reschedule(parts, job, schedule, options?.by));
  }

  /**
   * What became of the latest ticks and triggers, in the whole cluster, oldest first: at most 100 kept ones, and the
   * present pause as one entry at the end; or the newest `limit` of these.
   * @throws {UnknownJobError} {UnreadableJobError}, and as `list`.
   */
  async verdicts(job: string, options?: VerdictsOptions): Promise<JobVerdict[]> {
    checkArguments('verdicts', { job, options });
    return this.requests.ask('verdicts', options, (store) => verdicts(store, job, options?.limit), job);
  }

  /**
   * Why the job did, or did not, run at this instant (or: will not), in words for a person. There is an answer also for
   * unknown jobs and odd instants.
   *
   * `tick`: a Date; milliseconds since 1970, as a number or as text; or ISO 8601. Where the text names no zone
   * (`2026-11-21T02:00`, `2026-11-21`) it is the time of day in the zone of the job's schedule; one that comes twice
   * there, at the end of summer time, is the first of both.
   * @throws {NotConnectedError} when there is no session in time; nothing was asked. {ZooKeeperError} when it is lost
   * meanwhile. The reason of `signal`.
   */
  async why(job: string, tick: Date | string | number, options?: WaitOptions): Promise<string> {
    checkArguments('why', { job, tick, options });
    const { maxClockSkewMs } = this.settings;
    const masterOf = (election: string): Promise<string | undefined> => this.masterOf(election);
    const catchUp = (name: string): ReturnType<Dispatcher['catchUp']> => this.gate.catchUp(name);
    return this.requests.ask(
      'why',
      options,
      (store) => why({ store, clock: systemClock, maxClockSkewMs, own: this.own(), masterOf, catchUp }, job, tick),
      job,
    );
  }

  /**
   * Who has changed the job by `pause`, `resume`, `reschedule` and `resetClaim`, when, and to what, and which
   * deploys have put another schedule in force; the newest 50. With them the newest 50 triggers that are kept, and
   * who asked for them. Oldest first.
   * @throws {UnknownJobError} {UnreadableJobError}, and as `list`.
   */
  async history(job: string, options?: WaitOptions): Promise<JobChange[]> {
    checkArguments('history', { job, options });
    return this.requests.ask('history', options, (store) => history(store, job), job);
  }

  /**
   * Repair: forgets what the job is said to run, what is due and which triggers wait; all of it gets a verdict with the
   * reason `reset`. A damaged record is made anew, with the schedule of the code, and still paused if it was. What
   * really runs is not stopped, and may be overlapped: look first.
   * @throws as `pause`, but never for a record that cannot be read.
   */
  async resetClaim(job: string, options?: OrderOptions): Promise<void> {
    checkArguments('resetClaim', { job, options });
    return this.requests.command('resetClaim', job, options, (parts) => resetClaim(parts, job, options?.by));
  }

  /**
   * Alarms about all jobs of the service, on any replica: a job has not succeeded for longer than its `maxSilenceMs`,
   * once when that begins, once when it is over. Looks for itself, and only while subscribed. A look that fails is
   * repeated; never errs, never completes.
   */
  alarms$(options?: MonitorOptions): Observable<SilenceAlarm> {
    const parts = this.monitorParts('alarms$', options);
    return new Observable((subscriber) => watchAlarms(parts, (alarm) => subscriber.next(alarm)));
  }

  /**
   * What `list` answers, at once and at each change. Reads while subscribed, again on failure; never errs or completes.
   */
  jobs$(options?: MonitorOptions): Observable<readonly JobStatus[]> {
    const parts = this.monitorParts('jobs$', options);
    return new Observable((subscriber) =>
      watchJobs(
        parts,
        () => ({ own: this.own(), masterOf: (election) => this.masterOf(election) }),
        (jobs) => subscriber.next(jobs),
      ),
    );
  }

  /**
   * Adds a job to this replica while it runs, with the options of `@MasterOnly`. Add it on every replica that may run
   * it, at each start: the cluster keeps its record, not its code. Safe to call before the application has started.
   * Under `ZookeeperTestingModule` it is listed and never fires.
   * @throws {JobExistsError} when this application has a job of that name.
   * @throws {JobSetupError} that lists what is wrong with the options.
   * @throws {BadScheduleError} for an expression or a time zone that cannot be used.
   */
  add(options: AddedJobOptions, run: (run: JobRun) => unknown): void {
    const identity = addedJob(options, run, this.gate.timeZone);
    const { name } = identity;
    if (this.gate.has(name)) throw new JobExistsError(name);
    this.gate.add(identity, (given) => run(given as JobRun));
    this.added.set(name, identity);
    void this.announcer.changed();
  }

  /**
   * Takes a job out that `add` has made on this replica; what runs goes on. Its record, with verdicts and
   * checkpoint, goes when no other living replica has the job; so on the last replica that calls this, or
   * for an orphaned job on any.
   * @throws {JobInUseError} for a job that is in the code of living replicas, or that was added on others and not
   * here: remove it there, too.
   */
  async remove(name: string, options?: WaitOptions): Promise<void> {
    checkArguments('remove', { job: name, options });
    this.requests.storeFor('remove');
    const { address, version } = this.settings;
    options?.signal?.throwIfAborted();
    const identity = this.added.get(name);
    if (identity !== undefined) {
      this.added.delete(name);
      // What is under way must not bring the record back, and whoever removes it next must not find the job here.
      await unlessAborted(Promise.all([this.gate.remove(identity), this.announcer.changed()]), options?.signal);
    }
    const isAdded = identity !== undefined;
    const removed = await this.requests.ask('remove', options, (store) =>
      removeRecord(store, name, { isAdded, isOwn: this.own().has(name), address, version }),
    );
    tellOrder(this.observer, name, removed ? 'removed' : 'taken out of this replica', address);
  }

  private monitorParts(method: 'alarms$' | 'jobs$', options?: MonitorOptions): MonitorParts {
    checkArguments(method, { options });
    return { store: this.requests.storeFor(method), clock: systemClock, everyMs: options?.everyMs ?? DEFAULT_EVERY_MS };
  }

  /** The scheduled jobs of this replica. */
  private own(): ReadonlySet<string> {
    return new Set(this.gate.list().flatMap(({ identity }) => (identity.kind === undefined ? [] : [identity.name])));
  }

  /** Only of elections that this replica takes part in: naming another would make it take part. */
  private async masterOf(key: string): Promise<string | undefined> {
    const known = [this.elections.election(), ...this.gate.list().map((job) => job.gate.election)];
    const election = known.find((each) => each.key === key);
    if (election === undefined) return 'unknown';
    return election.master().then(
      (master) => master?.address,
      () => 'unknown',
    );
  }
}
