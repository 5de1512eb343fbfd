import { decidedUpTo } from '../record/decided-up-to.js';
import type { JobRecord } from '../record/job-record.js';
import type { RecordStore, TriggerStore, MemberDirectory } from '../persistence/job-store.js';
import type { JobControl } from '../record/job-control.js';
import { passed } from '../record/undecided.js';
import { verdictKey, MAX_VERDICTS, type Outcome, type StoredVerdict, type VerdictReason } from '../record/verdict.js';
import type { RunCause } from '../run/run-cause.js';
import type { Schedule } from '../schedule/schedule.js';
import { keptSchedule } from '../schedule/kept.js';
import { endOf, laterTick } from '../schedule/tick.js';
import { loadExisting, type Subject } from './amend.js';
import { livingFor, ticksOf } from './in-force.js';
import { pausedBy } from './pause.js';

/** What became of a tick, of a row of ticks that share it, or of a trigger. What is not known is undefined. */
export interface JobVerdict {
  /** Its name. */
  readonly job: string;
  /**
   * `ran`: it succeeded. `failed`: it threw, or took longer than its `timeoutMs`. `skipped`: it was due and
   * not to start (paused, overlap, ...). `missed`: nobody could run it in time. `interrupted`: it was cut
   * short, and is not run again.
   */
  readonly outcome: Outcome;
  /** Why, where the outcome alone does not say it. */
  readonly reason?: VerdictReason | undefined;
  /** When the tick, or the first of the row, was due. Undefined for a trigger. */
  readonly scheduledTime?: Date | undefined;
  /** The same in the job's zone, as the schedule names it: `2026-03-29T02:30:00`. */
  readonly nominalTime?: string | undefined;
  /**
   * When the last tick of the row was due, or, where runs have no ticks, when the last of them started;
   * undefined for a single one.
   */
  readonly until?: Date | undefined;
  /**
   * How many ticks, or runs, share it; 1 for a single one and for a trigger. Ticks that nobody ran, and runs that
   * failed in one way, one after the other.
   */
  readonly count: number;
  /** Why the run was started. This and what follows is known of runs only; of a row it is that of the first. */
  readonly cause?: RunCause | undefined;
  /**
   * The number of the last attempt, counted over all starts. Undefined when another replica had to write this
   * down: only who ran it knows.
   */
  readonly attempt?: number | undefined;
  /** By the wall clock of the replica that ran it. */
  readonly startedTime?: Date | undefined;
  /**
   * In place of `startedTime` for a run that another replica, or an operator, had to write down: when it was claimed,
   * by the wall clock of the replica that claimed it. Whether the method was called after that nobody knows.
   */
  readonly claimedTime?: Date | undefined;
  /** From the start to the end of all attempts, milliseconds. */
  readonly durationMs?: number | undefined;
  /**
   * `host:port` of the replica that ran it; undefined when nothing ran, and when another one had to write
   * this down (`replica gone`).
   */
  readonly ranOn?: string | undefined;
  /** `host:port` of the replica that wrote this down. */
  readonly by?: string | undefined;
  /** In decimal, as text: JSON knows no bigint. To compare: `BigInt(fencingToken)`. */
  readonly fencingToken?: string | undefined;
  /**
   * What was thrown: its message, with its causes and the errors of an aggregate; cut to 400 characters. Of a run whose
   * replica has gone: on which it was claimed, where that is known.
   */
  readonly error?: string | undefined;
  /**
   * Of missed ticks: what the master that decided about them knew of why nobody could run them in time, in English, at
   * most 400 characters; for people, not for programs. Undefined when it knew nothing.
   */
  readonly explanation?: string | undefined;
  /** The id of the trigger. */
  readonly trigger?: string | undefined;
  /**
   * Who asked for it: the replica that was asked, with the `by` of the request before it, as
   * `anna at 10.0.0.7:9090`. Known in what `verdicts` and `trigger` answer, of the latest decision about a trigger,
   * as long as its request is remembered.
   */
  readonly triggeredBy?: string | undefined;
}

/** A verdict for people. Without a schedule (unknown, or not readable) it has no nominal time. */
export function jobVerdictOf(job: string, stored: StoredVerdict, schedule: Schedule | undefined, triggeredBy?: string): JobVerdict {
  const { tick, until, startedMs, token, outcome, reason, count, cause, attempt, durationMs, by, error, explanation, trigger } = stored;
  // Only who ran it knows for how long, when it began, and how often.
  const isKnown = durationMs !== undefined;
  const since = startedMs === undefined ? undefined : new Date(startedMs);
  return {
    job,
    outcome,
    reason,
    scheduledTime: tick && new Date(tick.dueMs),
    nominalTime: tick && schedule?.nominalTime(tick),
    until: until && new Date(until.dueMs),
    count,
    cause,
    attempt: isKnown ? attempt : undefined,
    startedTime: isKnown ? since : undefined,
    claimedTime: isKnown ? undefined : since,
    durationMs,
    ranOn: isKnown ? by : undefined,
    by,
    fencingToken: token?.toString(),
    error,
    ...(explanation !== undefined && { explanation }),
    trigger,
    ...(triggeredBy !== undefined && { triggeredBy }),
  };
}

/**
 * The newest verdicts of a job, oldest first. The present pause stands at the end, as one entry that grows.
 * @throws {UnknownJobError} {UnreadableJobError}
 */
export async function verdicts(
  store: RecordStore & TriggerStore & MemberDirectory,
  job: string,
  limit = MAX_VERDICTS,
): Promise<JobVerdict[]> {
  const [view, control, ensembleMs] = await Promise.all([loadExisting(store, job), store.loadControl(job), store.ensembleMs()]);
  const living = control && (await livingFor(store, control.control));
  const pause = presentPause({ view, control: control?.control, ensembleMs, living });
  const kept = [...(await keptVerdicts(store, job, view.record)), ...pause].slice(-limit);
  const { schedule } = keptSchedule(view.record.schedule);
  const askers = await askersOf(store, job, kept);
  return kept.map((verdict) => jobVerdictOf(job, verdict, schedule, askers.get(verdict)));
}

/**
 * Who asked for what was triggered: the request tells, not the verdict. One that was refused may have been asked for
 * anew since, by somebody else; so a verdict is looked up only if it is the latest about its trigger, and the
 * request tells of the same.
 */
async function askersOf(store: TriggerStore, job: string, kept: readonly StoredVerdict[]): Promise<ReadonlyMap<StoredVerdict, string>> {
  const latest = new Map(kept.flatMap((verdict) => (verdict.trigger === undefined ? [] : [[verdict.trigger, verdict] as const])));
  const askers = [...latest].map(async ([id, verdict]) => {
    const node = await store.loadTrigger(job, id);
    const isSame = node?.verdict !== undefined && verdictKey(node.verdict) === verdictKey(verdict);
    return isSame ? [[verdict, node.by] as const] : [];
  });
  return new Map((await Promise.all(askers)).flat());
}

/**
 * Log and record. Verdicts move from the record to the log in one transaction: read in this order, record first, none
 * is left out; those that moved in between are counted once.
 */
export async function keptVerdicts(store: RecordStore, job: string, record: JobRecord): Promise<readonly StoredVerdict[]> {
  const log = await store.loadLog(job);
  const known = new Set(log.map(verdictKey));
  return [...log, ...record.recent.filter((verdict) => !known.has(verdictKey(verdict)))];
}

/** Ticks that fell due since the job was paused. They get this verdict when it is resumed. */
export function presentPause({
  view,
  control,
  ensembleMs,
  living,
}: Omit<Subject, 'control'> & { readonly control: JobControl | undefined }): StoredVerdict[] {
  const { pausedMs } = view.record;
  if (pausedMs === undefined || control === undefined) return [];
  const after = laterTick(endOf(pausedMs), decidedUpTo(view));
  const by = pausedBy(control)?.by;
  return passed(ticksOf(view.record, control, living), after, ensembleMs, { outcome: 'skipped', reason: 'paused', by });
}
