import { Dispatcher } from '../../../src/zookeeper/dispatch/dispatcher.js';
import type { ElectionGate } from '../../../src/zookeeper/gate/election-gate.js';
import type { JobIdentity } from '../../../src/zookeeper/jobs/run/job-identity.js';
import { JobEvents } from '../../../src/zookeeper/jobs/record/job-events.js';
import { DEFAULT_RULES } from '../../../src/zookeeper/jobs/run/job-rules.js';
import type { JobRun } from '../../../src/zookeeper/jobs/run/job-run.js';
import { ZookeeperJobStore } from '../../../src/zookeeper/jobs/persistence/zookeeper-store.js';
import type { Elections } from '../../../src/zookeeper/mastership/election/election.js';
import { ROOT, SERVICE, VERSION, type Replica } from '../model/replica.js';

export const JOB = 'payouts';
/** A tick is due this often. */
export const TICK_EVERY_MS = 2_000;
/** Less than a replica of the model takes to stop. */
export const DRAIN_TIMEOUT_MS = 1_500;

/** What happens in an application, for whoever judges it. */
export interface Witness {
  /** The method was called. */
  started(application: Application, run: JobRun): void;
  /** The signal of a run has aborted. */
  aborted(application: Application, reason: Error): void;
  hook(application: Application, which: 'elected' | 'lost', signal?: AbortSignal): void;
}

const identity: JobIdentity = {
  name: JOB,
  method: 'Jobs.pay',
  election: undefined,
  kind: 'added',
  disabled: false,
  rules: { ...DEFAULT_RULES, misfire: 'run-all', overlap: 'allow', retry: { attempts: 2, backoffMs: 800 } },
  schedule: { cronTime: `*/${TICK_EVERY_MS / 1_000} * * * * *`, timeZone: 'UTC' },
};

/** The library's own gate, hooks and job loops over one replica of the model, as an application has them. */
export class Application {
  readonly store: ZookeeperJobStore;
  readonly gate: Dispatcher;

  constructor(
    readonly replica: Replica,
    private readonly witness: Witness,
    /** Puts something between the gate and the elections. */
    seen: (elections: Elections) => Elections,
  ) {
    const { process, sessions, elections, world, options } = replica;
    const observer = {
      observe: ({ level, message }: { readonly level: string; readonly message: string }): void => {
        if (level !== 'debug') world.trace(`${replica.name}: ${message}`);
      },
    };
    this.store = new ZookeeperJobStore({ sessions, rootPath: ROOT, service: SERVICE, clock: process, observer });
    this.gate = new Dispatcher(seen(elections), {
      ...{ observer, clock: process, drainTimeoutMs: DRAIN_TIMEOUT_MS, maxClockSkewMs: 30_000, address: options.address },
      ...{ candidate: true, service: SERVICE, version: VERSION, store: this.store, events: new JobEvents(() => undefined) },
      logRuns: 'seldom',
    });
    this.electionGate.hooks.add({
      elected: [{ what: 'Jobs.start', run: (signal) => witness.hook(this, 'elected', signal) }],
      lost: [{ what: 'Jobs.stop', run: () => witness.hook(this, 'lost') }],
    });
    this.gate.add(identity, (run) => this.work(run as JobRun));
    const stop = elections.stop.bind(elections);
    // As the library's lifecycle does it.
    elections.stop = async (limitMs) => {
      this.gate.close();
      const end = await stop(limitMs);
      return end === 'stuck' ? end : (await this.gate.abandon('shutdown')) === 'stuck' ? 'stuck' : end;
    };
  }

  get electionGate(): ElectionGate {
    return this.gate.election(undefined);
  }

  start(): void {
    this.replica.process.receive(() => this.gate.start());
  }

  /** Most runs are short, some outlast a drain; some fail at first, and a few ignore their abort. */
  private async work(run: JobRun): Promise<void> {
    this.witness.started(this, run);
    const { choices } = this.replica.world;
    const kind = choices.fraction();
    const forMs = kind < 0.5 ? choices.between(0, 200) : choices.between(500, choices.calm ? 1_500 : 5_000);
    const isDeaf = kind > 0.95 && !choices.calm;
    const fails = run.attempt === 1 && choices.chance(0.2);
    await new Promise<void>((resolve, reject) => {
      const timer = this.replica.process.after(forMs, () => (fails ? reject(new Error('no luck')) : resolve()));
      run.signal.addEventListener('abort', () => {
        const reason = run.signal.reason as Error;
        this.witness.aborted(this, reason);
        if (isDeaf) return;
        timer.cancel();
        reject(reason);
      });
    });
  }
}
