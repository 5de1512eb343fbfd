import type { Clock, Timer } from '../../support/clock.js';
import type { SilenceAlarm } from '../record/job-events.js';
import { viewIn, type JobStore, type RecordStore, type MemberDirectory } from '../persistence/job-store.js';
import { silenceEndsMs, silentSinceMs } from '../record/silence.js';
import { declarationOf, livingVersions } from './in-force.js';
import { list, type JobStatus } from './list.js';
import type { MasterOf } from './uncovered.js';

/** How a look at all jobs is repeated. */
export interface MonitorParts {
  readonly store: JobStore;
  readonly clock: Clock;
  /** How long to wait between two looks, milliseconds. */
  readonly everyMs: number;
}

/** How many jobs are read at once. */
const READING = 32;

/**
 * Tells of every job that has not succeeded for longer than its `maxSilenceMs`: once when that begins (for those that
 * are silent already: at the first look), once when it is over (a success, a pause, a removal). It looks for itself, so
 * it tells also when no master is left who could. A look that fails is repeated.
 */
export function watchAlarms(parts: MonitorParts, tell: (alarm: SilenceAlarm) => void): () => void {
  const raised = new Map<string, SilenceAlarm>();
  return repeat(parts, async (isOver) => {
    const silent = await silentJobs(parts.store);
    if (isOver()) return;
    for (const [job, alarm] of silent) {
      if (!raised.has(job)) tell(alarm);
      raised.set(job, alarm);
    }
    for (const [job, alarm] of raised) {
      if (silent.has(job)) continue;
      raised.delete(job);
      tell({ ...alarm, kind: 'cleared' });
    }
  });
}

/**
 * Tells of all jobs at once, and again whenever a look finds that something has changed. A look that fails is repeated.
 */
export function watchJobs(
  parts: MonitorParts,
  here: () => { readonly own: ReadonlySet<string>; readonly masterOf?: MasterOf },
  tell: (jobs: readonly JobStatus[]) => void,
): () => void {
  let told: string | undefined;
  return repeat(parts, async (isOver) => {
    const { own, masterOf } = here();
    const jobs = await list(parts.store, own, masterOf);
    const text = JSON.stringify(jobs);
    if (isOver() || text === told) return;
    told = text;
    tell(jobs);
  });
}

async function silentJobs(store: RecordStore & MemberDirectory): Promise<Map<string, SilenceAlarm>> {
  const [jobs, members, ensembleMs] = await Promise.all([store.jobs(), store.members(), store.ensembleMs()]);
  const living = livingVersions(members);
  const silent = new Map<string, SilenceAlarm>();
  const waiting = [...jobs];
  const readOn = async (): Promise<void> => {
    for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) {
      const alarm = await alarmOf(store, job, ensembleMs, living);
      if (alarm !== undefined) silent.set(job, alarm);
    }
  };
  await Promise.all(Array.from({ length: READING }, readOn));
  return silent;
}

async function alarmOf(
  store: RecordStore,
  job: string,
  ensembleMs: number,
  living: ReadonlySet<string>,
): Promise<SilenceAlarm | undefined> {
  const [loaded, control] = await Promise.all([store.load(job), store.loadControl(job)]);
  const declaration = control && declarationOf(control.control, living);
  const maxSilenceMs = declaration?.maxSilenceMs;
  const view = viewIn(loaded);
  if (view === undefined || maxSilenceMs === undefined || declaration?.disabled === true) return undefined;
  if (ensembleMs <= (silenceEndsMs(view, maxSilenceMs) ?? Infinity)) return undefined;
  return { job, kind: 'raised', silentSince: new Date(silentSinceMs(view)), maxSilenceMs };
}

/**
 * Looks at once and again and again, each time `everyMs` after the last look has ended, until the
 * function returned is called.
 */
function repeat({ clock, everyMs }: MonitorParts, look: (isOver: () => boolean) => Promise<void>): () => void {
  let over = false;
  let timer: Timer | undefined;
  const again = (): void => {
    // What failed (a connection that is away) is looked for again; the session tells of it.
    void look(() => over)
      .catch(() => undefined)
      .then(() => {
        if (!over) timer = clock.after(everyMs, again, { keepAlive: false });
      });
  };
  again();
  return () => {
    over = true;
    timer?.cancel();
  };
}
