import { ClusterCronError } from '../support/errors.js';
import { ANY_VERSION, type Op } from './operations.js';

/**
 * ZooKeeper counts the changes of a node in 32 bits with a sign (PrepRequestProcessor.checkAndIncVersion, 3.8): 2^31 -
 * 1 is followed by -2^31, and -2 by -1. But -1 in a request stands for "any version": a compare-and-set of a node that
 * stands at -1 would compare nothing, and of two that were made from one state both would happen. So no node is left at
 * that version: the change that would bring it there is made twice, in one transaction, and ends at 0.
 */
const BEFORE_ANY = ANY_VERSION - 1;

/** What is wrong with a node at version -1, as a clause. */
export const UNCOMPARABLE = 'its version is -1, which ZooKeeper does not compare with';

/** A node stands at version -1, where nobody left it who keeps to `compareAndSet`. Nothing was sent. */
export class UncomparableVersionError extends ClusterCronError {
  constructor(path: string) {
    super(
      'ZK_UNCOMPARABLE_VERSION',
      `The node ${path} cannot be changed safely, because ${UNCOMPARABLE}. Write its present data again by hand (zkCli.sh: set), which brings it to version 0.`,
    );
  }
}

/**
 * Sets a node if it still has the version that was read: one operation, or two where the first alone would leave the
 * node at -1. The last one's stat is that of the node afterwards, with `versionAfter(version)`.
 * @throws {UncomparableVersionError} when the version cannot be compared.
 */
export function compareAndSet(path: string, data: Buffer, version: number): readonly Op[] {
  if (version === ANY_VERSION) throw new UncomparableVersionError(path);
  const set: Op = { kind: 'set', path, data, version };
  // The operations of a transaction see each other's effects, and nobody comes between them.
  return version === BEFORE_ANY ? [set, { ...set, version: ANY_VERSION }] : [set];
}

/**
 * As `compareAndSet`, but a node at -1, which somebody has brought there by hand, is written over: for what is sound
 * whatever the node holds.
 */
export function compareAndSetOrHeal(path: string, data: Buffer, version: number): readonly Op[] {
  return version === ANY_VERSION ? [{ kind: 'set', path, data, version }] : compareAndSet(path, data, version);
}

/** The version of a node after one change by these of `version`. */
export function versionAfter(version: number): number {
  return version === BEFORE_ANY ? 0 : (version + 1) | 0;
}
