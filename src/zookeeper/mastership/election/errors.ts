import { ClusterCronError } from '../../support/errors.js';

/** Asked to do what only the master may, elsewhere than on the master. Names the master where it is known. */
export class NotMasterError extends ClusterCronError {
  constructor(
    readonly election: string,
    /** `host:port` of the master as last seen; undefined when there is none, or it is not known. */
    readonly master: string | undefined,
    why: string,
  ) {
    const who = master === undefined ? 'No master is known at present' : `The master is ${master}`;
    super('ZK_NOT_MASTER', `This replica is not master of "${election}" (${why}). ${who}.`);
  }
}

/** A run asked whether it may still act as master, and may not. */
export class MastershipLostError extends ClusterCronError {
  constructor(
    readonly election: string,
    readonly token: bigint,
    why: string,
  ) {
    super(
      'ZK_MASTERSHIP_LOST',
      `The mastership of "${election}" with fencing token ${token} is over or in doubt: ${why}. Stop this work; another replica may have begun it.`,
    );
  }
}

/** A hand-over to an address under which no replica stands in line. */
export class UnknownReplicaError extends ClusterCronError {
  constructor(
    readonly election: string,
    readonly address: string,
    readonly known: readonly string[],
  ) {
    const list = known.length === 0 ? 'No replica stands in line' : `In line: ${known.join(', ')}`;
    super(
      'ZK_UNKNOWN_REPLICA',
      `No standby of "${election}" has the address "${address}". ${list}. Give the address exactly as the replica advertises it.`,
    );
  }
}

/** A run ignored its abort, so the election node was not given up. */
export class RunIgnoresAbortError extends ClusterCronError {
  constructor(readonly election: string) {
    super(
      'ZK_RUN_IGNORES_ABORT',
      `A run under the mastership of "${election}" went on after its abort, so the mastership was kept: a successor could have overlapped it. Make the job listen to run.signal.`,
    );
  }
}
