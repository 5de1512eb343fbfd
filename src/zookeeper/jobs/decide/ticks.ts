import type { Tick } from '../schedule/tick.js';
import type { Draft, Claimant } from './draft.js';
import { DueTicks } from './due-ticks.js';
import { isHeld } from '../record/job-record.js';
import { hasRoomForRun } from '../record/room.js';

/**
 * Deals with the ticks that are due and behind the cursor, oldest first: those that come too late by `misfire`, those
 * on time by `overlap`. Ticks that have to wait are left alone; they are still behind the cursor when there is a reason
 * to look again. Answers when the next one is due.
 *
 * However many ticks there are, they are counted and never listed: an outage of a year of a
 * per-second job is one verdict.
 */
export function decideTicks(draft: Draft, claimant: Claimant): number | undefined {
  const { schedule, rules } = draft.situation;
  const { record } = draft;
  if (schedule === undefined || record.schedule === undefined || rules.claim === 'none' || record.pausedMs !== undefined) return undefined;
  const due = new DueTicks(draft, schedule);
  if (draft.active.some(({ cause }) => cause === 'misfire')) draft.isBehind = true;
  if (passLate(draft, due, claimant)) passOnTime(draft, due, claimant);
  return due.nextDueMs;
}

/** False when late ticks have to wait, and so everything behind them. */
function passLate(draft: Draft, due: DueTicks, claimant: Claimant): boolean {
  const { rules } = draft.situation;
  const tooOld = due.olderThan(rules.misfireWindowMs);
  if (tooOld !== undefined) draft.pass(tooOld, 'missed', 'too old');
  const late = due.late();
  if (late === undefined) return true;
  draft.isBehind = true;
  switch (rules.misfire) {
    case 'skip':
      draft.pass(late, 'missed', 'late');
      return true;
    case 'run-latest':
      return runLatest(draft, due, claimant);
    case 'run-all':
      return runAll(draft, due, claimant);
  }
}

/** The latest of all runs, late or not; the others are missed. */
function runLatest(draft: Draft, due: DueTicks, claimant: Claimant): boolean {
  const late = due.late();
  if (late === undefined) return true;
  if ((due.all()?.count ?? 0) > late.count) {
    draft.pass(late, 'missed', 'late');
    return true;
  }
  const entry = draft.newEntry(claimant, { tick: late.last }, 'misfire');
  if (!hasRoomForRun(draft.record, entry) || !mayCatchUp(draft, late.last)) return false;
  const others = due.allButLast(late);
  if (others !== undefined) draft.pass(others, 'missed', 'late');
  draft.claim(entry);
  return true;
}

/**
 * Each runs, one after the other, and after what was given back. Ticks on time queue behind, so
 * that they keep their order.
 */
function runAll(draft: Draft, due: DueTicks, claimant: Claimant): boolean {
  const tooMany = due.tooMany();
  if (tooMany !== undefined) draft.pass(tooMany, 'missed', 'too many');
  const late = due.late();
  if (late === undefined) return true;
  const entry = draft.newEntry(claimant, { tick: late.first }, 'misfire');
  const isFirst = !draft.record.running.some((each) => !isHeld(each) && (each.cause === 'schedule' || each.cause === 'misfire'));
  if (!isFirst || !hasRoomForRun(draft.record, entry) || !mayCatchUp(draft, late.first)) return false;
  draft.claim(entry);
  return late.count === 1;
}

/** Never two runs at once that make up for the past, also where runs may overlap. */
function mayCatchUp(draft: Draft, tick: Tick): boolean {
  const isInTheWay = draft.situation.rules.overlap === 'allow' ? draft.isCatchingUp : !draft.isFree;
  return !isInTheWay && draft.mayCatchUp(tick);
}

/**
 * A tick overlaps a run that was going on when it was due. Of one that this very plan starts, perhaps to
 * make up for the past, that cannot be said yet: the tick is left for the next look, when the run has ended,
 * or a further tick is due.
 */
function passOnTime(draft: Draft, due: DueTicks, claimant: Claimant): void {
  const { overlap } = draft.situation.rules;
  if (draft.start !== undefined && overlap !== 'allow') return;
  const superseded = due.superseded();
  if (superseded !== undefined) draft.pass(superseded, 'skipped', 'overlap');
  for (let ticks = due.all(); ticks !== undefined; ticks = due.all()) {
    const { isFree } = draft;
    const entry = draft.newEntry(claimant, { tick: ticks.first }, 'schedule');
    if ((isFree || overlap === 'allow') && hasRoomForRun(draft.record, entry)) {
      if (!draft.mayStart()) return;
      draft.claim(entry);
      if (overlap !== 'allow') return;
      continue;
    }
    // Nothing runs, but what was given back has all the room: it goes first.
    if (isFree) return;
    const skipped = overlap === 'queue-latest' ? due.allButLast(ticks) : ticks;
    if (skipped !== undefined) draft.pass(skipped, 'skipped', 'overlap');
    return;
  }
}
