import fc from 'fast-check';
import { CronTime } from 'cron';
import { describe, expect, it } from 'vitest';
import { BadScheduleError, parseSchedule, scheduleSpecOf } from '../../../../src/zookeeper/jobs/schedule/parse.js';
import { endOf, type Tick } from '../../../../src/zookeeper/jobs/schedule/tick.js';

const UTC = 'UTC';
const START_MS = Date.UTC(2026, 10, 21, 12, 34, 56, 789);

function times(cronTime: string, count: number, timeZone = UTC): string[] {
  const schedule = parseSchedule({ cronTime, timeZone });
  const found: string[] = [];
  for (let tick = schedule.next(endOf(START_MS)); tick !== undefined && found.length < count; tick = schedule.next(tick))
    found.push(new Date(tick.dueMs).toISOString());
  return found;
}

describe('a schedule', () => {
  it.each([
    ['*/15 * * * * *', ['2026-11-21T12:35:00.000Z', '2026-11-21T12:35:15.000Z']],
    ['30 2 * * *', ['2026-11-22T02:30:00.000Z', '2026-11-23T02:30:00.000Z']],
    ['@daily', ['2026-11-22T00:00:00.000Z', '2026-11-23T00:00:00.000Z']],
    ['0 0 9 * * MON-FRI', ['2026-11-23T09:00:00.000Z', '2026-11-24T09:00:00.000Z']],
    ['0 0 0 1 jan *', ['2027-01-01T00:00:00.000Z', '2028-01-01T00:00:00.000Z']],
    ['0 0 0 29 2 *', ['2028-02-29T00:00:00.000Z', '2032-02-29T00:00:00.000Z']],
    // Both days restricted: one of them is enough.
    ['0 0 0 1 * 0', ['2026-11-22T00:00:00.000Z', '2026-11-29T00:00:00.000Z', '2026-12-01T00:00:00.000Z']],
    // Without its last value a field is not a wildcard.
    ['0-58 59 23 31 12 *', ['2026-12-31T23:59:00.000Z', '2026-12-31T23:59:01.000Z']],
  ])('%s', (cronTime, expected) => {
    expect(times(cronTime, expected.length)).toEqual(expected);
  });

  it('leaves out what a field that ends before its last value leaves out', () => {
    const minute = parseSchedule({ cronTime: '0-58 * * * * *', timeZone: UTC });
    expect(minute.count(endOf(START_MS), START_MS + 600_000)).toBe(590);
  });

  it('is due once for an instant', () => {
    const once = parseSchedule({ cronTime: '2026-12-24T18:00:00.000Z', timeZone: 'Europe/Berlin' });
    const tick = once.next(endOf(START_MS));
    expect(tick?.dueMs).toBe(Date.UTC(2026, 11, 24, 18));
    expect(tick && once.nominalTime(tick)).toBe('2026-12-24T19:00:00');
    expect(once.next(tick as Tick)).toBeUndefined();
  });

  it.each([
    ['', UTC, 'expected a cron expression'],
    ['99 * * * * *', UTC, 'out of range'],
    ['* * *', UTC, 'Too few fields'],
    ['0 0 L * *', UTC, 'cannot be used: "L" (the last day) is not supported; use days 28-31'],
    ['0 0 l * *', UTC, '"L" (the last day) is not supported'],
    ['0 0 L-3 * *', UTC, '"L" (the last day) is not supported'],
    ['0 0 * * 5L', UTC, '"L" (the last such day of the month) is not supported'],
    ['0 0 * * FRIL', UTC, '"L" (the last such day of the month) is not supported'],
    ['0 0 15W * *', UTC, '"W" (the nearest weekday) is not supported'],
    ['0 0 1,LW * *', UTC, '"LW" (the last weekday of the month) is not supported'],
    ['0 0 * * 5#3', UTC, '"#" (the nth such day of the month) is not supported'],
    ['0 0 ? * *', UTC, '"?" is not supported; use "*"'],
    ['H H * * *', UTC, '"H" (a hashed value) is not supported; use a number'],
    ['0 0 0 1 1 * 2027', UTC, 'a year is not supported'],
    ['@reboot', UTC, 'this short form is not supported; use @secondly'],
    ['@every 5m', UTC, 'this short form is not supported'],
    ['0 0 * * FRX', UTC, 'Unknown alias'],
    ['0 0 0 30 2 *', UTC, 'no such day'],
    ['0 0 0 * * *', 'Atlantis/Center', 'no such time zone'],
    ['0 0 0 * * *', '', 'expected a time zone'],
    [`${'0,'.repeat(200)}0 * * * * *`, UTC, 'at most 256'],
    ['0 0 0 * * \u00fc', UTC, 'characters'],
  ])('%j in %j cannot be used, with the reason', (cronTime, timeZone, why) => {
    expect(() => parseSchedule({ cronTime, timeZone })).toThrow(BadScheduleError);
    expect(() => parseSchedule({ cronTime, timeZone })).toThrow(why);
  });

  it.each([
    [['0 0 * * * *', 'Asia/Shanghai', undefined], { cronTime: '0 0 * * * *', timeZone: 'Asia/Shanghai' }],
    [['0 0 * * * *', undefined, 330], { cronTime: '0 0 * * * *', timeZone: 'UTC+05:30' }],
    [['0 0 * * * *', undefined, -60], { cronTime: '0 0 * * * *', timeZone: 'UTC-01:00' }],
    [['0 0 * * * *', undefined, undefined], { cronTime: '0 0 * * * *', timeZone: new Intl.DateTimeFormat().resolvedOptions().timeZone }],
    [[new Date('2026-12-24T18:00:00Z'), 'UTC', undefined], { cronTime: '2026-12-24T18:00:00.000Z', timeZone: 'UTC' }],
    [[{ toMillis: () => 0 }, 'UTC', undefined], { cronTime: '1970-01-01T00:00:00.000Z', timeZone: 'UTC' }],
  ])('is written down from what @Cron was given', ([cronTime, timeZone, utcOffset], expected) => {
    expect(scheduleSpecOf(cronTime, timeZone, utcOffset)).toEqual(expected);
    expect(parseSchedule(expected).spec).toEqual(expected);
  });

  it.each(['0 0  2 * * *', ' 0\t0 2 * * * ', `0 0 2 *${'\t'.repeat(240)}* *`, '0 0 2\n* * *', '0\u00a00 2 * * *'])(
    'is the same schedule with other spacing: %j',
    (cronTime) => {
      expect(scheduleSpecOf(cronTime, UTC)).toEqual({ cronTime: '0 0 2 * * *', timeZone: UTC });
    },
  );

  it('refuses what is no schedule at all', () => {
    expect(() => scheduleSpecOf(5, 'UTC')).toThrow('expected a cron expression or a Date');
    expect(() => scheduleSpecOf(new Date(Number.NaN), 'UTC')).toThrow(BadScheduleError);
  });
});

const FIELD = (low: number, high: number): fc.Arbitrary<string> =>
  fc.oneof(
    fc.constant('*'),
    fc.integer({ min: 2, max: high }).map((step) => `*/${step}`),
    fc.uniqueArray(fc.integer({ min: low, max: high }), { minLength: 1, maxLength: 3 }).map((values) => values.join(',')),
  );
const CRON = fc.tuple(FIELD(0, 59), FIELD(0, 59), FIELD(0, 23), FIELD(1, 28), FIELD(1, 12), FIELD(0, 6)).map((fields) => fields.join(' '));

describe('any schedule', () => {
  it('names the same next instant as the cron package, in a zone without changes', () => {
    fc.assert(
      fc.property(CRON, fc.integer({ min: START_MS, max: START_MS + 3e10 }), (cronTime, fromMs) => {
        const expected = new CronTime(cronTime, 'UTC').getNextDateFrom(new Date(fromMs), 'UTC').toMillis();
        expect(parseSchedule({ cronTime, timeZone: UTC }).next(endOf(fromMs))?.dueMs).toBe(expected);
      }),
      { numRuns: 300 },
    );
  });

  it('agrees with itself: the last tick is the one after which none comes, and the count is that of the steps', () => {
    fc.assert(
      fc.property(
        CRON,
        fc.constantFrom('UTC', 'Europe/Berlin', 'Australia/Lord_Howe', 'America/St_Johns'),
        fc.integer({ min: 0, max: 4e7 }),
        fc.integer({ min: 1, max: 4e6 }),
        (cronTime, timeZone, offsetS, lengthS) => {
          const schedule = parseSchedule({ cronTime, timeZone });
          const from = endOf(START_MS + offsetS * 1_000);
          const untilMs = from.dueMs + lengthS * 1_000;
          const ticks: Tick[] = [];
          for (
            let tick = schedule.next(from);
            tick !== undefined && tick.dueMs <= untilMs && ticks.length < 2_000;
            tick = schedule.next(tick)
          )
            ticks.push(tick);
          if (ticks.length === 2_000) return;
          expect(schedule.count(from, untilMs)).toBe(ticks.length);
          expect(schedule.last(from, untilMs)).toEqual(ticks.at(-1));
        },
      ),
      { numRuns: 200 },
    );
  });

  it('is counted over a year of seconds without going through them', () => {
    const everySecond = parseSchedule({ cronTime: '* * * * * *', timeZone: 'Europe/Berlin' });
    expect(everySecond.count(endOf(START_MS), START_MS + 365 * 86_400_000)).toBe(365 * 86_400);
  });
});

describe('schedules of thousands of jobs', () => {
  it('are read once for each text and zone', () => {
    const [first, ...others] = Array.from({ length: 1_000 }, () => parseSchedule({ cronTime: '0 17 3 * * *', timeZone: 'Europe/Berlin' }));
    expect(new Set(others)).toEqual(new Set([first]));
    expect(parseSchedule({ cronTime: '0 17 3 * * *', timeZone: 'Europe/Paris' })).not.toBe(first);
    expect(parseSchedule({ cronTime: '0 17 4 * * *', timeZone: 'Europe/Berlin' })).not.toBe(first);
  });

  it('are forgotten when there are too many, the one that was read first at the beginning', () => {
    const old = parseSchedule({ cronTime: '0 18 3 * * *', timeZone: UTC });
    for (let n = 0; n < 2_000; n += 1) parseSchedule({ cronTime: `${n % 60} ${Math.floor(n / 60)} 5 * * *`, timeZone: UTC });
    expect(parseSchedule({ cronTime: '0 18 3 * * *', timeZone: UTC })).not.toBe(old);
  });

  it('that cannot be used are refused each time', () => {
    for (let time = 0; time < 2; time += 1) expect(() => parseSchedule({ cronTime: '* * *', timeZone: UTC })).toThrow(BadScheduleError);
  });
});
