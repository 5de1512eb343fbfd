import { isHeld, type JobView, type RunEntry } from '../record/job-record.js';
import { EMPTY_CONTROL, type JobControl } from '../record/job-control.js';
import type { StoredVerdict } from '../record/verdict.js';
import { keptSchedule } from '../schedule/kept.js';
import type { Schedule } from '../schedule/schedule.js';
import { endOf, type Tick } from '../schedule/tick.js';
import { isDisabled, livingVersions, scheduleInWords } from './in-force.js';
import { instantOf } from './instant.js';
import { runningOf } from './list.js';
import { pausedBy } from './pause.js';
import type { Question, WhyParts } from './question.js';
import { similarTo } from './similar.js';
import { keptVerdicts } from './verdicts.js';
import { turnInWords, waitingInWords } from './why-waiting.js';
import { at, lasting, verdictInWords } from './words.js';

/**
 * Why a job did, or did not, run at an instant, in words for a person. There is an answer for everything, also for jobs
 * that do not exist and for instants that are no ticks; it rejects only where ZooKeeper cannot be asked.
 */
export async function why(parts: WhyParts, job: string, tick: Date | string | number): Promise<string> {
  // Whether it is an instant at all does not depend on the zone.
  if (Number.isNaN(instantOf(tick, undefined))) return NO_INSTANT;
  const { store } = parts;
  const loaded = await store.load(job);
  if (loaded.kind === 'unreadable')
    return `The record of job "${job}" cannot be read (${loaded.problem}), so none of its ticks run. ClusterJobs.resetClaim(${JSON.stringify(job)}) makes it anew.`;
  if (loaded.kind === 'missing') return unknownInWords(job, await store.jobs());
  const { view } = loaded;
  const [control, kept, members, ensembleMs] = await Promise.all([
    store.loadControl(job).then((found) => found?.control ?? EMPTY_CONTROL),
    keptVerdicts(store, job, view.record),
    store.members(),
    store.ensembleMs(),
  ]);
  const spec = view.record.schedule;
  if (spec === undefined) return noSlotsInWords(job, instantOf(tick, undefined), view, control, kept);
  const { schedule, problem: scheduleProblem } = keptSchedule(spec);
  if (schedule === undefined) return `${scheduleProblem} It is in force for job "${job}"; only a replica that knows it can tell more.`;
  const tickMs = instantOf(tick, spec.timeZone);
  const question = { job, tickMs, view, control, kept, members, ensembleMs, schedule, timeZone: spec.timeZone };
  return decidedInWords(parts, question) ?? undecidedInWords(parts, question);
}

const NO_INSTANT =
  'The time of the tick is not a valid date. Give the instant at which it was due: a Date, milliseconds since 1970, or ISO 8601 ' +
  "(without a zone it is read in that of the job's schedule).";

function unknownInWords(job: string, jobs: readonly string[]): string {
  const similar = similarTo(job, jobs);
  const hint = similar.length === 0 ? '' : ` Did you mean ${similar.map((name) => `"${name}"`).join(' or ')}?`;
  return `The service has no job "${job}": no replica has ever declared it, or it was removed.${hint}`;
}

/**
 * Runs of a job without slots (claimed ticks) have none; those that failed, and triggers, are kept
 * by when they were started.
 */
function noSlotsInWords(job: string, tickMs: number, { record }: JobView, control: JobControl, kept: readonly StoredVerdict[]): string {
  const head = `Job "${job}" has no slots (@Interval, @Timeout or claim: 'none'), so there is no verdict for each of its times; only failures are kept.`;
  const paused =
    record.pausedMs !== undefined && record.pausedMs <= tickMs
      ? ` It is paused by ${pausedBy(control)?.by ?? 'an unknown replica'} since ${at(record.pausedMs, undefined)}.`
      : '';
  const started = kept.find(
    ({ startedMs, durationMs = 0, until }) =>
      startedMs !== undefined && startedMs <= tickMs && tickMs <= (until?.dueMs ?? startedMs) + durationMs,
  );
  return `${head}${paused}${started === undefined ? '' : ` ${verdictInWords(started, undefined)}`}`;
}

/** From what was written down about this very tick; undefined when nothing was. */
function decidedInWords(parts: WhyParts, question: Question): string | undefined {
  const { kept, view, tickMs, timeZone } = question;
  const verdicts = kept.filter((verdict) => isAbout(verdict, question)).map((verdict) => verdictInWords(verdict, timeZone));
  const runs = view.record.running.filter(({ tick }) => tick?.dueMs === tickMs).map((entry) => runningInWords(parts, entry, question));
  const sentences = [...verdicts, ...runs];
  return sentences.length === 0 ? undefined : sentences.join(' ');
}

/**
 * A row names its first and its last tick; what lies between is one of them if the schedule says so, or if the
 * schedule is a newer one.
 */
function isAbout({ tick, until }: StoredVerdict, { tickMs, schedule, view }: Question): boolean {
  if (tick === undefined) return false;
  if (tick.dueMs === tickMs || until?.dueMs === tickMs) return true;
  if (until === undefined || tickMs < tick.dueMs || tickMs > until.dueMs) return false;
  return tickMs <= (view.record.schedule?.sinceMs ?? -Infinity) || isTick(schedule, tickMs);
}

function runningInWords(parts: WhyParts, entry: RunEntry, { job, members, ensembleMs, timeZone }: Question): string {
  const { replica, since, attempt, fencingToken } = runningOf(entry, members);
  if (!isHeld(entry)) {
    const turn = turnInWords(parts, job);
    const what = entry.cause === 'rerun' ? 'had ended' : 'was started';
    const rule = entry.cause === 'rerun' ? 'onInterrupted says' : 'misfire says, or at once if it is on time';
    return `Claimed, but given back before it ${what}; the next master deals with it as ${rule}.${turn === undefined ? '' : ` ${turn}`}`;
  }
  const where =
    replica === undefined
      ? 'on a replica that is gone; the next master finds out and deals with it as onInterrupted says'
      : `on ${replica}`;
  const again = attempt > 1 ? `, start ${attempt}` : '';
  return `Running ${where}, since ${at(since.getTime(), timeZone)} (for ${lasting(Math.max(0, ensembleMs - since.getTime()))}${again}, fencing token ${fencingToken}).`;
}

async function undecidedInWords(parts: WhyParts, question: Question): Promise<string> {
  const { job, tickMs, view, control, members, ensembleMs, schedule, timeZone } = question;
  const { record } = view;
  const since = at(record.schedule?.sinceMs ?? view.createdMs, timeZone);
  const words = scheduleInWords(schedule.spec);
  if (tickMs <= view.createdMs && record.schedule?.sinceMs === undefined && !isDecided(question))
    return `The job "${job}" was first declared to the cluster at ${at(view.createdMs, timeZone)}; ticks from before are not made up for.`;
  if (tickMs <= (record.schedule?.sinceMs ?? -Infinity)) return beforeSchedule(question, words, since);
  if (!isTick(schedule, tickMs)) return `Not a tick of the schedule in force, ${words}. ${neighbours(schedule, tickMs, timeZone)}`;
  if (isDisabled(control, livingVersions(members)))
    return `The schedule of job "${job}" is disabled (disabled: true) in the code, so it does not run by itself.`;
  if (isDecided(question)) return noLongerKept(question);
  const pause = pauseInWords(question);
  if (pause !== undefined) return pause;
  return waitingInWords(parts, question, tickMs > ensembleMs);
}

function beforeSchedule({ job, kept, tickMs, timeZone }: Question, words: string, since: string): string {
  const oldest = kept.find(({ tick }) => tick !== undefined)?.tick;
  const age = oldest !== undefined && tickMs < oldest.dueMs ? ` The oldest verdict that is kept is of ${at(oldest.dueMs, timeZone)}.` : '';
  return `The schedule in force of job "${job}", ${words}, counts since ${since}; ticks of it from before are not made up for, and no verdict of the schedule before names this instant.${age}`;
}

/** The cursor has passed it. */
function isDecided({ view, tickMs }: Question): boolean {
  return tickMs <= (view.record.cursor?.dueMs ?? -Infinity);
}

function noLongerKept({ kept, timeZone, tickMs, job, view }: Question): string {
  const oldest = kept.find(({ tick }) => tick !== undefined)?.tick;
  if (oldest === undefined || tickMs < oldest.dueMs) {
    const which = oldest === undefined ? 'none are kept' : `the oldest that is kept is of ${at(oldest.dueMs, timeZone)}`;
    return `It was decided about, but its verdict is not kept any more: the newest 100 of job "${job}" are, and ${which}. The log of the replica that was master then has it.`;
  }
  return `It was passed over without a verdict: the job's record was made anew or its claims were reset, or the time was before the job's present life (since ${at(view.createdMs, timeZone)}).`;
}

function pauseInWords({ view, control, tickMs, ensembleMs, timeZone }: Question): string | undefined {
  const { pausedMs } = view.record;
  if (pausedMs === undefined) return undefined;
  const by = pausedBy(control)?.by ?? 'an unknown replica';
  const since = `paused by ${by} since ${at(pausedMs, timeZone)}`;
  if (tickMs > ensembleMs) return `It is in the future, and will not run unless the job is resumed before: it is ${since}.`;
  if (tickMs > pausedMs) return `Skipped: the job is ${since}.`;
  return `It was due before the job was paused, and nobody had run it: the job is ${since}. When it is resumed this tick is reported as missed.`;
}

function isTick(schedule: Schedule, ms: number): boolean {
  return schedule.next(endOf(ms - 1))?.dueMs === ms;
}

function neighbours(schedule: Schedule, ms: number, timeZone: string): string {
  const before = lastBefore(schedule, ms);
  const after = schedule.next(endOf(ms));
  const parts = [
    before === undefined ? undefined : `the tick before is ${at(before.dueMs, timeZone)}`,
    after === undefined ? undefined : `the one after ${at(after.dueMs, timeZone)}`,
  ].filter((part) => part !== undefined);
  const text = parts.length === 0 ? 'it has no ticks within eight years' : parts.join(', ');
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`;
}

const A_DAY_MS = 86_400_000;
const LOOK_BACK_DAYS = [1, 40, 400, 2_922];

/**
 * The last tick before an instant, within eight years; looked for in growing distances, because most
 * schedules have one near.
 */
function lastBefore(schedule: Schedule, ms: number): Tick | undefined {
  for (const days of LOOK_BACK_DAYS) {
    const tick = schedule.last(endOf(ms - days * A_DAY_MS), ms - 1);
    if (tick !== undefined) return tick;
  }
  return undefined;
}
