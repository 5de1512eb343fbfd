import { CronTime } from 'cron';
import { ClusterCronError, messageOf } from '../../support/errors.js';
import { endOf } from './tick.js';
import { Calendar, type CronFields } from './calendar.js';
import { CronSchedule, OnceSchedule } from './cron-schedule.js';
import { offsetName, processZone } from './process-zone.js';
import type { Schedule, ScheduleSpec } from './schedule.js';
import { zoneOf, type Zone } from './zone.js';

/** The longest cron expression; it has to fit into the job's record. */
export const MAX_CRON_TIME_LENGTH = 256;
const MAX_TIME_ZONE_LENGTH = 40;

/** A schedule cannot be used: the expression or the zone is wrong. */
export class BadScheduleError extends ClusterCronError {
  constructor(spec: { readonly cronTime: unknown; readonly timeZone: unknown }, why: string) {
    const zone = spec.timeZone === undefined ? '' : ` in the time zone ${show(spec.timeZone)}`;
    super('ZK_BAD_SCHEDULE', `The schedule ${show(spec.cronTime)}${zone} cannot be used: ${why}.`);
  }
}

function show(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.length > 300 ? `${value.slice(0, 300)}...` : value) : `(${typeof value})`;
}

/**
 * So many schedules are kept as read; the one read first is forgotten first. A process has as
 * many as its jobs differ in.
 */
const MAX_KEPT = 2_000;
const kept = new Map<string, Schedule>();

/**
 * Reads a schedule. Accepts what `@Cron` accepts, since the `cron` package reads the expression; which instants it
 * means is worked out here. The same text and zone give the same schedule, which never changes: thousands of jobs may
 * have one, and each is asked about in several places.
 * @throws {BadScheduleError} that says what is wrong with it.
 */
export function parseSchedule(spec: ScheduleSpec): Schedule {
  const key = JSON.stringify([spec.cronTime, spec.timeZone]);
  const known = kept.get(key);
  if (known !== undefined) return known;
  const schedule = readSchedule(spec);
  kept.set(key, schedule);
  const [oldest] = kept.keys();
  if (kept.size > MAX_KEPT && oldest !== undefined) kept.delete(oldest);
  return schedule;
}

function readSchedule(spec: ScheduleSpec): Schedule {
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
  const schedule = new CronSchedule({ cronTime, timeZone }, new Calendar(fields), zone);
  if (!canMatch(fields)) throw new BadScheduleError(spec, 'there is no such day in any of its months');
  return schedule;
}

/**
 * Refuses what would silence a job for good: an order of a schedule that has no tick after this instant. Code may have
 * one, an instant that has passed.
 * @throws {BadScheduleError} that says so.
 */
export function mustTickAfter(schedule: Schedule, instantMs: number): void {
  if (schedule.next(endOf(instantMs)) !== undefined) return;
  const why = `it has no tick after ${new Date(instantMs).toISOString()}, so the job would never run by it`;
  throw new BadScheduleError(schedule.spec, `${why}. Give it an instant in the future, or a cron expression`);
}

/**
 * Writes down what `@Cron` was given, with one blank between its fields: other spacing is no other schedule,
 * and a tab would take two bytes in the record. Without a zone or an offset: `defaultZone`, and without that
 * the one of this process.
 * @throws {BadScheduleError} for what is neither text, a Date nor a luxon DateTime, and where this process has
 * no zone that has a name.
 */
export function scheduleSpecOf(cronTime: unknown, timeZone?: unknown, utcOffset?: unknown, defaultZone?: string): ScheduleSpec {
  const zone = zoneNameOf(cronTime, timeZone, utcOffset, defaultZone);
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

function zoneNameOf(cronTime: unknown, timeZone: unknown, utcOffset: unknown, defaultZone: string | undefined): string {
  if (typeof timeZone === 'string') return timeZone;
  if (timeZone !== undefined && timeZone !== null) throw new BadScheduleError({ cronTime, timeZone }, 'expected the name of a time zone');
  if (typeof utcOffset === 'string') return utcOffset.startsWith('UTC') ? utcOffset : `UTC${utcOffset}`;
  if (typeof utcOffset === 'number') return offsetName(utcOffset);
  if (defaultZone !== undefined) return defaultZone;
  const own = processZone();
  if (own.kind === 'known') return own.name;
  const advice = 'Set TZ to a name such as "Europe/Berlin", or give a timeZone to the schedule or to ZookeeperModule';
  throw new BadScheduleError({ cronTime, timeZone: undefined }, `it names no time zone, and ${own.why}. ${advice}`);
}

/** Whether schedules can have this zone: its name is known here, and fits into a record. */
export function isUsableZone(timeZone: string): boolean {
  try {
    return parseZone({ cronTime: '', timeZone }) !== undefined;
  } catch {
    return false;
  }
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

/**
 * What other cron dialects have and the `cron` package has not, by how it looks in a field (or as a
 * whole); and what to do instead.
 */
const FOREIGN: readonly (readonly [pattern: RegExp, what: string, instead: string])[] = [
  [
    /^@/u,
    'this short form',
    'use @secondly, @minutely, @hourly, @daily, @weekly, @weekdays, @weekends, @monthly or @yearly, or the fields',
  ],
  [
    /^LW$/iu,
    '"LW" (the last weekday of the month)',
    'use days of the month and of the week that are sure to include it, and return early on the others',
  ],
  [/^L(?:-\d+)?$/iu, '"L" (the last day)', 'use days 28-31 and return early unless tomorrow is the first'],
  [
    /^(?:\d{1,2}|[A-Z]{3})L$/iu,
    '"L" (the last such day of the month)',
    'use the day of the week alone and return early unless the month changes within 7 days',
  ],
  [/^(?:\d{1,2})?W$/iu, '"W" (the nearest weekday)', 'use the days around it and return early on the others'],
  [
    /#/u,
    '"#" (the nth such day of the month)',
    'use the day of the week alone and return early unless the date is in that week of the month',
  ],
  [/^\?$/u, '"?"', 'use "*"'],
  [/^H(?:[/(]|$)/u, '"H" (a hashed value)', 'use a number'],
];

/** Says of a field of another dialect that it is not supported; undefined where there is none. */
function foreignProblem(cronTime: string): string | undefined {
  const text = cronTime.trim();
  const parts = text.startsWith('@') ? [text] : text.split(/[\s,]+/u);
  for (const part of parts) {
    const found = FOREIGN.find(([pattern]) => pattern.test(part));
    if (found !== undefined) return `${found[1]} is not supported; ${found[2]}`;
  }
  return parts.length === 7 && !text.includes(',') ? 'it has 7 fields, and a year is not supported; use at most 6' : undefined;
}

function fieldsOf(spec: ScheduleSpec): CronFields {
  let parsed: unknown;
  try {
    parsed = new CronTime(spec.cronTime, 'UTC');
  } catch (thrown) {
    const foreign = foreignProblem(spec.cronTime);
    if (foreign !== undefined) throw new BadScheduleError(spec, foreign);
    throw new BadScheduleError(spec, `${messageOf(thrown)}. Expected 5 or 6 fields: [second] minute hour day-of-month month day-of-week`);
  }
  // Each field is an object whose keys are the values. `toJSON` is no substitute: it takes 0-58 for all seconds (cron
  // 4.4). Pinned by a unit test.
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

const LONGEST_MONTH = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function canMatch({ daysOfMonth, months, daysOfWeek }: CronFields): boolean {
  return daysOfWeek.length < 7 || months.some((month) => daysOfMonth.some((day) => day <= (LONGEST_MONTH[month - 1] ?? 0)));
}
