import { sleep } from '../../support/abort.js';
import type { Clock } from '../../support/clock.js';

/**
 * How long after the end of the pipe the death of the parent is waited for. The kernel closes a dead process's
 * descriptors and hands its children on within one call, some milliseconds at most; the rest is for a machine that is
 * short of processors.
 */
export const DEATH_WITHIN_MS = 5_000;

const FIRST_PAUSE_MS = 1;
const MAX_PAUSE_MS = 50;

/**
 * Whether the parent has died, asked once its end of the pipe is closed. That alone proves nothing: a living process
 * can close a descriptor, or replace its program. Its death is proven by another parent: the kernel hands the children
 * of a process on when the last of its threads has stopped for good, and at no other time.
 */
export async function hasDied(parentPid: number, parentNow: () => number, clock: Clock): Promise<boolean> {
  const never = new AbortController().signal;
  const untilMs = clock.monotonicMs() + DEATH_WITHIN_MS;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, MAX_PAUSE_MS)) {
    if (parentNow() !== parentPid) return true;
    if (clock.monotonicMs() >= untilMs) return false;
    await sleep(clock, pauseMs, never);
  }
}
