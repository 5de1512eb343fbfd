import { Inject, Injectable, type OnApplicationShutdown, type Provider, type Type } from '@nestjs/common';
import { KEY_LOCKS } from '../../decorators/inject.js';
import type { KeyLocks, LockAcquisition } from '../../recipes/lock-store/key-locks.js';

/** Where `@nestjs/locks` takes its store from: its `LocksStorage`. */
export interface LockStoreRegistry {
  /** Makes this the store of the application. */
  registerSource(store: ZookeeperLockStore): unknown;
}

/**
 * Keeps the locks of Nest's official package `@nestjs/locks` in the ensemble of `ZookeeperModule`. In `providers`:
 * `ZookeeperLockStore.registeredIn(LocksStorage)`. With `standalone`, and in the testing kit, the locks are of this
 * process.
 *
 * One node for each key that is held, below `<rootPath>/lock-store`, for all services with the same root; it goes with
 * the release, and an expired one when room is needed. A lock lives for its `ttl` by the clock of ZooKeeper's leader,
 * and of those who ask for it at once one gets it. The fencing tokens of a key grow, however it became free.
 *
 * The store has a session of its own, made with its first call, and ended in `onApplicationShutdown`: after
 * `@nestjs/locks` has given its locks back. A lock does not depend on that session. All methods reject with
 * `ZK_NOT_CONNECTED` when ZooKeeper has not answered within 10 s (what was taken meanwhile is given back, or expires),
 * with `ZK_BAD_LOCK` for arguments that cannot be used, with `ZK_LOCK_STORE_NODE` when somebody else has written the
 * key's node, and with what ZooKeeper refuses (`ZK_NO_AUTH`, …).
 */
@Injectable()
export class ZookeeperLockStore implements OnApplicationShutdown {
  constructor(@Inject(KEY_LOCKS) private readonly locks: KeyLocks) {}

  /**
   * The store as a provider that registers itself.
   * `storage`: the class `LocksStorage` of `@nestjs/locks`, or whatever has its `registerSource`.
   */
  static registeredIn(storage: Type<LockStoreRegistry>): Provider {
    return {
      provide: ZookeeperLockStore,
      inject: [KEY_LOCKS, storage],
      useFactory: (locks: KeyLocks, registry: LockStoreRegistry) => {
        const store = new ZookeeperLockStore(locks);
        registry.registerSource(store);
        return store;
      },
    };
  }

  /**
   * Takes the key, unless a lock on it is held that has not expired, by this owner or another one. `key`, `owner`: any
   * text, 1 to 1 000 UTF-16 units; `ttl`: whole milliseconds, from 1 to a hundred years.
   * @throws {LockStoreFullError} `ZK_LOCK_STORE_FULL` when 10 000 other keys are held.
   */
  acquire(key: string, owner: string, ttl: number): Promise<LockAcquisition> {
    return this.locks.acquire(key, owner, ttl);
  }

  /** Moves the end to `ttl` from now. False: this owner does not hold it, or not any more; nothing is revived. */
  renew(key: string, owner: string, ttl: number): Promise<boolean> {
    return this.locks.renew(key, owner, ttl);
  }

  /**
   * Gives the key back. False: this owner does not hold it, or not any more. When the answer of ZooKeeper is lost and
   * the lock would have expired meanwhile, nobody can tell, and it is false.
   */
  release(key: string, owner: string): Promise<boolean> {
    return this.locks.release(key, owner);
  }

  /** Ends its session. Called by Nest. */
  onApplicationShutdown(): Promise<void> {
    return this.locks.close();
  }
}
