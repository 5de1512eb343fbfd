const DAY_MS = 86_400_000;
/** How far ahead a match is looked for: a 29th of February comes within eight years. */
const MAX_DAYS = 8 * 366;

/** The values that each field of a cron expression allows. Months count from 1, Sunday is 0. */
export interface CronFields {
  readonly seconds: readonly number[];
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  readonly daysOfMonth: readonly number[];
  readonly months: readonly number[];
  readonly daysOfWeek: readonly number[];
}

/**
 * Which local times match the fields of a cron expression: arithmetic on the calendar alone, with local times written
 * as if they were UTC. Where days of the month and of the week are both restricted, one of them is enough, as in
 * cron(8) and in the `cron` package.
 */
export class Calendar {
  private readonly nextSecond: Int8Array;
  private readonly nextMinute: Int8Array;
  private readonly nextHour: Int8Array;
  private readonly daysOfMonth: ReadonlySet<number>;
  private readonly months: ReadonlySet<number>;
  private readonly daysOfWeek: ReadonlySet<number>;
  private readonly restrictsDayOfMonth: boolean;
  private readonly restrictsDayOfWeek: boolean;
  private readonly firstOfDayMs: number;
  private checkedDay = Number.NaN;
  private checkedMatches = false;

  constructor(private readonly fields: CronFields) {
    this.nextSecond = nextTable(fields.seconds, 60);
    this.nextMinute = nextTable(fields.minutes, 60);
    this.nextHour = nextTable(fields.hours, 24);
    this.daysOfMonth = new Set(fields.daysOfMonth);
    this.months = new Set(fields.months);
    this.daysOfWeek = new Set(fields.daysOfWeek);
    this.restrictsDayOfMonth = this.daysOfMonth.size < 31;
    this.restrictsDayOfWeek = this.daysOfWeek.size < 7;
    this.firstOfDayMs = this.nextOfDay(0) ?? 0;
  }

  /** Whether every hour of the day is allowed, however that is spelled. */
  get allowsEveryHour(): boolean {
    return this.fields.hours.length === 24;
  }

  /** The first matching local time at or after this one; undefined when there is none within eight years. */
  next(localMs: number): number | undefined {
    const fromMs = Math.ceil(localMs / 1_000) * 1_000;
    let day = Math.floor(fromMs / DAY_MS);
    if (this.matchesDay(day)) {
      const found = this.nextOfDay(fromMs - day * DAY_MS);
      if (found !== undefined) return day * DAY_MS + found;
    }
    for (const lastDay = day + MAX_DAYS; day <= lastDay;) {
      day = this.nextDay(day);
      if (this.matchesDay(day)) return day * DAY_MS + this.firstOfDayMs;
    }
    return undefined;
  }

  /** How many local times match from `fromMs` to `toMs`, both included. */
  count(fromMs: number, toMs: number): number {
    if (toMs < fromMs) return 0;
    const firstDay = Math.floor(fromMs / DAY_MS);
    const lastDay = Math.floor(toMs / DAY_MS);
    const perDay = this.countBefore(DAY_MS);
    let count = 0;
    for (let day = firstDay; day <= lastDay; day += 1) if (this.matchesDay(day)) count += perDay;
    if (this.matchesDay(firstDay)) count -= this.countBefore(fromMs - firstDay * DAY_MS);
    if (this.matchesDay(lastDay)) count -= perDay - this.countBefore(toMs - lastDay * DAY_MS + 1);
    return count;
  }

  /** The day after, or the first one of the next month when this month has no matching days. */
  private nextDay(day: number): number {
    const date = new Date((day + 1) * DAY_MS);
    if (this.months.has(date.getUTCMonth() + 1)) return day + 1;
    return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1) / DAY_MS;
  }

  private matchesDay(day: number): boolean {
    if (day === this.checkedDay) return this.checkedMatches;
    const date = new Date(day * DAY_MS);
    this.checkedDay = day;
    this.checkedMatches = this.months.has(date.getUTCMonth() + 1) && this.matchesDate(date.getUTCDate(), date.getUTCDay());
    return this.checkedMatches;
  }

  private matchesDate(dayOfMonth: number, dayOfWeek: number): boolean {
    const isDayOfMonth = this.daysOfMonth.has(dayOfMonth);
    const isDayOfWeek = this.daysOfWeek.has(dayOfWeek);
    if (this.restrictsDayOfMonth && this.restrictsDayOfWeek) return isDayOfMonth || isDayOfWeek;
    return isDayOfMonth && isDayOfWeek;
  }

  /** The first matching time of a day at or after this one, both in milliseconds since midnight. */
  private nextOfDay(timeMs: number): number | undefined {
    const second = Math.floor(timeMs / 1_000) % 60;
    const minute = Math.floor(timeMs / 60_000) % 60;
    const hour = Math.floor(timeMs / 3_600_000);
    if (this.nextHour[hour] === hour) {
      if (this.nextMinute[minute] === minute) {
        const found = at(this.nextSecond, second);
        if (found >= 0) return timeOf(hour, minute, found);
      }
      const found = at(this.nextMinute, minute + 1);
      if (found >= 0) return timeOf(hour, found, at(this.nextSecond, 0));
    }
    const found = at(this.nextHour, hour + 1);
    return found >= 0 ? timeOf(found, at(this.nextMinute, 0), at(this.nextSecond, 0)) : undefined;
  }

  /** How many matching times of a day come before this one. */
  private countBefore(timeMs: number): number {
    const { seconds, minutes, hours } = this.fields;
    const passed = Math.ceil(timeMs / 1_000);
    const [hour, minute, second] = [Math.floor(passed / 3_600), Math.floor(passed / 60) % 60, passed % 60];
    let count = below(hours, hour) * minutes.length * seconds.length;
    if (!hours.includes(hour)) return count;
    count += below(minutes, minute) * seconds.length;
    return minutes.includes(minute) ? count + below(seconds, second) : count;
  }
}

function at(table: Int8Array, index: number): number {
  return table[index] ?? -1;
}

function below(values: readonly number[], limit: number): number {
  return values.filter((value) => value < limit).length;
}

function timeOf(hour: number, minute: number, second: number): number {
  return (hour * 3_600 + minute * 60 + second) * 1_000;
}

/** For each value up to `size` the smallest allowed one at or above it; -1 when there is none. */
function nextTable(allowed: readonly number[], size: number): Int8Array {
  const table = new Int8Array(size + 1).fill(-1);
  const set = new Set(allowed);
  for (let value = size - 1, next = -1; value >= 0; value -= 1) {
    if (set.has(value)) next = value;
    table[value] = next;
  }
  return table;
}
