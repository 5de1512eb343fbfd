import type { JobIdentity } from '../jobs/run/job-identity.js';
import type { JobView } from '../jobs/record/job-record.js';
import { isSameSchedule } from '../jobs/schedule/schedule.js';
import { compareTicks, type Tick } from '../jobs/schedule/tick.js';
import type { Clock } from '../support/clock.js';
import type { LoopJob } from './loop-parts.js';

/** A master whose code names another schedule than the one in force asks this often whether it still is. */
const REGISTER_AGAIN_MS = 60_000;

/** Sees to it that the cluster knows of a job, and of what the code of this version says about it. */
export class Registrar {
  private doneAtMs: number | undefined;
  /** Whose code the schedule in force comes from. */
  private inForce: 'own' | 'other' | undefined;
  /** The record that it is declared in. */
  private czxid: bigint | undefined;

  constructor(
    private readonly job: LoopJob,
    private readonly clock: Clock,
  ) {}

  /**
   * At the beginning, when the record is gone, was made anew by somebody else or is an older one, and now and then
   * while the code of another version is in force: that may have been rolled back.
   */
  isDue(view: JobView | undefined, cursorSeen: Tick | undefined): boolean {
    if (this.doneAtMs === undefined) return true;
    this.czxid ??= view?.czxid;
    if (view !== undefined && (view.czxid !== this.czxid || isBehind(view, cursorSeen))) return true;
    const isOthers = this.inForce === 'other' || isSuperseded(this.job.identity, view);
    return isOthers && this.clock.monotonicMs() - this.doneAtMs > REGISTER_AGAIN_MS;
  }

  /** As `LoopJob.register`; not due again when it has succeeded. */
  async register(known: Parameters<LoopJob['register']>[0]): Promise<void> {
    this.inForce = await this.job.register(known);
    this.doneAtMs = this.clock.monotonicMs();
    this.czxid = undefined;
  }

  /** Another version may have been declared. */
  doubt(): void {
    this.inForce = 'other';
  }

  /** It is due again. */
  invalidate(): void {
    this.doneAtMs = undefined;
  }
}

/** Whether somebody has put an older record in place of one that this replica knows. */
function isBehind({ record }: JobView, cursorSeen: Tick | undefined): boolean {
  return cursorSeen !== undefined && (record.cursor === undefined || compareTicks(record.cursor, cursorSeen) < 0);
}

/** Whether another schedule than the one of this replica's code is in force, or none. */
function isSuperseded({ schedule, rules }: JobIdentity, view: JobView | undefined): boolean {
  if (view === undefined) return false;
  return !isSameSchedule(view.record.schedule, rules.claim === 'none' ? undefined : schedule);
}
