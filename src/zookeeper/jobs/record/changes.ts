import { invariant } from '../../support/invariant.js';
import type { Schedule, ScheduleSpec } from '../schedule/schedule.js';
import { rangeOfList, type TickRange } from '../schedule/tick-range.js';
import { compareTicks, endOf, laterTick, type Tick } from '../schedule/tick.js';
import { EMPTY_RECORD, isUnstarted, NOBODY, type JobRecord, type JobView, type RunEntry, type ScheduleInForce } from './job-record.js';
import { hasRoomForRun, hasRoomForTrigger } from './room.js';
import { passed, passedOver } from './undecided.js';
import { runInterrupted, ticksPassed, triggerRefused, unstartedPassed, type Passing } from './verdict-builders.js';
import type { StoredVerdict, VerdictReason } from './verdict.js';

/*
 * Every change of a job's record. Masters, operators, deploys and stores all change it by these functions and by
 * nothing else; the architecture test refuses a change that is made elsewhere.
 *
 * The safety of the whole job layer rests on them, and on ZooKeeper accepting a change only if the record is still what
 * it was made from. Together they keep:
 *
 * - **A tick is claimed at most once.** `claim` takes ticks from behind the cursor only, and moves the cursor past them
 *   in the same change. No function moves the cursor back. Two masters (of two versions, or one that does not know yet
 *   that it was deposed) may both make such a change, from one record; ZooKeeper accepts one of them, and the other
 *   finds the tick passed. A second start of the same tick is only ever `reclaim`: of an entry whose run was never
 *   started, or which may be started again (`onInterrupted`), with `starts` counted in the record.
 * - **A tick has exactly one verdict.** It gets one when the cursor passes it without a claim, or when its entry leaves
 *   `running` (`end`, `reset`), and never otherwise. An entry leaves `running` by its claim id, which is new for each
 *   start; so of the replica that ran it, its successor and an operator only the first to write decides, and the others
 *   find nothing to decide about.
 * - **A record always has room for the next change.** What enters `running` and `triggers` is held to the limits of
 *   `room.ts` where it enters.
 */

/*
 * `atMs` is the instant of a change, in milliseconds since 1970: by the ensemble's clock where an operator or a deploy
 * makes it, by the wall clock of a master in what that decides itself.
 */

/**
 * A record as it is to be, and the verdicts that are written with it. These are not contained in `record.recent` yet.
 */
export interface Changed {
  readonly record: JobRecord;
  readonly verdicts: readonly StoredVerdict[];
}

/** Of a job that nobody has decided about yet. Without `sinceMs` its ticks count from when its record is made. */
export function newRecord(spec: ScheduleSpec | undefined): JobRecord {
  return { ...EMPTY_RECORD, schedule: inForceSince(spec, undefined) };
}

/**
 * In place of a record that cannot be read: nothing can be told of what ran and what was due, and ticks count from now.
 * `pausedMs`: since when the job is paused, as far as that is known from elsewhere.
 */
export function recordInPlaceOfUnreadable(spec: ScheduleSpec | undefined, atMs: number, pausedMs?: number): JobRecord {
  return { ...EMPTY_RECORD, schedule: inForceSince(spec, atMs), cursor: spec && endOf(atMs), pausedMs };
}

/**
 * Starts a tick that the cursor has not passed, or a trigger, which so leaves the line. Ticks between them must
 * have been passed before.
 */
export function claim(record: JobRecord, entry: RunEntry): JobRecord {
  invariant(hasRoomForRun(record, entry), 'a run was to start that the record has no room for');
  const moved = entry.tick === undefined ? record : { ...record, cursor: past(record, entry.tick) };
  return { ...withRun(moved, entry), triggers: record.triggers.filter((id) => id !== entry.trigger) };
}

/**
 * Starts again what a replica was given and did not finish. `entry` has the tick or trigger of the old
 * one, and a new claim id.
 */
export function reclaim(record: JobRecord, old: RunEntry, entry: RunEntry): JobRecord {
  return replaceEntry(record, old, entry);
}

/** Gives a run back: it stays, for whoever takes it. */
export function giveBack(record: JobRecord, old: RunEntry, change: Pick<RunEntry, 'cause' | 'starts' | 'attempted'>): JobRecord {
  return replaceEntry(record, old, { ...old, ...change, holder: NOBODY });
}

/** A run leaves the record with its one verdict. */
export function end(record: JobRecord, old: RunEntry, verdict: StoredVerdict): Changed {
  invariant(verdict.tick === old.tick && verdict.trigger === old.trigger, 'a run was to have the verdict of another one');
  return { record: replaceEntry(record, old, undefined), verdicts: [verdict] };
}

/** The one verdict of ticks behind the cursor, none of which will run. */
export function pass(record: JobRecord, ticks: TickRange, passing: Passing): Changed {
  invariant(ticks.count >= 1, 'a verdict was to be given about no tick');
  invariant(compareTicks(ticks.first, ticks.last) <= 0, 'a verdict was to be given about ticks in the wrong order');
  past(record, ticks.first);
  return { record: { ...record, cursor: past(record, ticks.last) }, verdicts: [ticksPassed(ticks, passing)] };
}

/** Lets a trigger wait for its start. Undefined: as many wait as are allowed, or there is no room for its id. */
export function addTrigger(record: JobRecord, id: string): JobRecord | undefined {
  return hasRoomForTrigger(record, id) ? { ...record, triggers: [...record.triggers, id] } : undefined;
}

/** Takes a trigger out of the line, unstarted. */
export function refuseTrigger(record: JobRecord, id: string, reason: VerdictReason, by: string): Changed {
  invariant(record.triggers.includes(id), 'a trigger was to be refused that does not wait');
  return { record: { ...record, triggers: record.triggers.filter((each) => each !== id) }, verdicts: [triggerRefused(id, reason, by)] };
}

/**
 * Takes a trigger back that has not run: one that waits, or whose claim was given back before its run began.
 * Undefined: it is neither.
 */
export function withdrawTrigger(record: JobRecord, id: string, by: string): Changed | undefined {
  if (record.triggers.includes(id)) return refuseTrigger(record, id, 'withdrawn', by);
  const entry = record.running.find((run) => run.trigger === id && isUnstarted(run));
  return entry && end(record, entry, unstartedPassed(entry, 'skipped', 'withdrawn', by));
}

/** Nothing starts by the schedule any more. Undefined: it was paused already. */
export function pause(record: JobRecord, atMs: number): JobRecord | undefined {
  return record.pausedMs === undefined ? { ...record, pausedMs: atMs } : undefined;
}

/**
 * Ticks count from now again: the pause is over, and what fell due meanwhile gets its verdict.
 * Undefined: it was not paused.
 */
export function resume(view: Changeable, ticks: Schedule | undefined, atMs: number, by: string): Changed | undefined {
  const { record } = view;
  if (record.pausedMs === undefined) return undefined;
  const verdicts = passedOver(view, ticks, atMs, { reason: 'late', by });
  return { record: { ...record, pausedMs: undefined, resumedMs: atMs, cursor: cursorUpTo(record, atMs) }, verdicts };
}

/**
 * Forgets what a job is said to run and what is due: runs are interrupted, ticks that are due are missed,
 * triggers that wait are refused.
 */
export function reset(view: Changeable, ticks: Schedule | undefined, atMs: number, by: string): Changed & { readonly due: number } {
  const { record } = view;
  const interrupted = record.running.map((entry) => runInterrupted(entry, { reason: 'reset', by, error: undefined }));
  const due = passedOver(view, ticks, atMs, { reason: 'reset', by });
  const refused = record.triggers.map((id) => triggerRefused(id, 'reset', by));
  return {
    record: { ...record, running: [], triggers: [], cursor: cursorUpTo(record, atMs) },
    verdicts: [...interrupted, ...due, ...refused],
    due: due.reduce((sum, { count }) => sum + count, 0),
  };
}

/**
 * Another schedule, whose ticks count from now. What was due by the one before (`ticks`) and
 * undecided gets its verdict.
 */
export function replaceSchedule(
  view: Changeable,
  ticks: Schedule | undefined,
  spec: ScheduleSpec | undefined,
  atMs: number,
  by: string,
): Changed {
  const { record } = view;
  const verdicts = passedOver(view, ticks, atMs, { reason: 'late', by });
  const cursor = cursorAfter(record.cursor, verdicts);
  // A master whose clock is a little ahead may have decided about what is not due yet by the ensemble's.
  const sinceMs = Math.max(atMs, cursor?.dueMs ?? atMs);
  return { record: { ...record, schedule: inForceSince(spec, sinceMs), cursor }, verdicts };
}

/**
 * The schedule that was put in force by `replaced`, whose ticks are `own`, counts from `sinceMs`, when it was last in
 * force, and not from now. Ticks of it that lie behind what was decided meanwhile, and were not themselves ticks of the
 * schedule `meanwhile`, are missed: nobody can go back to them. They are listed, so there must not be many.
 */
export function countFrom(replaced: Changed, sinceMs: number, own: Schedule, meanwhile: Schedule, by: string): Changed {
  const { record, verdicts } = replaced;
  const missed: Tick[] = [];
  const { cursor } = record;
  for (let tick = cursor && own.next(endOf(sinceMs)); cursor && tick && compareTicks(tick, cursor) <= 0; tick = own.next(tick))
    if (meanwhile.next(endOf(tick.dueMs - 1))?.dueMs !== tick.dueMs) missed.push(tick);
  const range = rangeOfList(missed);
  return {
    record: { ...record, schedule: inForceSince(record.schedule, sinceMs) },
    verdicts: range === undefined ? verdicts : [...verdicts, ticksPassed(range, { outcome: 'missed', reason: 'late', by })],
  };
}

/** A run that goes on, and the record in which it was claimed, by the transaction that created that record's node. */
export interface KnownRun {
  readonly entry: RunEntry;
  readonly czxid: bigint;
}

/** A pause, and the record in which it was last seen. */
export interface KnownPause {
  readonly sinceMs: number;
  readonly czxid: bigint;
}

/**
 * What a replica knows of a record that may be gone since: the highest tick that it has seen decided, its runs, and
 * whether the job was paused.
 */
export interface KnownDecisions {
  readonly cursor: Tick | undefined;
  readonly running: readonly KnownRun[];
  readonly pause?: KnownPause | undefined;
}

/**
 * Puts back what a replica knows and the record does not: it was deleted, and made again by somebody who knew less. The
 * ticks since the last known one up to when it was made are reported, because nobody can say any more whether they ran.
 * A run that was claimed in another record is put back also where no tick tells that this one is new, so that nothing
 * starts beside it; one that was claimed in this record, and does not stand in it any more, was decided about. A pause
 * of another record goes on, unless somebody has resumed the job in this one. Undefined: the record knows as much.
 */
export function restore(
  view: Changeable & Pick<JobView, 'czxid'>,
  ticks: Schedule | undefined,
  known: KnownDecisions,
  by: string,
): Changed | undefined {
  const { record, createdMs, czxid } = view;
  const isCursorLost = known.cursor !== undefined && (record.cursor === undefined || compareTicks(record.cursor, known.cursor) < 0);
  const claims = new Set(record.running.map((entry) => entry.claim));
  const lost = known.running.filter((run) => !claims.has(run.entry.claim) && (isCursorLost || run.czxid !== czxid));
  const { pause } = known;
  const isPauseLost = pause !== undefined && pause.czxid !== czxid && record.pausedMs === undefined && record.resumedMs === undefined;
  if (!isCursorLost && !isPauseLost && lost.length === 0) return undefined;
  const paused = isPauseLost ? { ...record, pausedMs: pause.sinceMs } : record;
  const withRuns = lost.reduce((grown, { entry }) => (hasRoomForRun(grown, entry) ? withRun(grown, entry) : grown), paused);
  if (!isCursorLost || known.cursor === undefined) return { record: withRuns, verdicts: [] };
  const untilMs = record.cursor === undefined ? createdMs : known.cursor.dueMs;
  const verdicts = passed(ticks, known.cursor, untilMs, { outcome: 'missed', reason: 'record lost', by });
  return { record: { ...withRuns, cursor: cursorAfter(laterTick(known.cursor, record.cursor), verdicts) }, verdicts };
}

/** A run has succeeded at this instant, or later than one that is noted. */
export function noteSuccess(record: JobRecord, atMs: number): JobRecord {
  return { ...record, succeededMs: Math.max(record.succeededMs ?? 0, Math.round(atMs)) };
}

export function raiseAlarm(record: JobRecord, atMs: number): JobRecord {
  return { ...record, alarmedMs: Math.round(atMs) };
}

export function clearAlarm(record: JobRecord): JobRecord {
  return { ...record, alarmedMs: undefined };
}

/** The newest verdicts that stand in the record itself (`place` decides which). */
export function withRecent(record: JobRecord, recent: readonly StoredVerdict[]): JobRecord {
  return { ...record, recent };
}

/** Of a view, what a change of the record depends on. */
type Changeable = Pick<JobView, 'record' | 'createdMs'>;

/** With these two fields of the schedule and no others, whatever else the caller's has. */
function inForceSince(spec: ScheduleSpec | undefined, sinceMs: number | undefined): ScheduleInForce | undefined {
  return spec && { cronTime: spec.cronTime, timeZone: spec.timeZone, sinceMs };
}

/** The cursor behind a tick that it has not passed. */
function past({ cursor }: JobRecord, tick: Tick): Tick {
  invariant(cursor === undefined || compareTicks(tick, cursor) > 0, 'a tick was to be decided about twice');
  return tick;
}

/** The cursor behind everything that is due; a job without claimed ticks has none. */
function cursorUpTo({ cursor, schedule }: JobRecord, atMs: number): Tick | undefined {
  return schedule === undefined ? cursor : laterTick(endOf(atMs), cursor);
}

/** The cursor behind these verdicts. */
function cursorAfter(cursor: Tick | undefined, verdicts: readonly StoredVerdict[]): Tick | undefined {
  return verdicts.reduce<Tick | undefined>((last, { tick, until }) => {
    const end = until ?? tick;
    return end === undefined ? last : laterTick(end, last);
  }, cursor);
}

function withRun(record: JobRecord, entry: RunEntry): JobRecord {
  return { ...record, running: [...record.running, entry] };
}

function replaceEntry(record: JobRecord, old: RunEntry, entry: RunEntry | undefined): JobRecord {
  invariant(record.running.includes(old), 'a run was to be decided about twice');
  return { ...record, running: record.running.flatMap((each) => (each === old ? (entry ?? []) : each)) };
}
