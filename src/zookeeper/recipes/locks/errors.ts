import { ClusterCronError } from '../../support/errors.js';

/**
 * The lock is held by somebody else, and was so for as long as the caller would wait. Nothing of the caller is left in
 * the line.
 */
export class LockBusyError extends ClusterCronError {
  constructor(
    readonly lock: string,
    /** How long was waited, milliseconds. */
    readonly waitedMs: number,
    /** `host:port` of the holder, where it is known: one that another library made has another form, or none. */
    readonly holder: string | undefined,
  ) {
    const by = holder === undefined ? 'not free' : `held by ${holder}`;
    super(
      'ZK_LOCK_BUSY',
      `Lock ${JSON.stringify(lock)} is still ${by} after ${waitedMs} ms. Raise waitMs, or find out why the holder takes so long (Locks.inspect).`,
    );
  }
}

/** The lock is not held any more, or nobody can say that it is: what it protects must not be touched any more. */
export class LockLostError extends ClusterCronError {
  constructor(
    readonly lock: string,
    readonly why: string,
  ) {
    super('ZK_LOCK_LOST', `Lock ${JSON.stringify(lock)} is not held any more: ${why}. Stop what it protects, and acquire it anew.`);
  }
}

/** Why `Lock.revocationRequested` aborts: somebody asks for the lock, which is held until it is released. */
export class LockRevocationError extends ClusterCronError {
  constructor(readonly lock: string) {
    super(
      'ZK_LOCK_REVOCATION',
      `Somebody asks for lock ${JSON.stringify(lock)}. Come to an end, and release it, if that can be done early.`,
    );
  }
}

/** The name or the options of a lock cannot be used. Nothing was sent. */
export class BadLockError extends ClusterCronError {
  constructor(readonly problem: string) {
    super('ZK_BAD_LOCK', `This lock cannot be asked for: ${problem}.`);
  }
}

/** What was acquired for reading, or is no read-write lock, cannot be downgraded. */
export function notWriting(lock: string): BadLockError {
  return new BadLockError(`lock ${JSON.stringify(lock)} was not acquired for writing, so there is nothing to downgrade`);
}

/** More wait for one lock than may. The caller has left the line again. */
export class LockCrowdedError extends ClusterCronError {
  constructor(
    readonly lock: string,
    readonly waiting: number,
    readonly limit: number,
  ) {
    super(
      'ZK_LOCK_CROWDED',
      `${waiting} already stand in the line of lock ${JSON.stringify(lock)}, and at most ${limit} may. Split what it protects over several locks, or wait elsewhere.`,
    );
  }
}

/**
 * Some of several locks that were released together are not known to be free: ZooKeeper has refused it, or has not
 * answered within 10 s. All the others are released. What is left to do goes on for as long as the session lives.
 */
export class LocksNotReleasedError extends ClusterCronError {
  constructor(
    /** Their names. */
    readonly locks: readonly string[],
    /** How many were to be released. */
    readonly of: number,
  ) {
    super(
      'ZK_LOCKS_NOT_RELEASED',
      `Of ${of} locks, ${locks.length} are not known to be released: ${locks.map((name) => JSON.stringify(name)).join(', ')}. ` +
        'Nobody gets them until they are, or the session ends; look for lock.not-removed in the log.',
    );
  }
}
