import type { JobEvents } from '../jobs/job-events.js';
import type { JobIdentity } from '../jobs/job-identity.js';
import type { JobView, RunEntry } from '../jobs/record/job-record.js';
import type { Change, JobStore } from '../jobs/record/job-store.js';
import type { Finished, Plan } from '../jobs/record/plan.js';
import type { Schedule } from '../jobs/schedule/schedule.js';
import type { Tick } from '../jobs/tick.js';
import type { HeldTenure } from '../mastership/election.js';
import type { Clock } from '../support/clock.js';
import type { Observer } from '../support/observer.js';
import type { Absent } from './absent.js';
import type { ClockGuard } from './clock-guard.js';
import type { Pace } from './pace.js';

/** What the loops of one replica share. */
export interface LoopParts {
  readonly store: JobStore;
  readonly events: JobEvents;
  readonly observer: Observer;
  readonly clock: Clock;
  readonly clockGuard: ClockGuard;
  readonly pace: Pace;
  readonly absent: Absent;
  /** `host:port` of this replica. */
  readonly address: string;
}

/** What the loop has to do with the job itself. */
export interface LoopJob {
  readonly identity: JobIdentity;
  /**
   * Declares the job to the cluster and makes its record where it is missing; safe to repeat. `known`: what this replica knows of a record that is
   * gone, so that the new one does not fall behind it.
   */
  register(known: { readonly cursor: Tick | undefined; readonly running: readonly RunEntry[] }): Promise<void>;
  /** Starts a claimed run; `ended` is called in the same turn in which the run stops to count as work in progress. */
  start(entry: RunEntry, tenure: HeldTenure, schedule: Schedule | undefined, input: unknown, ended: (finished: Finished) => void): void;
}

/** What a plan changes, for the store. */
export function changeOf(view: JobView, plan: Plan, tenure: HeldTenure | undefined): Change {
  const { start } = plan;
  return {
    view,
    record: plan.record ?? view.record,
    verdicts: plan.verdicts,
    ground: tenure?.ground,
    triggers: [
      ...plan.verdicts.flatMap((verdict) =>
        verdict.trigger === undefined
          ? []
          : [{ id: verdict.trigger, state: verdict.outcome === 'skipped' ? ('refused' as const) : ('ended' as const), verdict }],
      ),
      ...(start?.trigger === undefined ? [] : [{ id: start.trigger, state: 'started' as const }]),
    ],
  };
}

/** A run that was claimed, and not started because the mastership was over by then. */
export const NOT_STARTED = { outcome: 'unstarted', reason: undefined, attempt: 0, durationMs: 0, error: undefined } as const;

/** Whether another schedule than the one of this replica's code is in force. */
export function isSuperseded({ cron, rules }: JobIdentity, view: JobView | undefined): boolean {
  const inForce = view?.record.schedule;
  if (inForce === undefined || cron === undefined || rules.claim === 'none') return false;
  return inForce.cronTime !== cron.cronTime || inForce.timeZone !== cron.timeZone;
}

/** In place of an input that could not be read. */
export const UNREAD = Symbol('the input of a trigger could not be read');

/** What a trigger carries; `UNREAD` when that cannot be read, so that the run does not start without it. */
export async function inputOf(store: JobStore, job: string, trigger: string): Promise<unknown> {
  try {
    return (await store.loadTrigger(job, trigger))?.input;
  } catch {
    return UNREAD;
  }
}
