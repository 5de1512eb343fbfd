import { hasJob } from '../jobs/control/members.js';
import type { MemberDirectory } from '../jobs/persistence/job-store.js';
import type { Clock, Timer } from '../support/clock.js';
import type { Observer } from '../support/observer.js';
import type { GatedJob } from './gated-job.js';

/** Replicas that start together add their jobs within this time, and tell of them. */
const SETTLED_MS = 10_000;
/** How many names one line has. */
const MAX_NAMES = 10;

export interface UncoveredJobsParts {
  readonly store: Pick<MemberDirectory, 'members'>;
  readonly clock: Clock;
  readonly observer: Observer;
  /** The jobs of this replica. */
  readonly jobs: () => readonly GatedJob[];
}

/**
 * Warns, once for each master, of jobs that this replica has and the present master does not: nothing runs them until a
 * replica that has them is master. So it is when `ClusterJobs.add` was called on some replicas only, and with
 * `electionScope: 'service'` for jobs that are new in a version whose replicas are not master yet.
 */
export class UncoveredJobs {
  private timer: Timer | undefined;
  private readonly told = new Map<string, string>();

  constructor(private readonly parts: UncoveredJobsParts) {}

  /** Something has changed: looks when it has settled. */
  readonly soon = (): void => {
    this.timer ??= this.parts.clock.after(SETTLED_MS, () => void this.lookNow(), { keepAlive: false });
  };

  /** This job was taken out. */
  remove(job: string): void {
    this.told.delete(job);
  }

  close(): void {
    this.timer?.cancel();
  }

  private async lookNow(): Promise<void> {
    this.timer = undefined;
    try {
      await this.look();
    } catch {
      // ZooKeeper could not be asked.
      this.soon();
    }
  }

  private async look(): Promise<void> {
    const waiting = new Map<string, string[]>();
    for (const { identity, gate } of this.parts.jobs()) {
      const state = gate.election.state();
      if (identity.kind === undefined || identity.disabled || state.kind !== 'standby') continue;
      const names = waiting.get(state.master);
      if (names === undefined) waiting.set(state.master, [identity.name]);
      else names.push(identity.name);
    }
    if (waiting.size === 0) return;
    const members = (await this.parts.store.members()).filter(({ name }) => !name.startsWith('observer~'));
    for (const [address, names] of waiting) {
      // Replicas may share an address.
      const there = members.filter((member) => member.address === address);
      const [master] = there;
      if (master === undefined) continue;
      const lacking = names.filter((job) => this.told.get(job) !== master.name && !there.some((member) => hasJob(member, job)));
      for (const job of lacking) this.told.set(job, master.name);
      if (lacking.length > 0) this.tell(lacking, address, master.version);
    }
  }

  private tell(jobs: readonly string[], address: string, version: string): void {
    const named = jobs.slice(0, MAX_NAMES).map((job) => `"${job}"`);
    const more = jobs.length > MAX_NAMES ? ` and ${jobs.length - MAX_NAMES} more` : '';
    this.parts.observer.observe({
      level: 'warn',
      event: 'job.not-on-master',
      message:
        `The master, ${address} (version ${version}), does not have ${jobs.length === 1 ? 'job' : 'jobs'} ${named.join(', ')}${more}: nothing runs ` +
        'until a replica that has them is master. Call ClusterJobs.add on every replica, at each start; or finish the deploy.',
      fields: { count: jobs.length, master: address, job: jobs.length === 1 ? jobs[0] : undefined },
    });
  }
}
