import type { JobEvents } from '../jobs/record/job-events.js';
import type { JobIdentity } from '../jobs/run/job-identity.js';
import type { JobView, RunEntry } from '../jobs/record/job-record.js';
import type { Plan, Situation } from '../jobs/decide/plan.js';
import { silentSinceMs } from '../jobs/record/silence.js';
import { clockOff } from '../jobs/record/verdict-builders.js';
import type { StoredVerdict } from '../jobs/record/verdict.js';
import { parseSchedule } from '../jobs/schedule/parse.js';
import { endOf } from '../jobs/schedule/tick.js';
import type { Clock } from '../support/clock.js';
import { isUnreachable } from '../session/connected.js';
import { messageOf, stackOf } from '../support/errors.js';
import type { Observation, Observer } from '../support/observer.js';

/** After how many failures in a row one becomes worth a warning. */
const LOUD_AFTER = 3;

/** What has been decided and written: one line each, and the listeners of this replica. */
export function reportPlan(
  { observer, events }: { readonly observer: Observer; readonly events: JobEvents },
  job: string,
  plan: Plan,
  { view, rules }: Pick<Situation, 'view' | 'rules'>,
): void {
  for (const claim of plan.dropped) reportDropped(observer, job, claim);
  for (const verdict of plan.verdicts) {
    reportVerdict(observer, job, verdict);
    events.verdicts.tell(job, verdict);
  }
  if (plan.alarm !== undefined && rules.maxSilenceMs !== undefined)
    reportAlarm(observer, events, job, plan.alarm, view, rules.maxSilenceMs);
}

/** One line for each verdict; `failed` was told with its stack when the run ended. */
function reportVerdict(observer: Observer, job: string, verdict: StoredVerdict): void {
  const { outcome, reason, tick, until, count, trigger, cause, attempt, durationMs, token } = verdict;
  // What a run has thrown was told when it ended.
  const text =
    outcome === 'missed' ? verdict.explanation : outcome === 'interrupted' && durationMs === undefined ? verdict.error : undefined;
  const told = text === undefined ? '' : ` ${text}`;
  const what = trigger === undefined ? ticksInWords(verdict) : `trigger ${trigger}`;
  observer.observe({
    level: LEVELS[outcome],
    event: `tick.${outcome}`,
    message: `Job "${job}", ${what}: ${outcome}${reason === undefined ? '' : ` (${reason})`}.${told}`,
    fields: {
      job,
      scheduled: tick && new Date(tick.dueMs).toISOString(),
      until: until && new Date(until.dueMs).toISOString(),
      count: count === 1 ? undefined : count,
      trigger,
      reason,
      cause,
      attempt,
      durationMs,
      token: token?.toString(),
    },
  });
}

const LEVELS: Readonly<Record<StoredVerdict['outcome'], Observation['level']>> = {
  ran: 'debug',
  failed: 'debug',
  skipped: 'info',
  missed: 'warn',
  interrupted: 'warn',
};

function ticksInWords({ tick, until, count }: StoredVerdict): string {
  if (tick === undefined) return 'a run without a tick';
  const first = new Date(tick.dueMs).toISOString();
  return until === undefined ? `tick ${first}` : `${count} ticks from ${first} to ${new Date(until.dueMs).toISOString()}`;
}

function reportAlarm(
  observer: Observer,
  events: JobEvents,
  job: string,
  kind: 'raised' | 'cleared',
  view: JobView,
  maxSilenceMs: number,
): void {
  const silentSince = new Date(silentSinceMs(view));
  observer.observe({
    level: kind === 'raised' ? 'error' : 'info',
    event: kind === 'raised' ? 'job.silent' : 'job.heard',
    message:
      kind === 'raised'
        ? `ZK_JOB_SILENT: job "${job}" has not succeeded since ${silentSince.toISOString()}, longer than its maxSilenceMs ${maxSilenceMs}. Its verdicts tell why.`
        : `Job "${job}" has succeeded again, or was paused; the alarm about its silence is over.`,
    fields: { job, maxSilenceMs, silentSince: silentSince.toISOString(), ...(kind === 'raised' && { code: 'ZK_JOB_SILENT' }) },
  });
  events.alarms.tell({ job, kind, silentSince, maxSilenceMs });
}

/**
 * Listeners hear of a tick that this replica does not decide about, because its clock is off. The cluster's
 * records do not: it stays due.
 */
export function reportClockOff(
  { clock, events, address }: { readonly clock: Clock; readonly events: JobEvents; readonly address: string },
  { name, schedule, rules }: JobIdentity,
): void {
  if (schedule === undefined || rules.claim === 'none') return;
  const wallMs = clock.wallMs();
  const tick = parseSchedule(schedule).last(endOf(wallMs - rules.misfireWindowMs), wallMs);
  events.verdicts.tell(name, clockOff(tick, address));
}

/** A run that has been going on for long, and for which ticks of its job do not start. `where`: `host:port`. */
export function reportLongRun(
  observer: Observer,
  job: string,
  { tick, trigger, startedMs, token }: Pick<RunEntry, 'tick' | 'trigger' | 'startedMs'> & { readonly token: bigint | undefined },
  where: string,
  wallMs: number,
): void {
  const since = new Date(startedMs).toISOString();
  const run =
    tick === undefined ? (trigger === undefined ? '' : ` for trigger ${trigger}`) : ` for tick ${new Date(tick.dueMs).toISOString()}`;
  observer.observe({
    level: 'warn',
    event: 'run.long',
    message:
      `The run of "${job}"${run} has been going on since ${since} on ${where}, and has no timeoutMs: ticks of its job do not start until it ends. ` +
      'If it hangs, restart that replica; set timeoutMs, and pass run.signal to everything that the job waits for.',
    fields: {
      job,
      scheduled: tick && new Date(tick.dueMs).toISOString(),
      trigger,
      since,
      replica: where,
      runningMs: Math.round(wallMs - startedMs),
      token: token?.toString(),
    },
  });
}

function reportDropped(observer: Observer, job: string, claim: string): void {
  observer.observe({
    level: 'warn',
    event: 'job.verdict-late',
    message: `A run of job "${job}" has ended here, but another replica, an operator, or a write of its own whose answer was lost, had given its verdict before.`,
    fields: { job, claim },
  });
}

export function reportUnreadable(observer: Observer, job: string, problem: string): void {
  observer.observe({
    level: 'error',
    event: 'job.unreadable',
    message: `ZK_JOB_RECORD: the record of job "${job}" cannot be read (${problem}), so none of its ticks run. ClusterJobs.resetClaim(${JSON.stringify(job)}) makes it anew.`,
    fields: { code: 'ZK_JOB_RECORD', job },
  });
}

export function reportUnusable(observer: Observer, job: string, problem: string): void {
  observer.observe({
    level: 'error',
    event: 'job.schedule-unusable',
    message:
      `${problem} It is in force for job ${JSON.stringify(job)}, by the code of another version or by ClusterJobs.reschedule, so this replica decides about none of its ` +
      'ticks; they stay due. Update Node here, or reschedule the job.',
    fields: { code: 'ZK_BAD_SCHEDULE', job },
  });
}

export function reportLost(observer: Observer, job: string, count: number): void {
  observer.observe({
    level: 'warn',
    event: 'job.verdicts-lost',
    message: `The record of job "${job}" is gone, and with it the place for ${count} verdict(s) of runs that have ended here.`,
    fields: { job, count },
  });
}

/** A single lost connection is nothing to shout about: the session tells of it. */
export function reportFailure(observer: Observer, job: string, thrown: unknown, delayMs: number, failures: number): void {
  const isConnection = isUnreachable(thrown);
  observer.observe({
    level: isConnection ? 'debug' : failures < LOUD_AFTER ? 'warn' : 'error',
    event: 'job.not-decided',
    message: `The ticks of job "${job}" could not be decided about: ${messageOf(thrown)} Tries again in ${Math.round(delayMs)} ms; no tick is lost.`,
    fields: { job, failures, delayMs: Math.round(delayMs), stack: isConnection ? undefined : stackOf(thrown) },
  });
}
