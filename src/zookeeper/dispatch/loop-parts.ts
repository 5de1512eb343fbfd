import type { JobEvents } from '../jobs/record/job-events.js';
import type { JobIdentity } from '../jobs/run/job-identity.js';
import type { KnownDecisions } from '../jobs/record/changes.js';
import type { JobView, RunEntry } from '../jobs/record/job-record.js';
import type { Change, JobStore, WriteResult, TriggerStore } from '../jobs/persistence/job-store.js';
import type { Finished, Plan } from '../jobs/decide/plan.js';
import { endsBy } from '../jobs/record/trigger.state.js';
import type { Schedule } from '../jobs/schedule/schedule.js';
import type { HeldTenure } from '../mastership/election/held-tenure.js';
import { backoffMs } from '../support/backoff.js';
import type { Clock } from '../support/clock.js';
import type { Observer } from '../support/observer.js';
import type { GoneReplicas } from './gone-replicas.js';
import type { ClockGuard } from './clock-guard.js';
import type { CatchUpLimit } from './catch-up-limit.js';

const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 5_000;
/** After so many refused claims in a row the next one waits. */
const FREE_REFUSALS = 3;

/** What the loops of one replica share. */
export interface LoopParts {
  readonly store: JobStore;
  readonly events: JobEvents;
  readonly observer: Observer;
  readonly clock: Clock;
  readonly clockGuard: ClockGuard;
  readonly catchUpLimit: CatchUpLimit;
  readonly goneReplicas: GoneReplicas;
  /** `host:port` of this replica. */
  readonly address: string;
}

/** What the loop has to do with the job itself. */
export interface LoopJob {
  readonly identity: JobIdentity;
  /**
   * Declares the job to the cluster and makes its record where it is missing; safe to repeat. `known`: what this
   * replica knows of a record that is gone, so that the new one does not fall behind it. Answers whose code the
   * schedule in force comes from; `'own'` also when an operator has ordered it.
   */
  register(known: KnownDecisions): Promise<'own' | 'other' | undefined>;
  /** Starts a claimed run; `ended` is called in the same turn in which the run stops counting as work in progress. */
  start(entry: RunEntry, tenure: HeldTenure, schedule: Schedule | undefined, input: unknown, ended: (finished: Finished) => void): void;
}

/** What a plan changes, for the store. */
export function changeOf(view: JobView, plan: Plan, tenure: HeldTenure | undefined): Change {
  const { start } = plan;
  return {
    view,
    record: plan.record ?? view.record,
    verdicts: plan.verdicts,
    fence: tenure?.fence,
    triggers: [
      ...endsBy(plan.verdicts, plan.results),
      ...(start?.trigger === undefined ? [] : [{ id: start.trigger, state: 'started' as const }]),
    ],
  };
}

/** How long a loop waits when something failed, `failures` times in a row before. */
export function retryDelayMs(failures: number): number {
  return backoffMs(failures, FIRST_RETRY_MS, MAX_RETRY_MS);
}

/** How long it waits after a write that was not made; undefined: it decides anew at once. */
export function pauseAfter({ kind }: WriteResult, refusals: number): number | undefined {
  // The reattachment, or the next tenure, wakes it up; the pause is for the case that neither comes.
  if (kind === 'unsent') return MAX_RETRY_MS;
  return refusals > FREE_REFUSALS ? retryDelayMs(refusals - FREE_REFUSALS) : undefined;
}

/** A run that was claimed, and not started because the mastership was over by then. */
export const NOT_STARTED = { outcome: 'unstarted', reason: undefined, attempt: 0, durationMs: 0, error: undefined } as const;

/** In place of an input that could not be read. */
export const UNREAD = Symbol('the input of a trigger could not be read');
/** In place of the input of a trigger whose node was deleted, or written over by hand. */
export const GONE = Symbol('the trigger is gone');

/** What a trigger carries; `UNREAD` or `GONE` when that cannot be read, so that the run does not start without it. */
export async function inputOf(store: TriggerStore, job: string, trigger: string): Promise<unknown> {
  try {
    const node = await store.loadTrigger(job, trigger);
    return node === undefined ? GONE : node.input;
  } catch {
    return UNREAD;
  }
}
