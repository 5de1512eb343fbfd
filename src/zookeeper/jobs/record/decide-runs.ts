import type { JobRules } from '../job-rules.js';
import type { Draft, Office } from './draft.js';
import type { RunEntry } from './job-record.js';
import type { Finished } from './plan.js';

/**
 * Writes down what became of runs of this process. No mastership is needed: the record still names the claim, so nobody else has decided about it. A
 * claim that the record does not name any more, or names as given back, was decided about by somebody else; what happened here is then too late to count.
 */
export function settle(draft: Draft): void {
  for (const finished of draft.situation.finished) {
    const entry = draft.record.running.find(({ claim, member }) => claim === finished.claim && member !== '');
    if (entry !== undefined) settleOne(draft, entry, finished);
    else if (finished.outcome !== 'unstarted') draft.dropped.push(finished.claim);
  }
}

function settleOne(draft: Draft, entry: RunEntry, finished: Finished): void {
  const { outcome, reason, attempt, durationMs, endedMs, error } = finished;
  switch (outcome) {
    case 'released':
      return draft.free(entry, { cause: 'rerun', starts: entry.starts });
    case 'unstarted':
      return draft.free(entry, { cause: entry.cause, starts: Math.max(0, entry.starts - 1) });
    default:
      draft.end(entry, { outcome, reason, attempt, durationMs, error, by: draft.situation.address });
      if (outcome === 'ran') draft.update({ succeededMs: Math.max(draft.record.succeededMs ?? 0, Math.round(endedMs)) });
  }
}

/**
 * Decides about runs that nobody carries on: of replicas that are gone, those that were given back, and those that this replica is said to run but
 * does not know. A run that goes on in this process is never among them, whatever the record or the list of members say.
 */
export function takeOver(draft: Draft, office: Office): void {
  const { live, gone } = draft.situation;
  for (const entry of draft.record.running) {
    if (live.has(entry.claim) || entry === draft.start) continue;
    if (entry.member === '') takeFree(draft, entry, office);
    else if (gone.has(entry.member)) takeInterrupted(draft, entry, office, 'replica gone');
    else if (entry.member === office.member) takeInterrupted(draft, entry, office, 'mastership lost');
  }
}

function takeFree(draft: Draft, entry: RunEntry, office: Office): void {
  if (entry.cause === 'rerun') return takeInterrupted(draft, entry, office, 'mastership lost');
  // It was never started, and the job was paused and resumed since: nothing is made up for from before.
  if (entry.tick !== undefined && entry.tick.dueMs <= (draft.record.resumedMs ?? -Infinity))
    return draft.end(entry, { outcome: 'missed', reason: 'late', by: draft.situation.address, attempt: undefined, startedMs: undefined });
  if (mayGoOn(draft, entry)) draft.reclaim(entry, office, entry.cause);
}

function takeInterrupted(draft: Draft, entry: RunEntry, office: Office, reason: 'replica gone' | 'mastership lost'): void {
  if (entry.starts > rerunsOf(draft.situation.rules))
    return draft.end(entry, { outcome: 'interrupted', reason, by: draft.situation.address });
  // Nothing is claimed while the job is paused; it must not stand in the way of triggers until then.
  if (isOnHold(draft, entry) && entry.member !== '') draft.free(entry, { cause: 'rerun', starts: entry.starts });
  else if (mayGoOn(draft, entry)) draft.reclaim(entry, office, 'rerun');
}

function rerunsOf({ onInterrupted }: JobRules): number {
  return onInterrupted === 'report' ? 0 : onInterrupted.rerun;
}

/** Whether an entry that nobody carries on may be started now. It has its place in the record already. */
function mayGoOn(draft: Draft, entry: RunEntry): boolean {
  if (isOnHold(draft, entry)) return false;
  const others = draft.active.filter((each) => each !== entry && !isAbandoned(draft, each));
  const { isCalled, rules } = draft.situation;
  if ((others.length > 0 || isCalled) && rules.overlap !== 'allow') return false;
  return draft.mayStart();
}

function isOnHold(draft: Draft, entry: RunEntry): boolean {
  return entry.tick !== undefined && draft.record.pausedMs !== undefined;
}

/** True for a run that nobody carries on, as far as this replica knows. */
export function isAbandoned({ situation, start }: Draft, { claim, member }: RunEntry): boolean {
  if (situation.live.has(claim) || claim === start?.claim) return false;
  return member === '' || situation.gone.has(member) || member === situation.tenure?.member;
}
