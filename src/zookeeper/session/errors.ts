import { ClusterCronError } from '../support/errors.js';
import type { SessionEnd } from './session.js';

/** The session is over for good; its ephemeral nodes are gone or will go. Take the next one (`Sessions.onSession`). */
export class SessionEndedError extends ClusterCronError {
  constructor(
    readonly end: SessionEnd,
    readonly sessionId: bigint,
  ) {
    super('ZK_SESSION_ENDED', `the ZooKeeper session ${hexId(sessionId)} is over: ${end}`);
  }
}

/** A session id as ZooKeeper's own logs write it. */
export function hexId(sessionId: bigint): string {
  return `0x${BigInt.asUintN(64, sessionId).toString(16)}`;
}

/** The `connectString` ends in a chroot at which ZooKeeper has no node. */
export class MissingChrootError extends ClusterCronError {
  constructor(cause: Error) {
    super(
      'ZK_MISSING_CHROOT',
      `ZooKeeper has no node at the chroot, the path at the end of connectString (${cause.message}). Create it (zkCli.sh: create /the/path), or correct the connectString.`,
      { cause },
    );
  }
}
