import { describe, expect, it } from 'vitest';
import { MAX_CATCHING_UP, CatchUpLimit, PLACE_MS, type Waiter } from '../../../src/zookeeper/dispatch/catch-up-limit.js';
import { HandClock } from '../mastership/hand-clock.js';

const told: string[] = [];

function waiter(job: string): Waiter {
  return { job, wakeUp: () => void told.push(job) };
}

/** With every place taken by a run that hangs. */
function full() {
  const clock = new HandClock();
  const catchUpLimit = new CatchUpLimit(clock);
  const ends = Array.from({ length: MAX_CATCHING_UP }, (_, n) => catchUpLimit.take(waiter(`hanging-${n}`)).begun());
  told.length = 0;
  return { clock, catchUpLimit, ends };
}

describe('the places for catching up', () => {
  it('are taken before anything is sent, and free again when nothing was claimed', () => {
    const catchUpLimit = new CatchUpLimit(new HandClock());
    const places = Array.from({ length: MAX_CATCHING_UP }, (_, n) => catchUpLimit.take(waiter(`job-${n}`)));
    expect(catchUpLimit.hasRoomFor(waiter('next'))).toBe(false);
    places[0]?.release();
    expect(catchUpLimit.hasRoomFor(waiter('next'))).toBe(true);
  });

  it('are kept by a run that goes on for a bounded time', async () => {
    const { clock, catchUpLimit, ends } = full();
    const next = waiter('next');
    catchUpLimit.wait(next);
    clock.pass(PLACE_MS - 1);
    await Promise.resolve();
    expect([catchUpLimit.hasRoomFor(next), told]).toEqual([false, []]);
    clock.pass(1);
    await Promise.resolve();
    expect([catchUpLimit.hasRoomFor(next), told]).toEqual([true, ['next']]);
    // What ends later frees nothing a second time.
    for (let n = 0; n < MAX_CATCHING_UP; n += 1) catchUpLimit.take(waiter(`other-${n}`));
    for (const end of ends) end();
    expect(catchUpLimit.hasRoomFor(next)).toBe(false);
    expect(clock.waiting).toBe(0);
  });

  it('go to those in line, in order; a newcomer has none that somebody in line could have', async () => {
    const { catchUpLimit, ends } = full();
    const [first, second, newcomer] = [waiter('first'), waiter('second'), waiter('newcomer')];
    catchUpLimit.wait(first);
    catchUpLimit.wait(second);
    catchUpLimit.wait(first);
    ends[0]?.();
    await Promise.resolve();
    expect(told).toEqual(['first']);
    expect([catchUpLimit.hasRoomFor(first), catchUpLimit.hasRoomFor(second), catchUpLimit.hasRoomFor(newcomer)]).toEqual([
      true,
      false,
      false,
    ]);
    catchUpLimit.leave(first);
    await Promise.resolve();
    expect(told).toEqual(['first', 'second']);
    catchUpLimit.take(second).missed();
    // The record has moved: it has not lost its turn.
    catchUpLimit.wait(newcomer);
    expect([catchUpLimit.hasRoomFor(second), catchUpLimit.hasRoomFor(newcomer)]).toEqual([true, false]);
  });

  it('tell who waits how many are before it, and which jobs have the places', () => {
    const { catchUpLimit } = full();
    expect(catchUpLimit.waitOf('second')).toBeUndefined();
    catchUpLimit.wait(waiter('first'));
    catchUpLimit.wait(waiter('second'));
    const behind = ['hanging-0', 'hanging-1', 'hanging-2', 'hanging-3'];
    expect(catchUpLimit.waitOf('second')).toEqual({ ahead: 1, behind });
  });
});
