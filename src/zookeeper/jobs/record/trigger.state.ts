import { unreachable } from '../../support/invariant.js';
import { isUnstarted, type JobRecord, type JobView } from './job-record.js';
import type { RunResult } from '../run/run-result.js';
import type { StoredVerdict } from './verdict.js';

/** What was asked for with a trigger. */
interface Request {
  readonly id: string;
  readonly input: unknown;
  /** Who asked, and which replica. */
  readonly by: string;
  readonly atMs: number;
}

/** It waits for its start, or has been started; nobody knows yet how it ends. */
interface Open {
  readonly state: 'waiting' | 'started';
  readonly verdict?: undefined;
}

/** Its run has ended; or it was refused, and has not run and will not unless it is asked for anew. */
interface Over {
  readonly state: 'ended' | 'refused';
  readonly verdict: StoredVerdict;
}

export type TriggerState = Open | Over;

/**
 * A trigger, from the request to its end, as its node says. Whether that still holds the record
 * decides (`isForgotten`).
 */
export type TriggerNode = Request & TriggerState;

/** What becomes of a trigger; written together with a change of the record. */
export type TriggerChange = { readonly id: string } & (
  | { readonly state: 'waiting'; readonly asked: Pick<Request, 'by' | 'atMs'> }
  | { readonly state: 'started' }
  /** `result`: what its run has returned, kept as long as its node. */
  | (Over & { readonly result?: RunResult | undefined })
);

/** The trigger after a change: asked for anew, started (perhaps once more), ended or refused. */
export function next({ id, input, by, atMs }: TriggerNode, change: TriggerChange): TriggerNode {
  switch (change.state) {
    case 'waiting':
      return { id, input, by: change.asked.by, atMs: change.asked.atMs, state: 'waiting' };
    case 'started':
      return { id, input, by, atMs, state: 'started' };
    case 'ended':
    case 'refused':
      return { id, input, by, atMs, state: change.state, verdict: change.verdict };
    default:
      return unreachable(change);
  }
}

/** How a verdict ends a trigger: what was skipped has not run, and is refused. */
export function endBy(id: string, verdict: StoredVerdict, result?: RunResult): TriggerChange {
  return { id, state: verdict.outcome === 'skipped' ? 'refused' : 'ended', verdict, result };
}

/** For each of these verdicts that is about a trigger, how it ends that. */
export function endsBy(verdicts: readonly StoredVerdict[], results?: ReadonlyMap<string, RunResult>): TriggerChange[] {
  return verdicts.flatMap((verdict) =>
    verdict.trigger === undefined ? [] : [endBy(verdict.trigger, verdict, results?.get(verdict.trigger))],
  );
}

export function isOpen({ state }: Pick<TriggerNode, 'state'>): boolean {
  return state === 'waiting' || state === 'started';
}

/** A trigger and the record of its job, both as they were at one instant. */
export interface TriggerAndRecord {
  readonly view: JobView;
  readonly trigger: TriggerNode;
}

/**
 * Whether nothing will ever change this trigger any more: by its node it waits or runs, but the record, which decides
 * about that, does not name it. So it is when somebody has edited the record, or put an older one in its place. Both
 * must be as they were at one instant (`JobStore.loadStanding`).
 */
export function isForgotten({ triggers, running }: JobRecord, trigger: Pick<TriggerNode, 'id' | 'state'>): boolean {
  return isOpen(trigger) && !triggers.includes(trigger.id) && !running.some((run) => run.trigger === trigger.id);
}

/**
 * Whether a master has claimed it and given the claim back before the run began, as when its mastership ended
 * meanwhile: its node says that it was started, but it waits for another start.
 */
export function isGivenBack({ running }: JobRecord, { id }: Pick<TriggerNode, 'id'>): boolean {
  return running.some((run) => run.trigger === id && isUnstarted(run));
}

/** Whether it has not run, and will not unless it is asked for anew: it was refused, or forgotten before its start. */
export function hasNotRun(record: JobRecord, trigger: Pick<TriggerNode, 'id' | 'state'>): boolean {
  return trigger.state === 'refused' || (trigger.state === 'waiting' && isForgotten(record, trigger));
}

/**
 * What must be kept of a trigger whose node has to make room. Everything: it is not over. Its answer, without the
 * input: it has run, or may have. Nothing: it has not run and may be asked for anew, or cannot be read.
 */
export function toKeepOf(record: JobRecord, trigger: TriggerNode | undefined): 'everything' | 'answer' | 'nothing' {
  if (trigger === undefined || hasNotRun(record, trigger)) return 'nothing';
  return trigger.state === 'ended' || isForgotten(record, trigger) ? 'answer' : 'everything';
}
