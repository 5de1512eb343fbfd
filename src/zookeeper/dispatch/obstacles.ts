import { ON_TIME_MS } from '../jobs/run/job-rules.js';
import type { Obstacle } from '../jobs/decide/obstacle.js';
import type { Clock } from '../support/clock.js';
import { standstillOfReplica } from '../support/standstill.js';
import type { Availability } from '../gate/availability.js';

const MAX_KEPT = 4;

/**
 * What this replica knows of why one job's ticks could not be run in time: what its election tells, and what
 * happened to this job alone.
 */
export class Obstacles {
  private readonly kept: Obstacle[] = [];
  /** Since when, or from when on, a decision is due. */
  private dueMs: number | undefined;

  /** `isMaster`: whether the replica is master at the moment; then the job has come too late for the ticks before. */
  constructor(
    private readonly clock: Clock,
    private readonly address: string,
    private readonly availability: Pick<Availability, 'obstacles'>,
    isMaster: boolean,
  ) {
    const wallMs = clock.wallMs();
    if (isMaster)
      this.keep({ sinceMs: undefined, untilMs: wallMs, why: `${address}, the master, has had this job only since ${at(wallMs)}.` });
  }

  /** Oldest first. What the election explains needs no second explanation. */
  list(): readonly Obstacle[] {
    const { obstacles } = this.availability;
    const late = this.late();
    const own = late === undefined ? this.kept : [...this.kept, late];
    return [...obstacles, ...own.filter((each) => !obstacles.some((wider) => covers(wider, each)))];
  }

  /** A decision is asked for, perhaps again because the last one failed. */
  asks(): void {
    this.dueMs ??= this.clock.wallMs();
  }

  /** It was made. `nextMs`: when the next one is due; undefined: not before somebody asks for it. */
  answered(nextMs: number | undefined): void {
    this.leave();
    this.dueMs = nextMs;
  }

  /** No decisions are asked for any more. */
  leave(): void {
    const late = this.late();
    if (late !== undefined) this.keep(late);
    this.dueMs = undefined;
  }

  /** A decision was due, and is not made: whatever kept it, that is known. */
  private late(): Obstacle | undefined {
    const { dueMs, clock, address } = this;
    const wallMs = clock.wallMs();
    if (dueMs === undefined || wallMs - dueMs <= ON_TIME_MS) return undefined;
    const why = `From ${at(dueMs)} to ${at(wallMs)} ${address}, the master, decided nothing about this job.${standstillOfReplica(clock, wallMs - dueMs, 1)}`;
    return { sinceMs: dueMs, untilMs: wallMs, why };
  }

  private keep(obstacle: Obstacle): void {
    this.kept.push(obstacle);
    if (this.kept.length > MAX_KEPT) this.kept.shift();
  }
}

function covers(wider: Obstacle, { sinceMs = -Infinity, untilMs }: Obstacle): boolean {
  return (wider.sinceMs ?? -Infinity) <= sinceMs && untilMs <= wider.untilMs;
}

function at(ms: number): string {
  return new Date(ms).toISOString();
}
