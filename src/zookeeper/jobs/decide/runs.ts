import { compareTicks, type Tick } from '../schedule/tick.js';
import type { Draft, Claimant } from './draft.js';
import { lateUntilMs } from './due-ticks.js';
import { decidedUpTo } from '../record/decided-up-to.js';
import { attemptsMade, isHeld, type RunEntry } from '../record/job-record.js';
import type { Finished } from './plan.js';

/**
 * Writes down what became of runs of this process. No mastership is needed: the record still names the claim, so nobody
 * else has decided about it. A claim that the record does not name any more, or names as given back, was decided about
 * by somebody else; what happened here is then too late to count.
 */
export function settle(draft: Draft): void {
  for (const finished of draft.situation.finished) {
    const entry = draft.record.running.find((each) => each.claim === finished.claim && isHeld(each));
    if (entry !== undefined) settleOne(draft, entry, finished);
    else if (finished.outcome !== 'unstarted') draft.dropped.push(finished.claim);
  }
}

function settleOne(draft: Draft, entry: RunEntry, finished: Finished): void {
  const { outcome, reason, attempt, durationMs, endedMs, error, result } = finished;
  switch (outcome) {
    case 'released':
      return draft.free(entry, { cause: 'rerun', starts: entry.starts, attempted: attempt });
    case 'unstarted':
      return draft.free(entry, { cause: entry.cause, starts: Math.max(0, entry.starts - 1), attempted: attempt });
    default:
      draft.end(entry, { outcome, reason, attempt, durationMs, error });
      if (entry.trigger !== undefined && result !== undefined) draft.results.set(entry.trigger, result);
      if (outcome === 'ran') draft.noteSuccess(endedMs);
  }
}

/**
 * Decides about runs that nobody carries on: of replicas that are gone, those that were given back, and those that this
 * replica is said to run but does not know. A run that goes on in this process is never among them, whatever the record
 * or the list of members say.
 */
export function takeOver(draft: Draft, claimant: Claimant): void {
  const { live, gone } = draft.situation;
  for (const entry of draft.record.running) {
    if (live.has(entry.claim) || entry === draft.start) continue;
    const { holder } = entry;
    if (holder.kind === 'nobody') takeFree(draft, entry, claimant);
    else if (gone.has(holder.member)) takeInterrupted(draft, entry, claimant, 'replica gone');
    else if (holder.member === claimant.member) takeInterrupted(draft, entry, claimant, 'mastership lost');
  }
}

function takeFree(draft: Draft, entry: RunEntry, claimant: Claimant): void {
  if (entry.cause === 'rerun') return takeInterrupted(draft, entry, claimant, 'mastership lost');
  if (entry.tick !== undefined) return takeUnstarted(draft, entry, entry.tick, claimant);
  if (mayGoOn(draft, entry) && draft.mayStart()) draft.reclaim(entry, claimant, entry.cause);
}

/**
 * A tick that was claimed and never started. Its claim says nothing about whether it may run: it is as due, and as
 * late, as one that nobody has claimed, and is dealt with by the same rules.
 */
function takeUnstarted(draft: Draft, entry: RunEntry, tick: Tick, claimant: Claimant): void {
  const { rules, disabled } = draft.situation;
  const { pausedMs, resumedMs } = draft.record;
  if (pausedMs !== undefined) return;
  // Nothing is made up for from before the job was resumed, nor for a job that is not to run by its schedule.
  if (disabled || tick.dueMs <= (resumedMs ?? -Infinity)) return draft.passUnstarted(entry, 'missed', 'late');
  const isLate = tick.dueMs <= lateUntilMs(draft);
  if (isLate && tick.dueMs < draft.situation.wallMs - rules.misfireWindowMs) return draft.passUnstarted(entry, 'missed', 'too old');
  if (isLate && (rules.misfire === 'skip' || (rules.misfire === 'run-latest' && isSuperseded(draft, tick))))
    return draft.passUnstarted(entry, 'missed', 'late');
  if (isLate) draft.isBehind = true;
  if (mayGoOn(draft, entry)) {
    if (isLate ? !draft.isCatchingUp && draft.mayCatchUp(tick) : draft.mayStart())
      draft.reclaim(entry, claimant, isLate ? 'misfire' : 'schedule');
    return;
  }
  const overlaps = rules.overlap === 'skip' || (rules.overlap === 'queue-latest' && isSuperseded(draft, tick));
  if (!isLate && overlaps && draft.start === undefined) draft.passUnstarted(entry, 'skipped', 'overlap');
}

/** Whether a later tick is due: behind the cursor, or given back as well. */
function isSuperseded({ record, situation, view }: Draft, tick: Tick): boolean {
  const { schedule, wallMs } = situation;
  const next = schedule?.next(decidedUpTo(view));
  if (next !== undefined && next.dueMs <= wallMs) return true;
  return record.running.some((other) => !isHeld(other) && other.tick !== undefined && compareTicks(other.tick, tick) > 0);
}

function takeInterrupted(draft: Draft, entry: RunEntry, claimant: Claimant, reason: 'replica gone' | 'mastership lost'): void {
  if (!mayRunAgain(draft, entry)) return draft.interrupt(entry, reason, whereItRan(draft, entry));
  if (isOnHold(draft, entry)) return setAside(draft, entry);
  if (!mayGoOn(draft, entry)) return;
  if (draft.mayCatchUp()) draft.reclaim(entry, claimant, 'rerun');
  else if (draft.start === undefined) setAside(draft, entry);
}

/** A dead replica tells nothing any more; its token alone says little to a person. */
function whereItRan({ situation }: Draft, { holder }: RunEntry): string | undefined {
  const address = holder.kind === 'replica' ? situation.addresses.get(holder.member) : undefined;
  return address === undefined ? undefined : `It was claimed on ${address}, which has gone.`;
}

/**
 * Nothing is claimed while the job is paused, or before its turn in catching up. It must not stand in the way of
 * triggers, and of ticks, until then.
 */
function setAside(draft: Draft, entry: RunEntry): void {
  if (!isHeld(entry)) return;
  draft.free(entry, { cause: 'rerun', starts: entry.starts, attempted: attemptsMade(entry, draft.situation.rules) });
}

/**
 * Whether a run that was cut short is to be started again: as often as `onInterrupted` says; not by a version that has
 * disabled the job, which is how a job that goes wrong is stopped by a deploy; and not when its tick lies further back
 * than `misfireWindowMs`, as nothing does that starts late.
 */
function mayRunAgain({ situation }: Draft, { starts, tick }: RunEntry): boolean {
  const { rules, disabled, wallMs } = situation;
  if (disabled || rules.onInterrupted === 'report' || starts > rules.onInterrupted.rerun) return false;
  return tick === undefined || tick.dueMs >= wallMs - rules.misfireWindowMs;
}

/**
 * Whether an entry that nobody carries on, and that is not on hold, may be started now. It has its place in the record
 * already.
 */
function mayGoOn(draft: Draft, entry: RunEntry): boolean {
  const others = draft.active.filter((each) => each !== entry && !draft.isAbandoned(each));
  const { isCalled, rules } = draft.situation;
  return (others.length === 0 && !isCalled) || rules.overlap === 'allow';
}

function isOnHold(draft: Draft, entry: RunEntry): boolean {
  return entry.tick !== undefined && draft.record.pausedMs !== undefined;
}
