import type { StoredVerdict, VerdictReason } from '../record/verdict.js';

/** An instant for people: ISO 8601 in UTC, and the time of day in the job's zone where that is another. */
export function at(ms: number, timeZone: string | undefined): string {
  const date = new Date(ms);
  if (Number.isNaN(date.getTime())) return `${ms} ms since 1970`;
  const local = timeZone === undefined ? undefined : localTime(date, timeZone);
  return local === undefined ? date.toISOString() : `${date.toISOString()} (${local} ${timeZone})`;
}

function localTime(date: Date, timeZone: string): string | undefined {
  if (/^(?:Etc\/)?(?:UTC|GMT)$/.test(timeZone)) return undefined;
  const offset = /^UTC([+-])(\d\d):(\d\d)$/.exec(timeZone);
  if (offset !== null) {
    const minutes = (Number(offset[2]) * 60 + Number(offset[3])) * (offset[1] === '-' ? -1 : 1);
    return new Date(date.getTime() + minutes * 60_000).toISOString().slice(0, 19);
  }
  // The Swedish way to write a time is that of ISO 8601, but for the space.
  return new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' }).format(date).replace(' ', 'T');
}

/** `3 s`, `2 min`, `5 h`, `4 days` */
export function lasting(ms: number): string {
  const units = [
    [86_400_000, 'days'],
    [3_600_000, 'h'],
    [60_000, 'min'],
    [1_000, 's'],
  ] as const;
  const unit = units.find(([size]) => ms >= 2 * size);
  return unit === undefined ? `${Math.round(ms)} ms` : `${Math.floor(ms / unit[0])} ${unit[1]}`;
}

const REASONS: Readonly<Record<VerdictReason, string>> = {
  paused: 'the job was paused',
  overlap: 'the run before was still going on, and the overlap option does not let it start beside',
  late: 'nobody could run it in time, and the misfire option does not make up for it',
  'too old': 'nobody could run it in time, and it was later than misfireWindowMs when somebody could',
  'too many': 'nobody could run it in time, and more ticks were due than are made up for after one outage',
  'record lost': "the job's record in ZooKeeper had been deleted, so nobody can say whether it ran",
  reset: "an operator has reset the job's claims (resetClaim)",
  clock: "the clock of the replica was too far off ZooKeeper's",
  withdrawn: 'its caller took it back before it was started',
  timeout: 'it took longer than its timeoutMs',
  'replica gone': 'the process that ran it has ended, or lost its session',
  'mastership lost': 'its replica was not master any more',
  shutdown: 'its replica was shut down, or handed its mastership over, and it did not end in time',
};

/** A verdict about a tick as a sentence. */
export function verdictInWords(verdict: StoredVerdict, timeZone: string | undefined): string {
  const row = rangeInWords(verdict, timeZone);
  const text = outcomeInWords(verdict, timeZone);
  return row === '' || /[.!?]$/.test(text) ? `${text}${row}` : `${text}.${row}`;
}

function outcomeInWords(verdict: StoredVerdict, timeZone: string | undefined): string {
  const { outcome, reason, by, error, explanation, durationMs } = verdict;
  const why = reason === undefined ? '' : `: ${REASONS[reason]}`;
  const run = runInWords(verdict, timeZone);
  switch (outcome) {
    case 'ran':
      return `Ran${run}, for ${lasting(durationMs ?? 0)}.`;
    case 'failed':
      return `Failed${why}${run === '' ? '' : `; ran${run}`}${durationMs === undefined ? '' : `, for ${lasting(durationMs)}`}.${error === undefined ? '' : ` It threw: ${error}`}`;
    case 'interrupted':
      // Where no run has told how long it took, somebody else has decided about it.
      return durationMs === undefined
        ? `Interrupted${why}; claimed${runInWords({ ...verdict, by: undefined, attempt: undefined }, timeZone)}, and not run again.${error === undefined ? '' : ` ${error}`} Whether it had begun only its replica knew. Decided by ${by ?? 'an unknown replica'}.`
        : `Interrupted${why}; started${run}, and not run again.`;
    case 'skipped':
    case 'missed':
      return `${outcome === 'skipped' ? 'Skipped' : 'Missed'}${why}.${explanation === undefined ? '' : ` ${explanation}`} Decided by ${by ?? 'an unknown replica'}.`;
  }
}

function runInWords({ by, startedMs, cause, attempt, token }: StoredVerdict, timeZone: string | undefined): string {
  const parts = [
    by === undefined ? '' : ` on ${by}`,
    startedMs === undefined ? '' : ` at ${at(startedMs, timeZone)}`,
    cause === 'misfire' ? ', late (misfire)' : '',
    cause === 'rerun' ? ', again after it was cut short' : '',
    attempt === undefined || attempt < 2 ? '' : `, attempt ${attempt}`,
    token === undefined ? '' : `, fencing token ${token}`,
  ];
  return parts.join('');
}

function rangeInWords({ tick, until, count }: StoredVerdict, timeZone: string | undefined): string {
  if (until === undefined) return '';
  // Of runs that have no tick (claim: 'none') the last one's start ends the row.
  if (tick === undefined) return ` So were ${count} runs, the last one started at ${at(until.dueMs, timeZone)}.`;
  return ` So were ${count} ticks, from ${at(tick.dueMs, timeZone)} to ${at(until.dueMs, timeZone)}.`;
}
