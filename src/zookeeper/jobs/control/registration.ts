import { countFrom, newRecord, replaceSchedule, restore, type Changed, type KnownDecisions } from '../record/changes.js';
import type { JobRecord, JobView } from '../record/job-record.js';
import { viewIn, type RecordStore, type MemberDirectory } from '../persistence/job-store.js';
import {
  audited,
  changeInWords,
  EMPTY_CONTROL,
  lastOf,
  MAX_DECLARATIONS,
  type ControlView,
  type Declaration,
  type JobControl,
} from '../record/job-control.js';
import { MAX_TRIES, pauseAfterConflict } from './amend.js';
import { JobContendedError, OrderNotSentError } from './errors.js';
import type { Clock } from '../../support/clock.js';
import { isDisabled, livingVersions, scheduleInWords, ticksOf } from './in-force.js';
import { keptSchedule } from '../schedule/kept.js';
import { isSameSchedule, type Schedule } from '../schedule/schedule.js';
import { scheduleAndStateInWords, zoneInForceDiffers, zonesDiffer } from './zone-words.js';

/** What a replica brings along. */
export interface Registration {
  readonly declaration: Declaration;
  /** `host:port` of this replica. */
  readonly by: string;
  /**
   * The versions that live, as a read of a second ago may tell; asked for only where it matters. Default: read anew.
   */
  readonly living?: (() => Promise<ReadonlySet<string>>) | undefined;
  readonly known: KnownDecisions;
  /** For the pauses between attempts. */
  readonly clock: Clock;
}

/** What a registration has changed, the most important alone. */
export interface Registered {
  /**
   * `'created'`: the job was new, or its record had been lost. `'in force'`: the schedule of this version took the
   * place of another. `'declared'`: only noted. `'overridden'`: the code says something else than the schedule in
   * force, which comes from `reschedule`.
   */
  readonly change: 'none' | 'declared' | 'in force' | 'created' | 'overridden';
  /** A sentence for the log, where there is something to say. */
  readonly note: string | undefined;
  /** True when the schedule in force is that of another version's code. */
  readonly othersCode?: true | undefined;
  /**
   * Another replica of this very version has declared the job in another time zone, and this declaration
   * takes the place of that; or the same schedule is in force in another zone by the code of another version:
   * a sentence for a warning.
   */
  readonly zonesDiffer?: string | undefined;
}

/**
 * A version that is away for no longer has been started again, or moved to another machine. One that comes back later
 * is deployed again: to make up for what its schedule says about the time between would run jobs that the other
 * version has run by its own.
 */
export const PROVISIONAL_MS = 3_600_000;

/**
 * Declares a job to the cluster: makes its record where there is none, notes what the code of this version says about
 * it, and puts the schedule of the code in force by these rules.
 *
 * - A schedule that comes from `reschedule` stays, through every deploy.
 * - A version that the cluster has not seen yet, or whose code has another schedule than when it was last seen,
 *   puts its schedule in force.
 * - So does a version when no replica lives of the one whose schedule is in force: a roll-back. It is provisional: when
 *   a version that was declared later than the one in force comes back, its schedule is in force again. If that is
 *   within `PROVISIONAL_MS` it goes on as if it had never been gone: its ticks count from the roll-back, and those that
 *   fell due meanwhile are made up for as `misfire` says.
 * - Otherwise nothing changes; so a replica of an old version that starts again does not bring its schedule back.
 *
 * Ticks of a new schedule count from now. Those of the old one that are due and undecided get their verdict; at a
 * roll-back also where the version that is gone had the job disabled. The same schedule under another version changes
 * nothing for its ticks. Safe to repeat; each replica does it once, and again when it becomes master.
 * @throws {JobContendedError} {OrderNotSentError} and what reading rejects with.
 */
export async function register(store: RecordStore & MemberDirectory, job: string, registration: Registration): Promise<Registered> {
  let made = false;
  // All replicas of a version declare the same job at once when it is deployed.
  let conflicts = 0;
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const loaded = await store.load(job);
    // Who decides about ticks says so, loudly; there is nothing to declare into.
    if (loaded.kind === 'unreadable') return { change: 'none', note: undefined };
    const control = await store.loadControl(job);
    const view = viewIn(loaded);
    if (view === undefined || control === undefined) {
      made ||= view === undefined;
      await store.create(job, view?.record ?? newRecord(registration.declaration.schedule), EMPTY_CONTROL);
      continue;
    }
    const step = await stepOf(store, job, view, control, registration);
    if (step.change === undefined) return made ? created(job, view) : step.registered;
    const result = await store.write(job, { view, triggers: [], fence: undefined, ...step.change });
    if (result.kind === 'unsent') throw new OrderNotSentError(job);
    if (result.kind === 'written') return made ? created(job, result.view) : step.registered;
    conflicts += 1;
    if (tries + 1 < MAX_TRIES) await pauseAfterConflict(registration.clock, conflicts);
  }
  throw new JobContendedError(job, MAX_TRIES);
}

function created(job: string, { record }: JobView): Registered {
  return { change: 'created', note: `Job "${job}" is new to the cluster: ${scheduleInWords(record.schedule)}.` };
}

interface Step {
  readonly change:
    | {
        readonly record: JobRecord;
        readonly verdicts: Changed['verdicts'];
        readonly control: { readonly view: ControlView; readonly control: JobControl };
      }
    | undefined;
  readonly registered: Registered;
}

async function stepOf(
  store: RecordStore & MemberDirectory,
  job: string,
  view: JobView,
  controlView: ControlView,
  registration: Registration,
): Promise<Step> {
  const { declaration, by } = registration;
  const { known } = registration;
  // Thousands of jobs are declared at once, of which nothing is known: their schedules need not be read for it.
  const isKnown = known.cursor !== undefined || known.running.length > 0 || known.pause !== undefined;
  const restored = isKnown ? restore(view, ticksOf(view.record, controlView.control), known, by) : undefined;
  const living = await livingBeside(store, controlView.control, registration);
  const takesOver = mayPutInForce(controlView.control, declaration, living);
  const declared = declare(controlView.control, declaration, living);
  const control = takesOver ? { ...declared, inForce: { from: 'code', version: declaration.version } as const } : declared;
  if (restored === undefined && control === controlView.control)
    return { change: undefined, registered: whenAnotherStays(job, view, control, declaration) };
  const zones = zonesDiffer(job, controlView.control, declaration, takesOver);
  const base = restored ?? { record: view.record, verdicts: [] };
  const schedule = takesOver ? declaration.schedule : view.record.schedule;
  // What was disabled had no ticks, and makes up for none: as with another schedule, they count from now.
  if (isSameSchedule(view.record.schedule, schedule) && isDisabled(control, living) === isDisabled(controlView.control, living)) {
    const isNoted = restored === undefined && !takesOver;
    const stays = whenAnotherStays(job, view, control, declaration);
    const registered = { ...stays, zonesDiffer: zones ?? stays.zonesDiffer };
    return {
      change: { ...base, control: { view: controlView, control } },
      registered: isNoted && registered.change === 'none' ? { ...registered, change: 'declared' } : registered,
    };
  }
  const ensembleMs = Math.round(await store.ensembleMs());
  const ticks = ticksOf(base.record, controlView.control, living);
  // Masters of a version that has it enabled go on beside one that disables it, so what nobody has decided fell due for
  // them: it is not dropped in silence.
  const [isEnabled, isBack] = [takesOver && !declaration.disabled, isReturn(controlView.control, declaration)];
  const isRollBack = isEnabled && !isBack && !isNews(controlView.control, declaration);
  const undecided = ticks ?? (isRollBack ? keptSchedule(base.record.schedule).schedule : undefined);
  const changed = replaceSchedule({ ...view, record: base.record }, undecided, schedule, ensembleMs, by);
  const replaced =
    isEnabled && isBack && ticks !== undefined ? goOn({ ...view, record: base.record }, ticks, changed, ensembleMs, by) : changed;
  const before = scheduleAndStateInWords(view.record.schedule, isDisabled(controlView.control, living));
  const what = takesOver ? `${declaration.version} in force` : declaration.version;
  const words = `${what}: ${scheduleAndStateInWords(schedule, isDisabled(control, living))}, before ${before}`;
  const done = changeInWords(takesOver ? 'in force' : 'declared', words);
  return {
    change: {
      record: replaced.record,
      verdicts: [...base.verdicts, ...replaced.verdicts],
      control: { view: controlView, control: audited(control, { atMs: ensembleMs, by, ...done }) },
    },
    registered: { change: 'in force', note: `Job "${job}": ${done.change}.`, zonesDiffer: zones },
  };
}

function mayPutInForce(control: JobControl, declaration: Declaration, living: ReadonlySet<string>): boolean {
  const { inForce } = control;
  if (inForce.from === 'control') return false;
  if (isNews(control, declaration) || isReturn(control, declaration)) return true;
  return inForce.version !== declaration.version && !living.has(inForce.version);
}

/**
 * Whether a version comes back that was declared after the one in force, which so has its place by a roll-back.
 * `declared` is in the order in which the schedules were new, and what is new is put in force.
 */
function isReturn(control: JobControl, declaration: Declaration): boolean {
  const { declared, inForce } = control;
  if (inForce.from === 'control' || isNews(control, declaration)) return false;
  const placeOf = (version: string): number => declared.findIndex((each) => each.version === version);
  const inForceAt = placeOf(inForce.version);
  return inForceAt !== -1 && placeOf(declaration.version) > inForceAt;
}

/**
 * The schedule of a version that is back goes on from the roll-back (`view` has the schedule that was in
 * force meanwhile, `ticks`).
 */
function goOn(
  { record, createdMs }: Pick<JobView, 'record' | 'createdMs'>,
  ticks: Schedule,
  changed: Changed,
  ensembleMs: number,
  by: string,
): Changed {
  const sinceMs = record.schedule?.sinceMs ?? createdMs;
  const own = keptSchedule(changed.record.schedule).schedule;
  return own === undefined || ensembleMs - sinceMs > PROVISIONAL_MS ? changed : countFrom(changed, sinceMs, own, ticks, by);
}

/** Of a version that the cluster does not know, or with another schedule than when it was last seen. */
function isNews({ declared }: JobControl, { version, schedule }: Declaration): boolean {
  const known = declared.find((each) => each.version === version);
  return known === undefined || !isSameSchedule(known.schedule, schedule);
}

/**
 * Asks only where it can matter: thousands of jobs are declared at once, and each member's node may name all of them.
 */
async function livingBeside(
  store: RecordStore & MemberDirectory,
  control: JobControl,
  { declaration, living }: Registration,
): Promise<ReadonlySet<string>> {
  const { declared, inForce } = control;
  const canMatter =
    declared.some(({ disabled }) => disabled) ||
    (inForce.from === 'code' &&
      inForce.version !== declaration.version &&
      !isNews(control, declaration) &&
      !isReturn(control, declaration)) ||
    declared.length >= MAX_DECLARATIONS;
  if (!canMatter) return new Set();
  return living === undefined ? livingVersions(await store.members()) : living();
}

/** The same control node when there is nothing new in the declaration. */
function declare(control: JobControl, declaration: Declaration, living: ReadonlySet<string>): JobControl {
  const { declared, inForce } = control;
  const known = declared.find(({ version }) => version === declaration.version);
  if (known !== undefined && textOf(known) === textOf(declaration)) return control;
  // Only another schedule is news: the order of the versions tells which of them is the newer one (`isReturn`).
  if (known !== undefined && isSameSchedule(known.schedule, declaration.schedule))
    return { ...control, declared: declared.map((each) => (each === known ? declaration : each)) };
  const others = declared.filter(({ version }) => version !== declaration.version);
  while (others.length >= MAX_DECLARATIONS) {
    // A version that lives and were forgotten would look new at its next start.
    const spare = others.findIndex(({ version }) => !living.has(version) && !(inForce.from === 'code' && inForce.version === version));
    others.splice(Math.max(0, spare), 1);
  }
  return { ...control, declared: [...others, declaration] };
}

function textOf({ version, schedule, kind, claim, election, maxSilenceMs, disabled }: Declaration): string {
  return JSON.stringify([version, schedule?.cronTime, schedule?.timeZone, kind, claim, election, maxSilenceMs, disabled]);
}

/** What there is to say when another schedule stays in force. */
function whenAnotherStays(job: string, view: JobView, control: JobControl, declaration: Declaration): Registered {
  const { record } = view;
  const { inForce } = control;
  const { version, schedule } = declaration;
  const othersCode = inForce.from === 'code' && inForce.version !== version ? true : undefined;
  if (isSameSchedule(record.schedule, schedule)) return { change: 'none', note: undefined, othersCode };
  const differs = zoneInForceDiffers(job, view, control, declaration);
  const code = `the code of version ${version} says ${scheduleInWords(schedule)}`;
  if (inForce.from === 'code') {
    const note = `Job "${job}": the schedule of version ${inForce.version} is in force, ${scheduleInWords(record.schedule)}; ${code}.`;
    return { change: 'none', note, othersCode, zonesDiffer: differs };
  }
  const order = lastOf(control, 'rescheduled');
  const who = order === undefined ? '' : ` by ${order.by} at ${new Date(order.atMs).toISOString()}`;
  return {
    change: 'overridden',
    note: `Job "${job}": ${scheduleInWords(record.schedule)} is in force, ordered by reschedule${who}; ${code}.`,
  };
}
