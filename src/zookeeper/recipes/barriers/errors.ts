import { ClusterCronError } from '../../support/errors.js';

/** The time is over, and what was waited for has not come. The caller is not in the barrier any more. */
export class BarrierTimeoutError extends ClusterCronError {
  constructor(
    readonly barrier: string,
    /** How long was waited, milliseconds. */
    readonly waitedMs: number,
    /** What has not happened, as a clause. */
    readonly missing: string,
  ) {
    super(
      'ZK_BARRIER_TIMEOUT',
      `Barrier ${JSON.stringify(barrier)}: ${missing}, after ${waitedMs} ms. Raise waitMs, or find out who has not come.`,
    );
  }
}

/** As many have entered as may. The caller has left nothing in the barrier. */
export class BarrierFullError extends ClusterCronError {
  constructor(
    readonly barrier: string,
    readonly members: number,
  ) {
    super(
      'ZK_BARRIER_FULL',
      `Barrier ${JSON.stringify(barrier)} has its ${members} members. Somebody enters who is not meant to, or the number is too small.`,
    );
  }
}

/** The name, the number or the options of a barrier cannot be used, or it was entered or left out of turn. */
export class BadBarrierError extends ClusterCronError {
  constructor(readonly problem: string) {
    super('ZK_BAD_BARRIER', `This cannot be asked of a barrier: ${problem}.`);
  }
}
