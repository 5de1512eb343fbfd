import type { NoteStore } from '../run/note-store.js';
import { readProgress, type JobProgress } from '../run/progress.js';
import type { JobView, RunEntry } from '../record/job-record.js';
import { heldUpBy } from '../record/long-run.js';
import type { MemberView, RecordStore, MemberDirectory } from '../persistence/job-store.js';
import { EMPTY_CONTROL, type Declaration, type JobControl } from '../record/job-control.js';
import { UnreadableNodeError } from '../persistence/zookeeper-store.js';
import { keptSchedule } from '../schedule/kept.js';
import { isSameSchedule, type Schedule, type ScheduleSpec } from '../schedule/schedule.js';
import { endOf, type Tick } from '../schedule/tick.js';
import { declarationOf, livingVersions } from './in-force.js';
import { electionsOf, hasJob } from './members.js';
import { pausedBy } from './pause.js';
import { codeSchedule } from './reschedule.js';
import { uncovered, uncoveredInWords, type MasterOf } from './uncovered.js';
import { jobVerdictOf, type JobVerdict } from './verdicts.js';

/** One job of the service, as the cluster knows it. */
export interface JobStatus {
  /** Its name. */
  readonly job: string;
  /** Undefined when no version has declared it yet, and when its record cannot be read. */
  readonly kind?: Declaration['kind'] | undefined;
  /** Whether its ticks are claimed. Undefined as `kind` is. */
  readonly claim?: Declaration['claim'] | undefined;
  /** The elections whose masters run it: one for each version that has it. */
  readonly elections: readonly string[];
  /** The schedule in force; undefined for a job without claimed ticks. */
  readonly schedule?:
    (ScheduleSpec & { readonly from: 'code' | 'control'; readonly version?: string | undefined; readonly since: Date }) | undefined;
  /** What the code of the newest living version says, where it is not what is in force. */
  readonly codeSchedule?: (ScheduleSpec & { readonly version: string }) | undefined;
  /** The next five times at which it is due, also of a paused job; none when it is disabled or has no claimed ticks. */
  readonly nextTimes: readonly Date[];
  /** `by`: who ordered it, as far as that is still known. */
  readonly paused?: { readonly since: Date; readonly by?: string | undefined } | undefined;
  /** Its runs that were claimed and have no verdict yet, on whichever replica. */
  readonly running: readonly RunningJob[];
  /** How many triggers wait for their start. */
  readonly waitingTriggers: number;
  /** What became of its latest tick or trigger; undefined when nothing is kept. */
  readonly lastVerdict?: JobVerdict | undefined;
  /** When a run last succeeded; undefined when none has, or none that is known. */
  readonly succeededAt?: Date | undefined;
  /** Its silence is alarmed about since then (`maxSilenceMs`). */
  readonly alarmedSince?: Date | undefined;
  /** What a run has told last with `run.progress`. */
  readonly progress?: JobProgress | undefined;
  /** No living replica has it in its code. Its record stays until `ClusterJobs.remove`. */
  readonly orphaned: boolean;
  /** `disabled: true` in the schedule's options: nothing is due. */
  readonly disabled: boolean;
  /**
   * Why none of its ticks run: its record cannot be read, and nothing else is known; or this replica cannot use the
   * schedule in force, whose time zone, say, its Node does not know; or the present master does not have the job, which
   * only others have added, or which is new in a version that is not master yet; or a run has been going on for more
   * than five minutes, and they do not start for its sake.
   */
  readonly problem?: string | undefined;
}

/**
 * A run that was claimed and has no verdict yet; so no direct call, of which the cluster knows nothing before it ends.
 */
export interface RunningJob {
  /** Undefined for a trigger. */
  readonly scheduledTime?: Date | undefined;
  /** The id of the trigger. Undefined for a tick. */
  readonly trigger?: string | undefined;
  /** By the wall clock of its replica. */
  readonly since: Date;
  /** `host:port`; undefined: that replica is gone, or has given the run back, so that another one will deal with it. */
  readonly replica?: string | undefined;
  /** How often it was started. */
  readonly attempt: number;
  /** In decimal, as text: JSON knows no bigint. To compare: `BigInt(fencingToken)`. */
  readonly fencingToken: string;
}

/** How many jobs are read at once. */
const READING = 32;
const NEXT_TIMES = 5;

/** What a list is read from. */
type JobReader = RecordStore & MemberDirectory & NoteStore;

/**
 * Every job that has a record, by name. `own`: the jobs in the code of this replica, whose member node
 * need not tell of them yet.
 */
export async function list(store: JobReader, own: ReadonlySet<string>, masterOf: MasterOf = unknownMaster): Promise<JobStatus[]> {
  const [jobs, members, ensembleMs] = await Promise.all([store.jobs(), store.members(), store.ensembleMs()]);
  const waiting = [...jobs].sort();
  const asked = once(masterOf);
  const found: JobStatus[] = [];
  const readOn = async (): Promise<void> => {
    for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) {
      const status = await statusOf(store, job, { members, ensembleMs, own, masterOf: asked });
      if (status !== undefined) found.push(status);
    }
  };
  await Promise.all(Array.from({ length: READING }, readOn));
  return found.sort((a, b) => (a.job < b.job ? -1 : 1));
}

interface ListInputs {
  readonly members: readonly MemberView[];
  readonly ensembleMs: number;
  readonly own: ReadonlySet<string>;
  readonly masterOf: MasterOf;
}

/** Each election is asked for its master once, however many jobs there are. */
function once(masterOf: MasterOf): MasterOf {
  const known = new Map<string, Promise<string | undefined>>();
  return (election) => {
    const answer = known.get(election) ?? masterOf(election);
    known.set(election, answer);
    return answer;
  };
}

const unknownMaster: MasterOf = () => Promise.resolve('unknown');

/** Undefined for a job that was removed meanwhile. */
async function statusOf(store: JobReader, job: string, inputs: ListInputs): Promise<JobStatus | undefined> {
  const [loaded, loadedControl] = await Promise.all([store.load(job), store.loadControl(job)]);
  const orphaned = isOrphaned(job, inputs);
  if (loaded.kind === 'unreadable') return { ...UNKNOWN, job, orphaned, problem: loaded.problem };
  if (loaded.kind === 'missing') return undefined;
  const { view } = loaded;
  const control = loadedControl?.control ?? EMPTY_CONTROL;
  const living = livingVersions(inputs.members);
  const declaration = declarationOf(control, living);
  const { record } = view;
  const { schedule, problem: scheduleProblem } = keptSchedule(record.schedule);
  const disabled = declaration?.disabled === true;
  const [last, progress] = await Promise.all([
    record.recent.at(-1) ?? store.loadLog(job).then((log) => log.at(-1)),
    progressOf(store, job),
  ]);
  const lacking = disabled ? undefined : await uncovered(job, { control, members: inputs.members, masterOf: inputs.masterOf });
  return {
    job,
    kind: declaration?.kind,
    claim: declaration?.claim,
    elections: electionsOf(control, inputs.members, job),
    schedule: inForce(view, control),
    codeSchedule: overriddenCode(view, control, living),
    nextTimes: disabled ? [] : nextTimes(schedule, inputs.ensembleMs),
    paused: record.pausedMs === undefined ? undefined : { since: new Date(record.pausedMs), by: pausedBy(control)?.by },
    running: record.running.map((entry) => runningOf(entry, inputs.members)),
    waitingTriggers: record.triggers.length,
    lastVerdict: last && jobVerdictOf(job, last, schedule),
    succeededAt: dateOf(record.succeededMs),
    alarmedSince: dateOf(record.alarmedMs),
    progress,
    orphaned,
    disabled,
    problem:
      scheduleProblem ??
      (lacking && uncoveredInWords(job, lacking)) ??
      longRunInWords(heldUpBy(view, disabled ? undefined : schedule, last, inputs.ensembleMs), inputs.members),
  };
}

/** What somebody has written over is no progress, and hides nothing else. */
function progressOf(store: NoteStore, job: string): Promise<JobProgress | undefined> {
  return store.loadNote(job, 'progress').then(readProgress, (thrown: unknown) => {
    if (thrown instanceof UnreadableNodeError) return undefined;
    throw thrown;
  });
}

const UNKNOWN = { elections: [], nextTimes: [], running: [], waitingTriggers: 0, disabled: false } as const;

function isOrphaned(job: string, { own, members }: ListInputs): boolean {
  return !own.has(job) && !members.some((member) => hasJob(member, job));
}

export function runningOf({ tick, trigger, startedMs, holder, starts, token }: RunEntry, members: readonly MemberView[]): RunningJob {
  return {
    scheduledTime: tick && new Date(tick.dueMs),
    trigger,
    since: new Date(startedMs),
    replica: holder.kind === 'replica' ? members.find(({ name }) => name === holder.member)?.address : undefined,
    attempt: starts,
    fencingToken: token.toString(),
  };
}

/** Since when and where. */
function longRunInWords(entry: RunEntry | undefined, members: readonly MemberView[]): string | undefined {
  if (entry === undefined) return undefined;
  const { since, scheduledTime, replica = 'a replica that is gone' } = runningOf(entry, members);
  const what = scheduledTime === undefined ? 'a triggered run' : `the run of ${scheduledTime.toISOString()}`;
  return `Its ticks do not start, because ${what} has been going on since ${since.toISOString()} on ${replica}.`;
}

function inForce({ record, createdMs }: JobView, control: JobControl): JobStatus['schedule'] {
  if (record.schedule === undefined) return undefined;
  const { cronTime, timeZone, sinceMs } = record.schedule;
  const { inForce } = control;
  const version = inForce.from === 'code' ? inForce.version : undefined;
  return { cronTime, timeZone, from: inForce.from, version, since: new Date(sinceMs ?? createdMs) };
}

function overriddenCode({ record }: JobView, control: JobControl, living: ReadonlySet<string>): JobStatus['codeSchedule'] {
  const code = codeSchedule(control, living);
  if (record.schedule === undefined || code?.schedule === undefined || isSameSchedule(code.schedule, record.schedule)) return undefined;
  return { ...code.schedule, version: code.version };
}

function nextTimes(schedule: Schedule | undefined, ensembleMs: number): Date[] {
  const times: Date[] = [];
  let tick: Tick | undefined = endOf(ensembleMs);
  while (times.length < NEXT_TIMES) {
    tick = schedule?.next(tick);
    if (tick === undefined) break;
    times.push(new Date(tick.dueMs));
  }
  return times;
}

function dateOf(ms: number | undefined): Date | undefined {
  return ms === undefined ? undefined : new Date(ms);
}
