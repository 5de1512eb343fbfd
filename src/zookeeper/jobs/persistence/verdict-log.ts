import { messageOf } from '../../support/errors.js';
import { keptSchedule } from '../schedule/kept.js';
import { compareTicks, endOf } from '../schedule/tick.js';
import { withRecent } from '../record/changes.js';
import type { JobRecord, RunEntry } from '../record/job-record.js';
import { expected } from '../record/packed.js';
import { encodeAtAnySize, MAX_RECENT } from './codec/record-codec.js';
import { decodeVerdicts, encodeVerdicts } from './codec/verdict-codec.js';
import { MAX_ERROR_LENGTH, MAX_EXPLANATION_LENGTH, MAX_LOG_BYTES, MAX_VERDICTS, type StoredVerdict } from '../record/verdict.js';

/**
 * Verdicts leave the record when it would be longer: what else can still come into it before the next chance has room.
 */
export const ROOMY_RECORD_BYTES = 1_000;

/**
 * Puts verdicts into the record. Those in `moved` (often none) have left it, in this order, and must be added to the
 * log in the same transaction (`appendToLog`): the ones in the record are always the newest.
 *
 * A record without verdicts is within its limit (`room.ts`), so the one returned is.
 */
export function place(
  record: JobRecord,
  verdicts: readonly StoredVerdict[],
): { readonly record: JobRecord; readonly moved: readonly StoredVerdict[] } {
  const recent = withAdded(record.recent, verdicts.map(withinLimits), record.running);
  const whole = withRecent(record, recent);
  const fits =
    recent.length <= MAX_RECENT &&
    recent.every(({ error }) => error === undefined) &&
    (recent.length === 0 || encodeAtAnySize(whole).length <= ROOMY_RECORD_BYTES);
  return fits ? { record: whole, moved: [] } : { record: withRecent(record, []), moved: recent };
}

/**
 * The log with these verdicts at its end: the newest `MAX_VERDICTS` of them all, or as many as `MAX_LOG_BYTES` holds.
 * One that tells of a failure like the last one's, by the schedule of `record` the very next one, adds to that entry:
 * in an incident failures would push out everything else.
 */
export function appendToLog(
  log: readonly StoredVerdict[],
  moved: readonly StoredVerdict[],
  record?: Pick<JobRecord, 'schedule'>,
): readonly StoredVerdict[] {
  const whole = [...log];
  for (const verdict of moved.map(withinLimits)) {
    const last = whole.at(-1);
    const grown = last && record && rowOfFailures(last, verdict, record);
    if (grown === undefined) whole.push(verdict);
    else whole[whole.length - 1] = grown;
  }
  const newest = whole.slice(-MAX_VERDICTS);
  if (encodeLogAtAnySize(newest).length <= MAX_LOG_BYTES) return newest;
  // Each counted with a signer of its own: at least as much as it takes in the list.
  let bytes = 0;
  const first = newest.findLastIndex((verdict) => (bytes += encodeLogAtAnySize([verdict]).length) > MAX_LOG_BYTES);
  return newest.slice(first + 1);
}

/** Of what `appendToLog` returned; at most `MAX_LOG_BYTES`. */
export function encodeLog(verdicts: readonly StoredVerdict[]): Buffer {
  return encodeLogAtAnySize(appendToLog([], verdicts));
}

function encodeLogAtAnySize(verdicts: readonly StoredVerdict[]): Buffer {
  return Buffer.from(JSON.stringify([FORMAT, ...encodeVerdicts(verdicts)]));
}

const FORMAT = 1;

/** The verdicts, oldest first, or why they cannot be read. Empty data is an empty log. */
export function decodeLog(
  data: Buffer,
):
  | { readonly verdicts: readonly StoredVerdict[]; readonly problem: undefined }
  | { readonly verdicts: undefined; readonly problem: string } {
  if (data.length === 0) return { verdicts: [], problem: undefined };
  try {
    expected(data.length <= MAX_LOG_BYTES, `it has ${data.length} bytes, at most ${MAX_LOG_BYTES} are allowed`);
    const parsed: unknown = JSON.parse(data.toString('utf8'));
    expected(Array.isArray(parsed) && parsed.length === 3, 'it is no list');
    expected(parsed[0] === FORMAT, `its format is ${JSON.stringify(parsed[0])}, this version of nestjs-cluster-cron reads ${FORMAT}`);
    const verdicts = decodeVerdicts(parsed.slice(1));
    expected(verdicts.length <= MAX_VERDICTS, `it has ${verdicts.length} verdicts, at most ${MAX_VERDICTS} are allowed`);
    expected(encodeLogAtAnySize(verdicts).equals(data), 'it is not written as this library writes it');
    return { verdicts, problem: undefined };
  } catch (thrown) {
    return { verdicts: undefined, problem: messageOf(thrown) };
  }
}

/** Whether the last verdict of a log is this one, or a row that ends with it. */
export function endsWith(log: Buffer, { outcome, reason, trigger, by, token, tick, until = tick }: StoredVerdict): boolean {
  const last = decodeLog(log).verdicts?.at(-1);
  if (last === undefined || last.outcome !== outcome || last.reason !== reason || last.trigger !== trigger) return false;
  if (last.by !== by?.slice(0, MAX_BY_LENGTH) || last.token !== token) return false;
  const end = last.until ?? last.tick;
  return until === undefined || end === undefined ? until === undefined : compareTicks(end, until) === 0;
}

/** The longest `host:port` that is kept, and so the longest text of a verdict but its error. */
const MAX_BY_LENGTH = 261;

function withinLimits(verdict: StoredVerdict): StoredVerdict {
  const { error, explanation, by } = verdict;
  const isWithin = [error, explanation].every((text) => (text?.length ?? 0) <= MAX_ERROR_LENGTH) && (by?.length ?? 0) <= MAX_BY_LENGTH;
  if (isWithin) return verdict;
  return {
    ...verdict,
    error: error?.slice(0, MAX_ERROR_LENGTH),
    explanation: explanation?.slice(0, MAX_EXPLANATION_LENGTH),
    by: by?.slice(0, MAX_BY_LENGTH),
  };
}

/**
 * One entry for each row of ticks that nobody ran for one reason. Only what is added is merged: two that are kept
 * already stand apart because a tick between them ran, though its run may be over by now.
 */
function withAdded(
  kept: readonly StoredVerdict[],
  added: readonly StoredVerdict[],
  running: readonly RunEntry[],
): readonly StoredVerdict[] {
  const merged = [...kept];
  for (const verdict of added) {
    const last = merged.at(-1);
    const grown = last && rowOfUnrun(last, verdict, running);
    if (grown === undefined) merged.push(verdict);
    else merged[merged.length - 1] = grown;
  }
  return merged;
}

function rowOfUnrun(last: StoredVerdict, next: StoredVerdict, running: readonly RunEntry[]): StoredVerdict | undefined {
  if (last.outcome !== 'missed' && last.outcome !== 'skipped') return undefined;
  // What was claimed, and given back unstarted, has a cause. Its verdict comes later than those of the ticks behind it.
  if (last.cause !== undefined || next.cause !== undefined) return undefined;
  if (last.tick === undefined || next.tick === undefined || compareTicks(last.tick, next.tick) >= 0) return undefined;
  if (!isToldAlike(last, next) || isBetween(running, last, next)) return undefined;
  return { ...last, until: next.until ?? next.tick, count: last.count + next.count };
}

/**
 * Ticks of one schedule without any between them, which another verdict could be about; or runs that have no tick,
 * whose row then ends with the start of the last one. When and for how long it ran is told of the first.
 */
function rowOfFailures(last: StoredVerdict, next: StoredVerdict, { schedule }: Pick<JobRecord, 'schedule'>): StoredVerdict | undefined {
  if (last.outcome !== 'failed' || last.trigger !== undefined || next.trigger !== undefined) return undefined;
  if (!isToldAlike(last, next) || last.cause !== next.cause || last.attempt !== next.attempt || next.until !== undefined) return undefined;
  const grown = { ...last, count: last.count + next.count };
  if (last.tick === undefined || next.tick === undefined) {
    const hasNoTicks = last.tick === undefined && next.tick === undefined && next.startedMs !== undefined;
    return hasNoTicks ? { ...grown, until: endOf(Math.round(next.startedMs)) } : undefined;
  }
  const following = keptSchedule(schedule).schedule?.next(last.until ?? last.tick);
  return following !== undefined && compareTicks(following, next.tick) === 0 ? { ...grown, until: next.tick } : undefined;
}

function isToldAlike(a: StoredVerdict, b: StoredVerdict): boolean {
  return (
    a.outcome === b.outcome &&
    a.reason === b.reason &&
    a.by === b.by &&
    a.token === b.token &&
    a.error === b.error &&
    a.explanation === b.explanation
  );
}

/** A tick that still runs, and whose verdict so comes later, keeps those before and after it apart. */
function isBetween(running: readonly RunEntry[], before: StoredVerdict, after: StoredVerdict): boolean {
  return running.some(
    ({ tick }) =>
      tick !== undefined &&
      before.tick !== undefined &&
      after.tick !== undefined &&
      compareTicks(tick, before.tick) > 0 &&
      compareTicks(tick, after.tick) < 0,
  );
}
