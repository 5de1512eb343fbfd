import { messageOf } from '../../../support/errors.js';
import { invariant } from '../../../support/invariant.js';
import { MAX_RECORD_BYTES, MAX_RUNNING, MAX_WAITING_TRIGGERS, type JobRecord, type ScheduleInForce } from '../../record/job-record.js';
import {
  expected,
  packEntry,
  packNumber,
  packText,
  packTick,
  unpackEntry,
  unpackOptional,
  unpackText,
  unpackTick,
} from '../../record/packed.js';
import { decodeVerdicts, encodeVerdicts } from './verdict-codec.js';

const FORMAT = 1;
/** At most so many verdicts stay in the record; more are moved to the log. */
export const MAX_RECENT = 8;

/** What was read: the record, or why it cannot be used. */
export type DecodedRecord =
  { readonly record: JobRecord; readonly problem: undefined } | { readonly record: undefined; readonly problem: string };

/**
 * `[format, schedule, instants, runs, triggers, verdicts]`, as JSON.
 * @throws InvariantError when it would be longer than `MAX_RECORD_BYTES`: `place` and `room.ts`
 * see to it that it never is.
 */
export function encodeRecord(record: JobRecord): Buffer {
  const data = encodeAtAnySize(record);
  invariant(data.length <= MAX_RECORD_BYTES, `a job's record would have ${data.length} bytes, at most ${MAX_RECORD_BYTES} are allowed`);
  return data;
}

/** As `encodeRecord`, for who wants to know the size. */
export function encodeAtAnySize(record: JobRecord): Buffer {
  const { schedule, cursor, pausedMs, resumedMs, succeededMs, alarmedMs } = record;
  const instants = [packTick(cursor), ...[schedule?.sinceMs, pausedMs, resumedMs, succeededMs, alarmedMs].map(packNumber)].join(' ');
  return Buffer.from(
    JSON.stringify([
      FORMAT,
      schedule === undefined ? 0 : [schedule.cronTime, schedule.timeZone],
      instants,
      record.running.map(packEntry),
      record.triggers.map(packText).join(' '),
      record.recent.length === 0 ? 0 : encodeVerdicts(record.recent),
    ]),
  );
}

/**
 * Nothing is mended or guessed: for anything that `encodeRecord` would not have written (an edit by hand, a newer
 * format) the answer is the problem, as a clause.
 */
export function decodeRecord(data: Buffer): DecodedRecord {
  try {
    const record = parse(data);
    // What reads back but is written otherwise (spaces, a leading zero) was written by somebody else, who may
    // have meant something else.
    expected(encodeAtAnySize(record).equals(data), 'it is not written as this library writes it');
    return { record, problem: undefined };
  } catch (thrown) {
    return { record: undefined, problem: messageOf(thrown) };
  }
}

function parse(data: Buffer): JobRecord {
  expected(data.length > 0, 'it is empty');
  expected(data.length <= MAX_RECORD_BYTES, `it has ${data.length} bytes, at most ${MAX_RECORD_BYTES} are allowed`);
  const parsed: unknown = JSON.parse(data.toString('utf8'));
  expected(Array.isArray(parsed), 'it is no list');
  const [format, schedule, instants, running, triggers, recent] = parsed as readonly unknown[];
  expected(format === FORMAT, `its format is ${JSON.stringify(format)}, this version of nestjs-cluster-cron reads ${FORMAT}`);
  expected(parsed.length === 6 && typeof instants === 'string', 'a part is missing');
  const [due, nominal, since, paused, resumed, succeeded, alarmed, ...rest] = instants.split(' ');
  expected(rest.length === 0, 'it has too many instants');
  const sinceMs = unpackOptional(since);
  const inForce = decodeSchedule(schedule, sinceMs);
  const verdicts = recent === 0 ? [] : decodeVerdicts(recent);
  expected(verdicts.length <= MAX_RECENT, `it has ${verdicts.length} verdicts, at most ${MAX_RECENT} are allowed`);
  expected(Array.isArray(running), 'its runs are no list');
  expected(running.length <= MAX_RUNNING, `it has ${running.length} runs, at most ${MAX_RUNNING} are allowed`);
  const entries = running.map(unpackEntry);
  expected(new Set(entries.map(({ claim }) => claim)).size === entries.length, 'two runs have one claim');
  return {
    schedule: inForce,
    cursor: unpackTick(due, nominal),
    running: entries,
    triggers: decodeTriggers(triggers),
    pausedMs: unpackOptional(paused),
    resumedMs: unpackOptional(resumed),
    recent: verdicts,
    succeededMs: unpackOptional(succeeded),
    alarmedMs: unpackOptional(alarmed),
  };
}

function decodeSchedule(schedule: unknown, sinceMs: number | undefined): ScheduleInForce | undefined {
  if (schedule === 0) {
    expected(sinceMs === undefined, 'it says since when a schedule counts, but has none');
    return undefined;
  }
  expected(Array.isArray(schedule) && schedule.length === 2, 'its schedule is no pair');
  const [cronTime, timeZone] = schedule as readonly unknown[];
  expected(typeof cronTime === 'string' && typeof timeZone === 'string', 'its schedule is no pair of texts');
  return { cronTime, timeZone, sinceMs };
}

function decodeTriggers(triggers: unknown): string[] {
  expected(typeof triggers === 'string', 'its triggers are no text');
  const ids = triggers === '' ? [] : triggers.split(' ').map(unpackText);
  expected(ids.length <= MAX_WAITING_TRIGGERS, `it has ${ids.length} triggers, at most ${MAX_WAITING_TRIGGERS} are allowed`);
  expected(
    ids.every((id) => id !== ''),
    'a trigger has no id',
  );
  expected(new Set(ids).size === ids.length, 'a trigger waits twice');
  return ids;
}
