import type { GateParts } from '../gate/election-gate.js';
import type { RunLogging } from '../execution/run-log.js';
import type { JobStore } from '../jobs/persistence/job-store.js';
import type { JobEvents } from '../jobs/record/job-events.js';

/** What one application brings along, for all of its jobs. */
export interface DispatchParts extends GateParts {
  /** Which runs' starts and successes are logged at LOG. */
  readonly logRuns: RunLogging;
  /** A replica whose clock is further off the ensemble's decides about no tick. */
  readonly maxClockSkewMs: number;
  /** False: never becomes master, and declares no jobs. */
  readonly candidate: boolean;
  readonly service: string;
  readonly version: string;
  /** Of schedules that name no time zone; undefined: that of the process. */
  readonly timeZone?: string | undefined;
  /** Where ticks are claimed; undefined: nowhere, every fire on the master runs. */
  readonly store: JobStore | undefined;
  readonly events: JobEvents;
}
