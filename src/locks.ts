// A store for Nest's official package `@nestjs/locks`, `nestjs-cluster-cron/locks`.
export { ZookeeperLockStore, type LockStoreRegistry } from './zookeeper/adapters/locks/zookeeper-lock-store.js';
export type { LockAcquisition } from './zookeeper/recipes/lock-store/key-locks.js';
export { LockStoreFullError, LockStoreNodeError } from './zookeeper/recipes/lock-store/errors.js';
