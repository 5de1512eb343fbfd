import { describe, expect, it } from 'vitest';
import { MAX_CATCHING_UP, Pace, PLACE_MS, type Waiter } from '../../../src/zookeeper/dispatch/catch-up-limit.js';
import { HandClock } from '../mastership/hand-clock.js';

const told: string[] = [];

function waiter(job: string): Waiter {
  return { job, look: () => void told.push(job) };
}

/** With every place taken by a run that hangs. */
function full() {
  const clock = new HandClock();
  const pace = new Pace(clock);
  const ends = Array.from({ length: MAX_CATCHING_UP }, (_, n) => pace.take(waiter(`hanging-${n}`)).begun());
  told.length = 0;
  return { clock, pace, ends };
}

describe('the places for catching up', () => {
  it('are taken before anything is sent, and free again when nothing was claimed', () => {
    const pace = new Pace(new HandClock());
    const places = Array.from({ length: MAX_CATCHING_UP }, (_, n) => pace.take(waiter(`job-${n}`)));
    expect(pace.hasRoomFor(waiter('next'))).toBe(false);
    places[0]?.release();
    expect(pace.hasRoomFor(waiter('next'))).toBe(true);
  });

  it('are kept by a run that goes on for a bounded time', async () => {
    const { clock, pace, ends } = full();
    const next = waiter('next');
    pace.wait(next);
    clock.pass(PLACE_MS - 1);
    await Promise.resolve();
    expect([pace.hasRoomFor(next), told]).toEqual([false, []]);
    clock.pass(1);
    await Promise.resolve();
    expect([pace.hasRoomFor(next), told]).toEqual([true, ['next']]);
    // What ends later frees nothing a second time.
    for (let n = 0; n < MAX_CATCHING_UP; n += 1) pace.take(waiter(`other-${n}`));
    for (const end of ends) end();
    expect(pace.hasRoomFor(next)).toBe(false);
    expect(clock.waiting).toBe(0);
  });

  it('go to those in line, in order; a newcomer has none that somebody in line could have', async () => {
    const { pace, ends } = full();
    const [first, second, newcomer] = [waiter('first'), waiter('second'), waiter('newcomer')];
    pace.wait(first);
    pace.wait(second);
    pace.wait(first);
    ends[0]?.();
    await Promise.resolve();
    expect(told).toEqual(['first']);
    expect([pace.hasRoomFor(first), pace.hasRoomFor(second), pace.hasRoomFor(newcomer)]).toEqual([true, false, false]);
    pace.leave(first);
    await Promise.resolve();
    expect(told).toEqual(['first', 'second']);
    pace.take(second).missed();
    // The record has moved: it has not lost its turn.
    pace.wait(newcomer);
    expect([pace.hasRoomFor(second), pace.hasRoomFor(newcomer)]).toEqual([true, false]);
  });

  it('tell who waits how many are before it, and which jobs have the places', () => {
    const { pace } = full();
    expect(pace.waitOf('second')).toBeUndefined();
    pace.wait(waiter('first'));
    pace.wait(waiter('second'));
    const behind = ['hanging-0', 'hanging-1', 'hanging-2', 'hanging-3'];
    expect(pace.waitOf('second')).toEqual({ ahead: 1, behind });
  });
});
