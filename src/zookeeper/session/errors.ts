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
