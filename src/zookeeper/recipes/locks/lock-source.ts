import type { LockMode } from './contenders.js';
import type { Lock, LockName, LockPlace, LockView, LockWait, ReadWriteLock } from './lock.js';
import type { LockHandle } from './lock-handle.js';

/** What hands out locks: an ensemble, or this process. */
export interface LockSource {
  /** @throws {BadLockError} */
  placeOf(name: LockName): LockPlace;
  /** @throws {LockBusyError} when it is not free within `waitMs`. The signal's reason. */
  acquire(name: LockName, wait: LockWait, mode?: LockMode): Promise<LockHandle>;
  /** Undefined: not free now. */
  tryAcquire(name: LockName, mode?: LockMode): Promise<LockHandle | undefined>;
  inspect(name: LockName): Promise<LockView>;
  /** How many were asked. */
  requestRevocation(name: LockName): Promise<number>;
}

/** Holds the lock while `work` runs; what `work` returns or throws is handed on. */
export async function withLock<L extends Lock, T>(acquire: () => Promise<L>, work: (lock: L) => Promise<T> | T): Promise<T> {
  const lock = await acquire();
  try {
    return await work(lock);
  } finally {
    await lock.release();
  }
}

/** @throws {BadLockError} when the name cannot be used. */
export function readWriteOf(source: LockSource, name: LockName): ReadWriteLock {
  source.placeOf(name);
  const lock: ReadWriteLock = {
    read: (wait = {}) => source.acquire(name, wait, 'read'),
    write: (wait = {}) => source.acquire(name, wait, 'write'),
    tryRead: () => source.tryAcquire(name, 'read'),
    tryWrite: () => source.tryAcquire(name, 'write'),
    withRead: (work, wait) => withLock(() => lock.read(wait), work),
    withWrite: (work, wait) => withLock(() => lock.write(wait), work),
  };
  return lock;
}
