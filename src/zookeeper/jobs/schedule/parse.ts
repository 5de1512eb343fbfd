import { CronTime } from 'cron';
import { ClusterCronError, messageOf } from '../../support/errors.js';
import { endOf } from '../tick.js';
import { Calendar, type CronFields } from './calendar.js';
import { CronSchedule, OnceSchedule } from './cron-schedule.js';
import type { Schedule, ScheduleSpec } from './schedule.js';
import { zoneOf, type Zone } from './zone.js';

/** The longest cron expression; it has to fit into the job's record. */
export const MAX_CRON_TIME_LENGTH = 256;
const MAX_TIME_ZONE_LENGTH = 40;

/** A schedule cannot be used: the expression or the zone is wrong. */
export class BadScheduleError extends ClusterCronError {
  constructor(spec: { readonly cronTime: unknown; readonly timeZone: unknown }, why: string) {
    super('ZK_BAD_SCHEDULE', `The schedule ${show(spec.cronTime)} in the time zone ${show(spec.timeZone)} cannot be used: ${why}.`);
  }
}

function show(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.length > 300 ? `${value.slice(0, 300)}...` : value) : `(${typeof value})`;
}

/**
 * Reads a schedule. Accepts what `@Cron` accepts, since the `cron` package reads the expression; which instants it means is worked out here.
 * @throws {BadScheduleError} that says what is wrong with it.
 */
export function parseSchedule(spec: ScheduleSpec): Schedule {
  const { cronTime, timeZone } = spec;
  if (typeof cronTime !== 'string' || cronTime.trim() === '')
    throw new BadScheduleError(spec, 'expected a cron expression of 5 or 6 fields');
  if (cronTime.length > MAX_CRON_TIME_LENGTH)
    throw new BadScheduleError(spec, `it has ${cronTime.length} characters, at most ${MAX_CRON_TIME_LENGTH} are allowed`);
  if (!/^[\x20-\x7e\t]*$/u.test(cronTime)) throw new BadScheduleError(spec, 'it contains characters that no cron expression has');
  const zone = parseZone(spec);
  const onceMs = instantOf(cronTime);
  if (onceMs !== undefined) return new OnceSchedule({ cronTime, timeZone }, onceMs, zone);
  const fields = fieldsOf(spec);
  const schedule = new CronSchedule({ cronTime, timeZone }, new Calendar(fields), zone, hasAnyHour(cronTime));
  if (!canMatch(fields)) throw new BadScheduleError(spec, 'there is no such day in any of its months');
  return schedule;
}

/**
 * Refuses what would silence a job for good: an order of a schedule that has no tick after this instant. Code may have one, an instant that has passed.
 * @throws {BadScheduleError} that says so.
 */
export function mustTickAfter(schedule: Schedule, instantMs: number): void {
  if (schedule.next(endOf(instantMs)) !== undefined) return;
  const why = `it has no tick after ${new Date(instantMs).toISOString()}, so the job would never run by it`;
  throw new BadScheduleError(schedule.spec, `${why}. Give it an instant in the future, or a cron expression`);
}

/**
 * Writes down what `@Cron` was given, with one blank between its fields: other spacing is no other schedule, and a tab would take two bytes in the
 * record. Without a zone: the one of this process.
 * @throws {BadScheduleError} for what is neither text, a Date nor a luxon DateTime.
 */
export function scheduleSpecOf(cronTime: unknown, timeZone?: unknown, utcOffset?: unknown): ScheduleSpec {
  const zone = zoneNameOf(timeZone, utcOffset);
  if (typeof cronTime === 'string') return { cronTime: cronTime.trim().replace(/\s+/gu, ' '), timeZone: zone };
  const instantMs = millisecondsOf(cronTime);
  if (instantMs === undefined) throw new BadScheduleError({ cronTime, timeZone: zone }, 'expected a cron expression or a Date');
  return { cronTime: new Date(instantMs).toISOString(), timeZone: zone };
}

function millisecondsOf(value: unknown): number | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { toMillis } = value as { toMillis?: () => number };
  const instantMs = value instanceof Date ? value.getTime() : typeof toMillis === 'function' ? toMillis.call(value) : Number.NaN;
  return Number.isFinite(instantMs) ? instantMs : undefined;
}

function zoneNameOf(timeZone: unknown, utcOffset: unknown): string {
  if (typeof timeZone === 'string') return timeZone;
  if (timeZone !== undefined && timeZone !== null)
    throw new BadScheduleError({ cronTime: '', timeZone }, 'expected the name of a time zone');
  if (typeof utcOffset === 'string') return utcOffset.startsWith('UTC') ? utcOffset : `UTC${utcOffset}`;
  if (typeof utcOffset !== 'number') return new Intl.DateTimeFormat().resolvedOptions().timeZone;
  const minutes = Math.abs(Math.trunc(utcOffset));
  const hours = String(Math.floor(minutes / 60)).padStart(2, '0');
  return `UTC${utcOffset < 0 ? '-' : '+'}${hours}:${String(minutes % 60).padStart(2, '0')}`;
}

function parseZone(spec: ScheduleSpec): Zone {
  const { timeZone } = spec;
  if (typeof timeZone !== 'string' || timeZone === '' || timeZone.length > MAX_TIME_ZONE_LENGTH)
    throw new BadScheduleError(spec, 'expected a time zone such as "Europe/Berlin", or an offset such as "UTC+05:30"');
  try {
    return zoneOf(timeZone);
  } catch {
    throw new BadScheduleError(
      spec,
      'there is no such time zone; expected a name such as "Europe/Berlin", or an offset such as "UTC+05:30"',
    );
  }
}

function instantOf(cronTime: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\dT[\d:.]+Z$/u.test(cronTime)) return undefined;
  const instantMs = Date.parse(cronTime);
  return Number.isNaN(instantMs) ? undefined : instantMs;
}

function fieldsOf(spec: ScheduleSpec): CronFields {
  let parsed: unknown;
  try {
    parsed = new CronTime(spec.cronTime, 'UTC');
  } catch (thrown) {
    throw new BadScheduleError(spec, `${messageOf(thrown)}. Expected 5 or 6 fields: [second] minute hour day-of-month month day-of-week`);
  }
  // Each field is an object whose keys are the values. `toJSON` is no substitute: it takes 0-58 for all seconds (cron 4.4). Pinned by a unit test.
  const fields = parsed as Readonly<Record<string, Readonly<Record<string, boolean>>>>;
  const values = (name: string): number[] =>
    Object.keys(fields[name] ?? {})
      .map(Number)
      .toSorted((a, b) => a - b);
  return {
    seconds: values('second'),
    minutes: values('minute'),
    hours: values('hour'),
    daysOfMonth: values('dayOfMonth'),
    months: values('month'),
    daysOfWeek: values('dayOfWeek'),
  };
}

/** Whether the hour field begins with `*`: of two runs of such a job the time between them matters, not the time of day. */
function hasAnyHour(cronTime: string): boolean {
  const text = cronTime.trim().toLowerCase();
  if (text.startsWith('@')) return ['@hourly', '@minutely', '@secondly'].includes(text);
  const fields = text.split(/\s+/u);
  return fields[fields.length === 6 ? 2 : 1]?.startsWith('*') === true;
}

const LONGEST_MONTH = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function canMatch({ daysOfMonth, months, daysOfWeek }: CronFields): boolean {
  return daysOfWeek.length < 7 || months.some((month) => daysOfMonth.some((day) => day <= (LONGEST_MONTH[month - 1] ?? 0)));
}
