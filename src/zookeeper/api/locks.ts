import { Inject, Injectable } from '@nestjs/common';
import { LOCKS } from '../decorators/inject.js';
import { acquireAll } from '../recipes/locks/all-locks.js';
import type { Lock, LockName, LockSet, LockView, LockWait, ReadWriteLock, Semaphore } from '../recipes/locks/lock.js';
import { type SemaphoreSource, semaphoreOf } from '../recipes/locks/semaphore.js';
import { type LockSource, readWriteOf, withLock } from '../recipes/locks/lock-source.js';
import { systemClock } from '../support/clock.js';

/** What a semaphore is. */
export interface SemaphoreOptions {
  /** How many can hold it at once, 1 to 500. */
  readonly permits: number;
}

/**
 * Locks that one holder in the cluster has at a time, for applications: fair, with a fencing token, compatible on the
 * wire with Curator's `InterProcessMutex` and kazoo's `Lock`. Who holds a lock hands its `Lock`, or a
 * `reenter()` of it, on: a second `acquire` waits like anybody else's.
 *
 * A named lock lives below `<rootPath>/locks`, and belongs to all services with the same root. With `standalone`, and
 * in the testing kit, locks are of this process.
 */
@Injectable()
export class Locks {
  constructor(@Inject(LOCKS) private readonly source: LockSource & SemaphoreSource) {}

  /**
   * Waits in line until the lock is this caller's. Who comes after a holder that has not released it, because it died,
   * waits for the rest of its session and then for as long as that holder could believe, at most 5.6 s.
   *
   * @throws {LockBusyError} `ZK_LOCK_BUSY` when it was not free within `waitMs`; the signal's reason when that aborts.
   * Both leave no node behind.
   * @throws {NotConnectedError} `ZK_NOT_CONNECTED` when there was no session with ZooKeeper within `waitMs`, when the
   * application has stopped, and when it did not start within 10 s.
   * @throws {BadLockError} `ZK_BAD_LOCK`: a name, path or wait that cannot be used.
   * @throws {LockCrowdedError} `ZK_LOCK_CROWDED`: more than 5 000 stand in its line.
   * @throws {ZooKeeperError} `ZK_NO_AUTH` and what else ZooKeeper refuses.
   */
  acquire(name: LockName, wait: LockWait = {}): Promise<Lock> {
    return this.source.acquire(name, wait);
  }

  /**
   * The lock if it is free now, else undefined; also while its last holder, who has not released it, could still
   * believe. So after a death one call of a process finds that out, and another one, up to 5.6 s later, gets the lock.
   * @throws {NotConnectedError} `ZK_NOT_CONNECTED` when there is no session with ZooKeeper now, and when it has not
   * answered within 10 s. Else as `acquire`, but never {@link LockBusyError}.
   */
  tryAcquire(name: LockName): Promise<Lock | undefined> {
    return this.source.tryAcquire(name);
  }

  /**
   * Waits for all of these locks, 1 to 100 of them; `waitMs` is for all together. They are acquired one after the other
   * in the order of their paths, whatever order they are named in, so that two callers never wait for each other in a
   * circle. When one cannot be had, or is lost meanwhile, all are given back.
   * @throws {BadLockError} `ZK_BAD_LOCK` also when a lock is named twice; {@link LockLostError} `ZK_LOCK_LOST` when one
   * was lost while another was waited for. Else as `acquire`.
   */
  acquireAll(names: readonly LockName[], wait: LockWait = {}): Promise<LockSet> {
    return acquireAll(this.source, systemClock, names, wait);
  }

  /**
   * Holds the lock while `work` runs, and answers what it answers; rejects with what it throws. `work` has to stop when
   * `lock.signal` aborts: nothing here can stop it, and a result that comes afterwards is answered all the same.
   * @throws What `acquire` throws; `work` has then not begun.
   */
  withLock<T>(name: LockName, work: (lock: Lock) => Promise<T> | T, wait: LockWait = {}): Promise<T> {
    return withLock(() => this.acquire(name, wait), work);
  }

  /**
   * A lock that many hold together for reading, or one alone for writing; also compatible with Curator's
   * `InterProcessReadWriteLock` and kazoo's `ReadLock` and `WriteLock`. `acquire` of the same name excludes both. At
   * most 500 of ours read at once; the next one is refused with {@link LockCrowdedError} `ZK_LOCK_CROWDED`.
   * @throws {BadLockError} `ZK_BAD_LOCK`: a name or path that cannot be used.
   */
  readWrite(name: LockName): ReadWriteLock {
    return readWriteOf(this.source, name);
  }

  /**
   * Permits of which `permits`, 1 to 500, can be held at once in the cluster; compatible with Curator's
   * `InterProcessSemaphoreV2`. Each caller goes by its own number; who meets another one is told in the log
   * (`lock.permits-differ`). A named semaphore lives below `<rootPath>/semaphores`. Keep the object: `resize` is for
   * those who wait by it.
   * @throws {BadLockError} `ZK_BAD_LOCK`: a name, path or number that cannot be used.
   */
  semaphore(name: LockName, { permits }: SemaphoreOptions): Semaphore {
    return semaphoreOf(this.source, name, permits);
  }

  /**
   * Asks whoever holds the lock to release it: `lock.revocationRequested` of each holder aborts, also of one that uses
   * Curator and has made its lock revocable. Nobody is made to. Answers how many were asked; 0: the lock is free.
   * @throws {NotConnectedError} `ZK_NOT_CONNECTED` when there is no session with ZooKeeper now; {@link BadLockError} as
   * `acquire`; what ZooKeeper refuses.
   */
  requestRevocation(name: LockName): Promise<number> {
    return this.source.requestRevocation(name);
  }

  /**
   * Who holds the lock, and who waits for it. A read for each of them: for people, not for a decision, since it may be
   * different by the time it is read.
   * @throws {NotConnectedError} `ZK_NOT_CONNECTED` when there is no session with ZooKeeper now; {@link BadLockError} as
   * `acquire`.
   */
  inspect(name: LockName): Promise<LockView> {
    return this.source.inspect(name);
  }
}
