import { describe, expect, it } from 'vitest';
import { parseSchedule } from '../../../../src/zookeeper/jobs/schedule/parse.js';
import type { Schedule } from '../../../../src/zookeeper/jobs/schedule/schedule.js';
import { endOf, type Tick } from '../../../../src/zookeeper/jobs/schedule/tick.js';
import { changesOf, expectedRuns, LocalTimes, type Simple } from './oracle.js';

const HOUR_MS = 3_600_000;
const FROM_MS = Date.UTC(2026, 0, 1);
const TO_MS = Date.UTC(2029, 0, 1);

const EVERY_HOUR = Array.from({ length: 24 }, (_, hour) => hour);

const JOBS: readonly (readonly [cronTime: string, job: Simple])[] = [
  ['0 0 0 * * *', { minutes: [0], hours: [0] }],
  ['0 0 1 * * *', { minutes: [0], hours: [1] }],
  ['0 0,30 2 * * *', { minutes: [0, 30], hours: [2] }],
  ['0 15 3 * * *', { minutes: [15], hours: [3] }],
  ['0 45 23 * * *', { minutes: [45], hours: [23] }],
  ['0 10 0-5 * * *', { minutes: [10], hours: [0, 1, 2, 3, 4, 5] }],
  ['0 */5 0-5 * * *', { minutes: [0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55], hours: [0, 1, 2, 3, 4, 5] }],
  ['0 0 */24 * * *', { minutes: [0], hours: [0] }],
  ['0 0 */2 * * *', { minutes: [0], hours: [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22] }],
  ['0 0 * * * *', { minutes: [0], hours: EVERY_HOUR }],
  ['0 0 0-23/1 * * *', { minutes: [0], hours: EVERY_HOUR }],
  ['0 0,30 0-23 * * *', { minutes: [0, 30], hours: EVERY_HOUR }],
];

describe('what a schedule means does not depend on how it is spelled', () => {
  const runs = (cronTime: string, timeZone: string, day: string): string[] => {
    const fromMs = Date.parse(`${day}T00:00:00Z`);
    return ticks(parseSchedule({ cronTime, timeZone }), endOf(fromMs - 1), fromMs + 24 * HOUR_MS).map(({ dueMs }) =>
      new Date(dueMs).toISOString().slice(11, 16),
    );
  };

  it.each(['0 * * * *', '@hourly', '0 */1 * * *', '0 0-23 * * *', '0 0-23/1 * * *', '0 0 0-11,12-23 * * *'])(
    '%s is each hour that passes, at both changes',
    (cronTime) => {
      const hours = EVERY_HOUR.map((hour) => `${String(hour).padStart(2, '0')}:00`);
      expect(runs(cronTime, 'Europe/Berlin', '2027-03-28')).toEqual(hours);
      expect(runs(cronTime, 'Europe/Berlin', '2026-10-25')).toEqual(hours);
    },
  );

  it.each(['0 0 * * *', '0 */24 * * *', '@daily', '0 0-0 * * *'])(
    '%s is once that day, also where midnight is left out or comes twice',
    (cronTime) => {
      expect(runs(cronTime, 'America/Havana', '2027-03-14')).toEqual(['05:00']);
      expect(runs(cronTime, 'America/Havana', '2026-11-01')).toEqual(['04:00']);
    },
  );

  it('all times of a gap are one run, with the one that the clocks show at its end', () => {
    expect(runs('*/5 0-5 * * *', 'Europe/Berlin', '2027-03-28').filter((time) => time === '01:00')).toHaveLength(1);
    expect(runs('* * 2 * * *', 'Europe/Berlin', '2027-03-28')).toEqual(['01:00']);
  });

  it('a tick of an earlier release, which took each time of a gap for one, is not followed by another at that instant', () => {
    const gapEndMs = Date.UTC(2027, 2, 28, 1);
    for (const cronTime of ['0 */5 0-5 * * *', '0 0 0-23/1 * * *']) {
      const next = parseSchedule({ cronTime, timeZone: 'Europe/Berlin' }).next({ dueMs: gapEndMs, nominalMs: Date.UTC(2027, 2, 28, 2) });
      expect(next?.dueMs).toBeGreaterThan(gapEndMs);
    }
  });
});

describe('around every change of every time zone from 2026 to 2028', () => {
  const zones =
    process.env['ALL_ZONES'] === undefined ? oneOfEachKind(Intl.supportedValuesOf('timeZone')) : Intl.supportedValuesOf('timeZone');
  let changes = 0;

  it.each(inGroups(zones, 40))('schedules agree with an independent calculation: %s', (_, group) => {
    for (const timeZone of group) {
      const local = new LocalTimes(timeZone);
      for (const changeMs of changesOf(timeZone, FROM_MS, TO_MS)) {
        changes += 1;
        for (const [cronTime, job] of JOBS) {
          const fromMs = changeMs - 7 * HOUR_MS;
          const toMs = changeMs + 27 * HOUR_MS;
          const expected = expectedRuns(job, local, fromMs, toMs);
          const schedule = parseSchedule({ cronTime, timeZone });
          const where = `${cronTime} in ${timeZone} at ${new Date(changeMs).toISOString()}`;
          expect(shown(schedule, endOf(fromMs - 1), toMs), where).toEqual(expected);
          expect(schedule.count(endOf(fromMs - 1), toMs - 1), where).toBe(expected.length);
          expectToContinue(schedule, fromMs, toMs, changeMs, where);
        }
      }
    }
  });

  it('there were changes to compare', () => {
    expect(changes).toBeGreaterThan(150);
  });
});

/**
 * Zones with the same changes at the same instants to the same local times are one zone by another name:
 * nothing that a schedule asks of them differs.
 * `ALL_ZONES=1 npm test -- test/unit/jobs/schedule/changes.spec.ts` takes each all the same.
 */
function oneOfEachKind(zones: readonly string[]): readonly string[] {
  const kinds = new Map<string, string>();
  for (const timeZone of zones) {
    const local = new LocalTimes(timeZone);
    const around = (changeMs: number): string => JSON.stringify([changeMs, local.at(changeMs - 60_000), local.at(changeMs)]);
    const kind = changesOf(timeZone, FROM_MS, TO_MS).map(around).join();
    if (!kinds.has(kind)) kinds.set(kind, timeZone);
  }
  return [...kinds.values()];
}

/** A replica that starts anew in the middle, from the last tick that was claimed, goes on with the next one. */
function expectToContinue(schedule: Schedule, fromMs: number, toMs: number, changeMs: number, where: string): void {
  const all = ticks(schedule, endOf(fromMs - 1), toMs);
  for (const restartMs of [changeMs - HOUR_MS / 2, changeMs, changeMs + HOUR_MS / 4, changeMs + HOUR_MS]) {
    const last = schedule.last(endOf(fromMs - 1), restartMs);
    expect(last, where).toEqual(all.findLast((tick) => tick.dueMs <= restartMs));
    if (last !== undefined) expect(ticks(schedule, last, toMs), where).toEqual(all.slice(all.findIndex((tick) => same(tick, last)) + 1));
  }
}

function shown(schedule: Schedule, after: Tick, toMs: number): { dueMs: number; nominal: string }[] {
  return ticks(schedule, after, toMs).map((tick) => ({
    dueMs: tick.dueMs,
    nominal: schedule.nominalTime(tick).slice(0, 16).replace('T', ' '),
  }));
}

function ticks(schedule: Schedule, after: Tick, toMs: number): Tick[] {
  const found: Tick[] = [];
  for (let tick = schedule.next(after); tick !== undefined && tick.dueMs < toMs; tick = schedule.next(tick)) found.push(tick);
  return found;
}

function same(a: Tick, b: Tick): boolean {
  return a.dueMs === b.dueMs && a.nominalMs === b.nominalMs;
}

function inGroups(zones: readonly string[], size: number): [string, string[]][] {
  return Array.from({ length: Math.ceil(zones.length / size) }, (_, index) => {
    const group = zones.slice(index * size, (index + 1) * size);
    return [`${group[0]} to ${group.at(-1)}`, group];
  });
}
