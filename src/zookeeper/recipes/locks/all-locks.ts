import { received } from '../../support/checks.js';
import { MAX_DELAY_MS, type Clock } from '../../support/clock.js';
import { RunSignal } from '../../support/run-signal.js';
import { BadLockError, LocksNotReleasedError } from './errors.js';
import { checkWait, type Lock, type LockName, type LockPlace, type LockSet, type LockWait } from './lock.js';
import type { LockHandle } from './lock-handle.js';
import type { LockSource } from './lock-source.js';

/** So many locks are acquired in one call at most. */
const MAX_AT_ONCE = 100;

/**
 * Acquires them one after the other, in the order of their paths, so that callers who ask for the same locks in
 * different orders never wait for each other in a circle. Unless it gets all, it gives back what it has.
 */
export async function acquireAll(source: LockSource, clock: Clock, names: readonly LockName[], wait: LockWait): Promise<LockSet> {
  checkWait(wait);
  const places = placesOf(source, names);
  const { waitMs } = wait;
  const startedMs = clock.monotonicMs();
  const leftMs = (): number => Math.max(0, startedMs + (waitMs ?? MAX_DELAY_MS) - clock.monotonicMs());
  const ending = new AbortController();
  const onAbort = (event: Event): void => ending.abort((event.target as AbortSignal).reason);
  wait.signal?.throwIfAborted();
  wait.signal?.addEventListener('abort', onAbort, { once: true });
  const held: LockHandle[] = [];
  try {
    for (const place of inOrder(places)) {
      const lock = await source.acquire(place.asked, { waitMs: waitMs === undefined ? undefined : leftMs(), signal: ending.signal });
      held.push(lock);
      // One that is lost while the others are waited for is the end of it.
      lock.signal.addEventListener('abort', onAbort, { once: true });
    }
    // The last look: nobody is handed a set of which one is lost.
    for (const lock of held) lock.assertHeld();
  } catch (thrown) {
    await Promise.all(held.map((lock) => lock.release()));
    throw thrown;
  } finally {
    wait.signal?.removeEventListener('abort', onAbort);
    for (const lock of held) lock.signal.removeEventListener('abort', onAbort);
  }
  return heldTogether(inOrderOfNames(held, places));
}

interface Asked extends LockPlace {
  readonly asked: LockName;
}

function placesOf(source: LockSource, names: readonly LockName[]): readonly Asked[] {
  const given: unknown = names;
  if (!Array.isArray(given)) throw new BadLockError(`"names" must be a list of names, received ${received(given)}`);
  if (names.length === 0 || names.length > MAX_AT_ONCE)
    throw new BadLockError(`from 1 to ${MAX_AT_ONCE} locks can be acquired together, received ${names.length}`);
  const places = names.map((asked) => ({ ...source.placeOf(asked), asked }));
  const twice = places.find(({ path }, index) => places.findIndex((one) => one.path === path) !== index);
  if (twice !== undefined) throw new BadLockError(`${received(twice.name)} is named twice. Name each lock once`);
  return places;
}

/** By the numbers of their characters, which is the same everywhere. */
function inOrder(places: readonly Asked[]): readonly Asked[] {
  return places.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

function inOrderOfNames(held: readonly LockHandle[], places: readonly Asked[]): readonly LockHandle[] {
  const sorted = inOrder(places);
  return places.flatMap((place) => held[sorted.indexOf(place)] ?? []);
}

export function heldTogether(locks: readonly LockHandle[]): LockSet {
  return new HeldLocks(locks);
}

class HeldLocks implements LockSet {
  readonly signal: AbortSignal;

  constructor(readonly locks: readonly LockHandle[]) {
    const onInvalid = (listener: (why: string) => void): (() => void) => {
      const onAbort = (): void => listener('');
      for (const { signal } of locks) signal.addEventListener('abort', onAbort, { once: true });
      return () => {
        for (const { signal } of locks) signal.removeEventListener('abort', onAbort);
      };
    };
    const reason = (): Error => locks.find(({ signal }) => signal.aborted)?.signal.reason as Error;
    this.signal = new RunSignal({ isValid: () => this.held, onInvalid }, reason).signal;
  }

  get held(): boolean {
    return this.locks.every(({ held }) => held);
  }

  assertHeld(): void {
    for (const lock of this.locks) lock.assertHeld();
  }

  async release(): Promise<void> {
    const outcomes = await Promise.all(this.locks.map(async (lock) => ({ name: lock.name, became: await lock.giveBack() })));
    const pending = outcomes.filter(({ became }) => became === 'pending').map(({ name }) => name);
    if (pending.length > 0) throw new LocksNotReleasedError(pending, this.locks.length);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.locks.map((lock: Lock) => lock.release()));
  }
}
