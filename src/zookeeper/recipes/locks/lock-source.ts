import type { Lock, LockName, LockPlace, LockView, LockWait } from './lock.js';
import type { LockHandle } from './lock-handle.js';

/** What hands out locks: an ensemble, or this process. */
export interface LockSource {
  /** @throws {BadLockError} */
  placeOf(name: LockName): LockPlace;
  /** @throws {LockBusyError} when it is not free within `waitMs`. The signal's reason. */
  acquire(name: LockName, wait: LockWait): Promise<LockHandle>;
  /** Undefined: not free now. */
  tryAcquire(name: LockName): Promise<LockHandle | undefined>;
  inspect(name: LockName): Promise<LockView>;
}

/** Holds the lock while `work` runs; what `work` returns or throws is handed on. */
export async function withLock<T>(acquire: () => Promise<Lock>, work: (lock: Lock) => Promise<T> | T): Promise<T> {
  const lock = await acquire();
  try {
    return await work(lock);
  } finally {
    await lock.release();
  }
}
