import type { JobIdentity } from '../jobs/job-identity.js';
import type { JobView } from '../jobs/record/job-record.js';
import type { Clock } from '../support/clock.js';
import type { LoopJob } from './loop-parts.js';

/** A master whose code names another schedule than the one in force asks this often whether it still is. */
const REGISTER_AGAIN_MS = 60_000;

/** Sees to it that the cluster knows of a job, and of what the code of this version says about it. */
export class Registrar {
  private doneAtMs: number | undefined;
  /** The record that it is declared in. */
  private czxid: bigint | undefined;

  constructor(
    private readonly job: LoopJob,
    private readonly clock: Clock,
  ) {}

  /**
   * At the beginning, when the record is gone or was made anew by somebody else, and now and then while another schedule is in force: its version
   * may have been rolled back.
   */
  isDue(view: JobView | undefined): boolean {
    if (this.doneAtMs === undefined) return true;
    this.czxid ??= view?.czxid;
    if (view !== undefined && view.czxid !== this.czxid) return true;
    return isSuperseded(this.job.identity, view) && this.clock.nowMs() - this.doneAtMs > REGISTER_AGAIN_MS;
  }

  /** As `LoopJob.register`; not due again when it has succeeded. */
  async register(known: Parameters<LoopJob['register']>[0]): Promise<void> {
    await this.job.register(known);
    this.doneAtMs = this.clock.nowMs();
    this.czxid = undefined;
  }

  /** It is due again. */
  forget(): void {
    this.doneAtMs = undefined;
  }
}

/** Whether another schedule than the one of this replica's code is in force, or none. */
function isSuperseded({ cron, rules }: JobIdentity, view: JobView | undefined): boolean {
  if (view === undefined) return false;
  const inForce = view.record.schedule;
  const code = rules.claim === 'none' ? undefined : cron;
  return inForce?.cronTime !== code?.cronTime || inForce?.timeZone !== code?.timeZone;
}
