/**
 * An independent calculation of what a schedule means: it walks through real time in steps, asks Intl for the local
 * time of each, and applies the rule as it is written in words. Shares nothing with the implementation.
 */
export interface Simple {
  /** The minutes and hours at which the job is due. */
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
}

const MINUTE_MS = 60_000;

/** Local times of a zone, read minute by minute and remembered. */
export class LocalTimes {
  private readonly format: Intl.DateTimeFormat;
  private readonly known = new Map<number, { readonly day: string; readonly hour: number; readonly minute: number }>();

  constructor(timeZone: string) {
    this.format = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' });
  }

  at(instantMs: number): { readonly day: string; readonly hour: number; readonly minute: number } {
    let found = this.known.get(instantMs);
    if (found === undefined) {
      const [day = '', time = ''] = this.format.format(instantMs).split(' ');
      const [hour = '', minute = ''] = time.split(':');
      found = { day, hour: Number(hour), minute: Number(minute) };
      this.known.set(instantMs, found);
    }
    return found;
  }
}

/**
 * The instants at which the job runs from `fromMs` (included) to `toMs` (excluded), with the local time that each is
 * for: `2026-03-29 02:30`.
 */
export function expectedRuns(job: Simple, local: LocalTimes, fromMs: number, toMs: number): { dueMs: number; nominal: string }[] {
  return job.hours.length === 24 ? byElapsedTime(job, local, fromMs, toMs) : oncePerNominalTime(job, local, fromMs, toMs);
}

function byElapsedTime(job: Simple, local: LocalTimes, fromMs: number, toMs: number): { dueMs: number; nominal: string }[] {
  const runs = [];
  for (let ms = fromMs; ms < toMs; ms += MINUTE_MS) {
    const now = local.at(ms);
    if (job.minutes.includes(now.minute)) runs.push({ dueMs: ms, nominal: nominalOf(now.day, now.hour, now.minute) });
  }
  return runs;
}

/**
 * Walks with a list of all nominal times that exist on paper. At each real minute at which the clock has reached, or
 * jumped over, nominal times that have not run, they run once: the last of them.
 */
function oncePerNominalTime(job: Simple, local: LocalTimes, fromMs: number, toMs: number): { dueMs: number; nominal: string }[] {
  const runs = [];
  let reached = ordinal(local.at(fromMs - MINUTE_MS));
  for (let ms = fromMs; ms < toMs; ms += MINUTE_MS) {
    const now = ordinal(local.at(ms));
    let nominal: string | undefined;
    for (let paper = reached + 1; paper <= now; paper += 1) {
      const minuteOfDay = ((paper % 1_440) + 1_440) % 1_440;
      if (!job.hours.includes(Math.floor(minuteOfDay / 60)) || !job.minutes.includes(minuteOfDay % 60)) continue;
      nominal = new Date(paper * MINUTE_MS).toISOString().slice(0, 16).replace('T', ' ');
    }
    if (nominal !== undefined) runs.push({ dueMs: ms, nominal });
    reached = Math.max(reached, now);
  }
  return runs;
}

/** Minutes on paper since 1970. */
function ordinal({ day, hour, minute }: { readonly day: string; readonly hour: number; readonly minute: number }): number {
  return Date.parse(`${day}T00:00:00Z`) / MINUTE_MS + hour * 60 + minute;
}

function nominalOf(day: string, hour: number, minute: number): string {
  return `${day} ${String(hour).padStart(2, '0')}:${String(minute).padStart(2, '0')}`;
}

/**
 * When the offset of a zone changes between two instants, to the minute: found by comparing local time with UTC every
 * hour, then every minute.
 */
export function changesOf(timeZone: string, fromMs: number, toMs: number): number[] {
  const local = new LocalTimes(timeZone);
  const offsetAt = (ms: number): number => ordinal(local.at(ms)) - ms / MINUTE_MS;
  const changes = [];
  for (let ms = fromMs; ms < toMs; ms += 24 * 60 * MINUTE_MS) {
    if (offsetAt(ms) === offsetAt(ms + 24 * 60 * MINUTE_MS)) continue;
    for (let minute = ms; minute < ms + 24 * 60 * MINUTE_MS; minute += MINUTE_MS)
      if (offsetAt(minute) !== offsetAt(minute + MINUTE_MS)) changes.push(minute + MINUTE_MS);
  }
  return changes;
}
