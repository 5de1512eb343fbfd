import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/zookeeper/support/clock.js';
import { Standstills, standstillInWords } from '../../../src/zookeeper/support/standstill.js';
import { HandClock } from '../mastership/hand-clock.js';

describe('a standstill of the process', () => {
  it('is known by a timer that fires late', async () => {
    const fired = new Promise<void>((resolve) => void systemClock.after(1, resolve));
    const untilMs = performance.now() + 400;
    while (performance.now() < untilMs);
    await fired;
    expect(systemClock.standstillMs(60_000)).toBeGreaterThan(300);
  });

  it('is told as long as it lies in the time asked about', () => {
    const clock = new HandClock();
    clock.after(1_000, () => undefined);
    clock.stall(4_000);
    clock.runDue();
    expect(clock.standstillMs(500)).toBe(3_000);
    expect(standstillInWords(clock, 500, 1_000)).toMatch(/^ This process itself stood still for at least 3000 ms/u);
    expect(standstillInWords(clock, 500, 3_001)).toBe('');
    clock.pass(600);
    expect(clock.standstillMs(500)).toBe(0);
    expect(standstillInWords(clock, 500, 0)).toBe('');
  });

  it('is remembered for the last few, and the short ones that everybody has are not', () => {
    const standstills = new Standstills();
    standstills.note(5_000, 0);
    standstills.note(99, 1);
    expect(standstills.longestMs(10, 1)).toBe(5_000);
    for (let at = 2; at < 30; at += 1) standstills.note(200, at);
    expect(standstills.longestMs(100, 30)).toBe(200);
  });
});
