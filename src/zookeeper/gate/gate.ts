import type { JobIdentity } from '../jobs/job-identity.js';
import type { Elections } from '../mastership/election.js';
import { ElectionGate, type GateParts } from './election-gate.js';
import { GatedJob } from './gated-job.js';

/** Decides for every job and hook of one application. Made once per application; two applications in one process have two. */
export class Gate {
  private readonly gates = new Map<string, ElectionGate>();
  private readonly jobs = new Map<string, GatedJob>();
  private closed = false;

  constructor(
    private readonly elections: Elections,
    private readonly parts: GateParts,
  ) {}

  /** True after `close`: nothing starts here any more. */
  get isClosed(): boolean {
    return this.closed;
  }

  /** The gate of the election with this name (undefined: the service's own), made on first use. */
  election(name: string | undefined): ElectionGate {
    const found = this.gates.get(name ?? '');
    if (found !== undefined) return found;
    const made = new ElectionGate(this.elections.election(name), this.parts);
    if (this.closed) made.close();
    this.gates.set(name ?? '', made);
    return made;
  }

  /** The gated form of a job. Instances of one class share it. */
  job(identity: JobIdentity): GatedJob {
    const key = JSON.stringify([identity.name, identity.method, identity.election, identity.schedule]);
    const found = this.jobs.get(key);
    if (found !== undefined) return found;
    const job = new GatedJob(identity, this.election(identity.election), this.parts);
    this.jobs.set(key, job);
    return job;
  }

  /** Every job made so far, with its counters. */
  list(): readonly GatedJob[] {
    return [...this.jobs.values()];
  }

  /** Tells the hooks of elections that were decided before the application had started. */
  start(): void {
    for (const gate of this.gates.values()) gate.hooks.look();
  }

  /** For good: nothing starts any more. What is in progress goes on. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    for (const gate of this.gates.values()) gate.close();
  }

  /** What is still in progress where no mastership was left to be drained (lost or in doubt) is aborted and waited for. */
  async abandon(why: string): Promise<'drained' | 'stuck'> {
    const ends = await Promise.all([...this.gates.values()].map((gate) => gate.abandon(why)));
    return ends.includes('stuck') ? 'stuck' : 'drained';
  }
}
