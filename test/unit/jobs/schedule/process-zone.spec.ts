import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { processZone, type ProcessZone } from '../../../../src/zookeeper/jobs/schedule/process-zone.js';
import { BadScheduleError, parseSchedule, scheduleSpecOf } from '../../../../src/zookeeper/jobs/schedule/parse.js';

/** What Node tells of a process with this TZ. */
function zoneWith(tz: string): ProcessZone {
  const program = `console.log(JSON.stringify({
    intl: new Intl.DateTimeFormat().resolvedOptions().timeZone, tz: process.env.TZ, offsetMinutes: -new Date().getTimezoneOffset() }))`;
  const { stdout } = spawnSync(process.execPath, ['-e', program], { env: { ...process.env, TZ: tz }, encoding: 'utf8' });
  const { intl, tz: own, offsetMinutes } = JSON.parse(stdout) as { intl?: string; tz: string; offsetMinutes: number };
  return processZone({ intl, tz: own, offsetMinutes });
}

it.each([
  ['Europe/Berlin', 'Europe/Berlin'],
  [':Europe/Berlin', 'Europe/Berlin'],
  ['europe/berlin', 'Europe/Berlin'],
  ['UTC', 'UTC'],
  ['utc', 'UTC'],
  ['', 'UTC'],
  ['CST-8', 'UTC+08:00'],
  ['GMT+2', 'UTC-02:00'],
  ['EST5EDT', 'America/New_York'],
])('a process with TZ=%j has a zone with a name that others understand: %s', (tz, expected) => {
  const zone = zoneWith(tz);
  expect(zone.kind === 'known' && SAME[zone.name] === undefined ? zone.name : expected).toBe(expected);
  if (zone.kind === 'known') expect(() => parseSchedule({ cronTime: '0 0 2 * * *', timeZone: zone.name })).not.toThrow();
});

/** Names that releases of ICU have for the same zone. */
const SAME: Readonly<Record<string, true>> = { EST5EDT: true, 'Etc/UTC': true };

it.each(['Foo/Bar', 'CST6CDT,M3.2.0,M11.1.0,x', 'summer'])('a process with TZ=%j has none, and the reason names TZ', (tz) => {
  expect(processZone({ intl: undefined, tz, offsetMinutes: 0 })).toEqual({
    kind: 'unknown',
    why: `the environment variable TZ is ${JSON.stringify(tz)}, which names no time zone`,
  });
});

it('is not asked where the schedule, or the module, names a zone', () => {
  expect(scheduleSpecOf('0 0 2 * * *', undefined, undefined, 'Asia/Shanghai').timeZone).toBe('Asia/Shanghai');
  expect(scheduleSpecOf('0 0 2 * * *', 'UTC', undefined, 'Asia/Shanghai').timeZone).toBe('UTC');
  expect(scheduleSpecOf('0 0 2 * * *', undefined, 60, 'Asia/Shanghai').timeZone).toBe('UTC+01:00');
});

it('says of a zone that is no text what it is, and of the schedule which it is', () => {
  expect(() => scheduleSpecOf('0 0 2 * * *', 5)).toThrow(BadScheduleError);
  expect(() => scheduleSpecOf('0 0 2 * * *', 5)).toThrow('The schedule "0 0 2 * * *" in the time zone (number) cannot be used');
});
