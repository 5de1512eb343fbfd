import { ClusterCronError } from '../../support/errors.js';

/** As many keys are held, or were never released, as one store may have. Nothing was taken. */
export class LockStoreFullError extends ClusterCronError {
  constructor(
    readonly keys: number,
    readonly limit: number,
  ) {
    super(
      'ZK_LOCK_STORE_FULL',
      `${keys} keys of the lock store are held or have not expired yet, and at most ${limit} may. Use fewer keys at a time, or a shorter ttl.`,
    );
  }
}

/** The node of a key holds something that this library has not written. Nothing was changed. */
export class LockStoreNodeError extends ClusterCronError {
  constructor(
    readonly key: string,
    readonly path: string,
  ) {
    super(
      'ZK_LOCK_STORE_NODE',
      `Nobody can say who holds the key ${JSON.stringify(key)}: the node ${path} holds data that this library has not written. Delete it once nobody works under that key.`,
    );
  }
}
