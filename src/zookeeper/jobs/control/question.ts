import type { Clock } from '../../support/clock.js';
import type { JobView } from '../record/job-record.js';
import type { JobStore, MemberView } from '../persistence/job-store.js';
import type { JobControl } from '../record/job-control.js';
import type { StoredVerdict } from '../record/verdict.js';
import type { Schedule } from '../schedule/schedule.js';

/** A job that waits for its turn in catching up. */
export interface CatchUp {
  /** How many jobs come before it. */
  readonly ahead: number;
  /** The jobs whose late runs have the places. */
  readonly behind: readonly string[];
}

/** What the answer is put together from. */
export interface WhyParts {
  readonly store: JobStore;
  readonly clock: Clock;
  readonly maxClockSkewMs: number;
  /** The jobs in the code of this replica. */
  readonly own: ReadonlySet<string>;
  /**
   * `host:port` of the master of an election; undefined when there is none; `'unknown'` where this replica cannot ask.
   */
  masterOf(election: string): Promise<string | undefined>;
  /** What a job waits for in catching up, where this replica is its master. */
  readonly catchUp?: (job: string) => CatchUp | undefined;
}

/** All that is known about one job and one instant. */
export interface Question {
  readonly job: string;
  readonly tickMs: number;
  readonly view: JobView;
  readonly control: JobControl;
  /** The schedule in force. */
  readonly schedule: Schedule;
  readonly timeZone: string;
  readonly kept: readonly StoredVerdict[];
  readonly members: readonly MemberView[];
  /** By the ensemble's clock. */
  readonly ensembleMs: number;
}
