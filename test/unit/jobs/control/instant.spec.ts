import { describe, expect, it } from 'vitest';
import { instantOf } from '../../../../src/zookeeper/jobs/control/instant.js';

const iso = (tick: Date | string | number, timeZone?: string): string | undefined => {
  const ms = instantOf(tick, timeZone);
  return Number.isNaN(ms) ? undefined : new Date(ms).toISOString();
};

describe('the instant that is asked about', () => {
  it.each([
    [new Date(1_796_041_320_000), '2026-11-30T12:22:00.000Z'],
    [1_796_041_320_000, '2026-11-30T12:22:00.000Z'],
    ['1796041320000', '2026-11-30T12:22:00.000Z'],
    ['2026-11-30T12:22Z', '2026-11-30T12:22:00.000Z'],
    ['2026-11-30T13:22:00+01:00', '2026-11-30T12:22:00.000Z'],
    ['2026-11-30T13:22:00+0100', '2026-11-30T12:22:00.000Z'],
    ['Mon, 30 Nov 2026 12:22:00 GMT', '2026-11-30T12:22:00.000Z'],
    ['Mon Nov 30 2026 13:22:00 GMT+0100 (Central European Standard Time)', '2026-11-30T12:22:00.000Z'],
  ])('is %j wherever the job is', (tick, instant) => {
    expect([iso(tick), iso(tick, 'Asia/Shanghai')]).toEqual([instant, instant]);
  });

  it.each([
    ['2026-11-30T20:22', '2026-11-30T12:22:00.000Z'],
    ['2026-11-30 20:22:05', '2026-11-30T12:22:05.000Z'],
    [' 2026-11-30T20:22:05.250 ', '2026-11-30T12:22:05.250Z'],
    ['2026-11-30', '2026-11-29T16:00:00.000Z'],
  ])('is %j by the clocks of the job, where no zone is named', (tick, instant) => {
    expect(iso(tick, 'Asia/Shanghai')).toBe(instant);
  });

  it('is by UTC for a job without a zone', () => {
    expect(iso('2026-11-30T20:22')).toBe('2026-11-30T20:22:00.000Z');
    expect(iso('2026-11-30T20:22', 'UTC+05:30')).toBe('2026-11-30T14:52:00.000Z');
  });

  it('is the first of two at the end of summer time, and the end of the gap at its beginning', () => {
    expect(iso('2026-10-25T02:30', 'Europe/Berlin')).toBe('2026-10-25T00:30:00.000Z');
    expect(iso('2026-10-25T03:00', 'Europe/Berlin')).toBe('2026-10-25T02:00:00.000Z');
    expect(iso('2027-03-28T02:30', 'Europe/Berlin')).toBe('2027-03-28T01:00:00.000Z');
    expect(iso('2027-03-28T03:30', 'Europe/Berlin')).toBe('2027-03-28T01:30:00.000Z');
    expect(iso('2027-03-28T01:30', 'Europe/Berlin')).toBe('2027-03-28T00:30:00.000Z');
  });

  it.each([NaN, 9e15, new Date(NaN), '', 'yesterday', '2026', '20261130', '1796026920', '2026-13-01', '2026-02-31', '2026-11-30T25:00'])(
    'is none: %j',
    (tick) => {
      expect(iso(tick, 'Europe/Berlin')).toBeUndefined();
    },
  );

  it.each(['Mon Nov 30 2026 13:22:00', '11/30/2026'])('is not guessed by the zone of this process: %j', (tick) => {
    expect(iso(tick, 'Europe/Berlin')).toBeUndefined();
  });
});
