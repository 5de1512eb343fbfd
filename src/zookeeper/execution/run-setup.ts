import type { JobStore } from '../jobs/persistence/job-store.js';
import { MemoryCheckpoint, StoredCheckpoint, type Checkpoint } from '../jobs/run/checkpoint.js';
import type { JobIdentity } from '../jobs/run/job-identity.js';
import { checkProgress, Progress } from '../jobs/run/progress.js';
import type { RunSignal } from '../support/run-signal.js';
import type { HeldTenure } from '../mastership/election/held-tenure.js';
import type { Clock } from '../support/clock.js';
import type { Observer } from '../support/observer.js';
import type { ElectionGate } from '../gate/election-gate.js';
import type { ExecutionParts, RunRequest } from './execution.js';
import { reportOverdue, reportRetry } from './run-reports.js';

/** Makes what the runs of one job need: their checkpoint, their progress, and who is told of what happens to them. */
export class RunSetup {
  private readonly memory = new MemoryCheckpoint();

  constructor(
    private readonly identity: JobIdentity,
    private readonly gate: ElectionGate,
    private readonly parts: { readonly store: JobStore | undefined; readonly clock: Clock; readonly observer: Observer },
    /** Whether a node may be made for what a run keeps. */
    private readonly mayCreate: () => boolean,
  ) {}

  make(
    tenure: HeldTenure,
    given: Pick<RunRequest, 'cause' | 'scheduledTime' | 'nominalTime' | 'input' | 'firstAttempt'>,
  ): Omit<RunRequest, 'through'> {
    const { name } = this.identity;
    const { store, clock, observer } = this.parts;
    const progress = store && new Progress({ store, job: name, tenure, clock, observer, mayCreate: this.mayCreate });
    const told = { job: name, election: this.gate.election.key, token: tenure.token };
    return {
      ...given,
      job: name,
      checkpoint: (signal) => this.checkpoint(tenure, signal),
      progress: (fraction, note) => {
        if (progress === undefined) checkProgress(name, fraction, note);
        else progress.report(fraction, note);
      },
      over: () => progress?.end(),
      overdue: (timeoutMs, sinceMs) => reportOverdue(observer, { ...told, timeoutMs, sinceMs }),
      retrying: (thrown, attempt, delayMs) => reportRetry(observer, { ...told, thrown, attempt, delayMs }),
    };
  }

  execution(instance: unknown): ExecutionParts {
    const { rules, method } = this.identity;
    return { gate: this.gate, clock: this.parts.clock, rules, instance, method };
  }

  private checkpoint(tenure: HeldTenure, signal: RunSignal): Checkpoint {
    const { store, clock } = this.parts;
    const { key } = this.gate.election;
    if (store === undefined) return this.memory;
    return new StoredCheckpoint({ store, job: this.identity.name, election: key, tenure, signal, clock, mayCreate: this.mayCreate });
  }
}
