import { received } from '../../support/checks.js';
import { heldTogether } from './all-locks.js';
import { BadLockError } from './errors.js';
import type { LockName, LockPlace, LockWait, Semaphore, SemaphoreView } from './lock.js';
import { placeIn } from './lock.js';
import type { LockHandle } from './lock-handle.js';
import { withLock } from './lock-source.js';
import { Permits } from './permits.js';

/** Where a semaphore lives. */
export interface SemaphorePlace {
  /** For people. */
  readonly name: string;
  readonly path: string;
  /** Where those stand who wait for permits. */
  readonly line: LockPlace;
  /** The permits that are held. */
  readonly leases: LockPlace;
}

/** What hands out permits: an ensemble, or this process. */
export interface SemaphoreSource {
  /** @throws {BadLockError} */
  semaphorePlaceOf(name: LockName): SemaphorePlace;
  /** Undefined: not free, for somebody who does not wait. @throws {LockBusyError} The signal's reason. */
  acquirePermits(place: SemaphorePlace, wanted: WantedPermits, wait: LockWait): Promise<readonly LockHandle[]>;
  tryAcquirePermits(place: SemaphorePlace, wanted: WantedPermits): Promise<readonly LockHandle[] | undefined>;
  inspectSemaphore(place: SemaphorePlace): Promise<SemaphoreView>;
}

/** So many permits of those that there are. */
export interface WantedPermits {
  readonly permits: Permits;
  readonly count: number;
}

/** @throws {BadLockError} */
export function semaphorePlace(name: LockName, rootPath: string): SemaphorePlace {
  const { path, root, name: shown } = placeIn(name, rootPath, 'semaphores');
  const [line, leases] = [`${path}/locks`, `${path}/leases`];
  const nodes = [path, line, leases];
  return { name: shown, path, line: { name: shown, path: line, root, nodes }, leases: { name: shown, path: leases, root, nodes } };
}

/** @throws {BadLockError} when the name or the number cannot be used. */
export function semaphoreOf(source: SemaphoreSource, name: LockName, permits: number): Semaphore {
  const place = source.semaphorePlaceOf(name);
  const known = new Permits(permits);
  const one: WantedPermits = { permits: known, count: 1 };
  const semaphore: Semaphore = {
    get permits() {
      return known.value;
    },
    resize: (next) => known.set(next),
    acquire: async (wait = {}) => single(await source.acquirePermits(place, one, wait)),
    tryAcquire: async () => {
      const taken = await source.tryAcquirePermits(place, one);
      return taken && single(taken);
    },
    acquireMany: async (count, wait = {}) =>
      heldTogether(await source.acquirePermits(place, { permits: known, count: checkedCount(count, known) }, wait)),
    withPermit: (work, wait) => withLock(() => semaphore.acquire(wait), work),
    inspect: () => source.inspectSemaphore(place),
  };
  return semaphore;
}

function single([lock]: readonly LockHandle[]): LockHandle {
  if (lock === undefined) throw new Error('a permit was answered without its lock');
  return lock;
}

function checkedCount(count: unknown, permits: Permits): number {
  if (typeof count !== 'number' || !Number.isInteger(count) || count < 1 || count > permits.value)
    throw new BadLockError(
      `the count must be a whole number from 1 to ${permits.value}, which is all there are, received ${received(count)}`,
    );
  return count;
}
