import { RunAbortedError } from '../../../src/zookeeper/jobs/run/errors.js';
import type { JobRun } from '../../../src/zookeeper/jobs/run/job-run.js';
import { decodeRecord } from '../../../src/zookeeper/jobs/persistence/codec/record-codec.js';
import type { JobRecord } from '../../../src/zookeeper/jobs/record/job-record.js';
import type { Elections } from '../../../src/zookeeper/mastership/election/election.js';
import type { Cluster } from '../cluster.js';
import { Judge, Violation } from '../judge.js';
import { ROOT, SERVICE, type Replica } from '../model/replica.js';
import { Application, JOB, TICK_EVERY_MS, type Witness } from './application.js';

interface Told {
  readonly hook: 'elected' | 'lost';
  readonly signal: AbortSignal | undefined;
}

/**
 * Looks at the applications of a cluster as `Judge` does at its elections: what starts, is aborted and is told,
 * at the moment when it happens. What it finds inside of a callback of the library, which must not throw, is
 * thrown by the next `look`.
 */
export class Audit implements Witness {
  private readonly applications = new Map<Replica, Application>();
  private readonly starts = new Map<number, string>();
  private readonly triggered = new Set<unknown>();
  private readonly told = new Map<Application, Told>();
  private readonly judge: Judge;
  private found: Violation | undefined;

  constructor(
    private readonly cluster: Cluster,
    private readonly seen: (elections: Elections) => Elections,
  ) {
    this.judge = new Judge(cluster, { isMaster: (replica) => replica.election.isMaster(), tokensOutliveRestore: false });
    this.look();
  }

  /** Throws a `Violation`. */
  look(): void {
    for (const replica of this.cluster.replicas) if (!this.applications.has(replica)) this.install(replica);
    this.judge.look();
    if (this.found !== undefined) throw this.found;
  }

  /** Who is master at this instant. */
  master(): Application | undefined {
    const [master] = this.judge.masters();
    return master && this.applications.get(master);
  }

  started(application: Application, run: JobRun): void {
    const { name, election } = application.replica;
    if (run.attempt > 1) return;
    application.replica.world.trace(`${name}: starts ${run.scheduledTime?.getTime() ?? String(run.input)}`);
    if (election.state().kind !== 'master') this.broken(`${name} starts a run while it is ${election.state().kind}`);
    if (run.scheduledTime === undefined) return void this.triggered.add(run.input);
    const tick = run.scheduledTime.getTime();
    const before = this.starts.get(tick);
    if (before !== undefined) this.broken(`I2: ${name} starts tick ${tick}, which ${before} has started`);
    this.starts.set(tick, name);
  }

  aborted(application: Application, reason: Error): void {
    const { name, election, stopping } = application.replica;
    if (reason instanceof RunAbortedError && election.state().kind !== 'draining' && !stopping)
      this.broken(`${name} aborts a run for a drain although it is ${election.state().kind}`);
  }

  hook(application: Application, hook: 'elected' | 'lost', signal?: AbortSignal): void {
    const { name, election, world } = application.replica;
    world.trace(`${name}: hook "${hook}"`);
    const before = this.told.get(application)?.hook ?? 'lost';
    if (before === hook) this.broken(`the hooks of ${name} hear "${hook}" twice in a row`);
    if (hook === 'elected' && election.tenure() === undefined)
      this.broken(`the hooks of ${name} hear "elected" while it is ${election.state().kind}`);
    this.told.set(application, { hook, signal });
  }

  /** Asks the master to run the job now; nobody need be there to hear. */
  trigger(id: string): void {
    const { replica, store } = this.master() ?? {};
    replica?.process.receive(() => {
      const trigger = { id, input: id, by: 'the search', atMs: replica.process.wallMs(), state: 'waiting', verdict: undefined } as const;
      store?.addTrigger(JOB, trigger).catch(() => undefined);
    });
  }

  /** When nothing was wrong for a while, the master works, and nobody else does. */
  judgeCalm(trigger: string): void {
    const master = this.master();
    if (master === undefined) throw new Violation('I6: nobody is master');
    const { name, world } = master.replica;
    if (master.electionGate.ask() === undefined)
      throw new Violation(`${name} is ${master.replica.election.state().kind}, and nothing may start there`);
    for (const [replica, application] of this.applications) this.judgeHooks(replica, application, master);
    const { cursor, running, succeededMs } = this.record();
    const dueMs = cursor?.dueMs ?? 0;
    const ensembleMs = 1_700_000_000_000 + world.nowMs;
    if (dueMs < ensembleMs - 3 * TICK_EVERY_MS)
      throw new Violation(`I5: nothing is decided about the ticks of the last ${Math.round(ensembleMs - dueMs)} ms`);
    if ((succeededMs ?? 0) < ensembleMs - 6 * TICK_EVERY_MS)
      throw new Violation(`no run has succeeded in the calm; the last one at ${succeededMs ?? 'no time'}`);
    const open = running.filter(({ startedMs }) => startedMs < ensembleMs - 6 * TICK_EVERY_MS);
    if (open.length > 0) throw new Violation(`I5: claims have no verdict: ${open.map(({ tick }) => tick?.dueMs).join(', ')}`);
    if (!this.triggered.has(trigger)) throw new Violation(`${name} has not started a trigger`);
  }

  private judgeHooks(replica: Replica, application: Application, master: Application): void {
    if (!replica.process.running) return;
    const told = this.told.get(application);
    const isElected = told?.hook === 'elected' && told.signal?.aborted === false;
    if (isElected !== (application === master))
      throw new Violation(
        `the hooks of ${replica.name}, which is ${application === master ? '' : 'not '}master, were told "${told?.hook ?? 'nothing'}" last`,
      );
  }

  private record(): JobRecord {
    const data = this.cluster.ensemble.committed.find(`${ROOT}/jobs/${SERVICE}/${JOB}`)?.data;
    const { record } = data === undefined ? { record: undefined } : decodeRecord(data);
    if (record === undefined) throw new Violation('I5: the job has no record');
    return record;
  }

  private install(replica: Replica): void {
    const application = new Application(replica, this, this.seen);
    this.applications.set(replica, application);
    application.start();
  }

  private broken(what: string): void {
    this.found ??= new Violation(what);
  }
}
