import { ClusterCronError } from '../../support/errors.js';

/**
 * The abort reason of a run that shutdown, or a resignation, has waited for long enough. The replica may still be
 * master while it reads this.
 */
export class RunAbortedError extends ClusterCronError {
  constructor(job: string, why: string, waitedMs: number) {
    const waited = waitedMs === 0 ? '' : ` and it was still running after ${waitedMs} ms; raise drainTimeoutMs if it needs longer`;
    super('ZK_RUN_ABORTED', `The run of "${job}" is aborted (${why})${waited}. Stop at the next safe point.`);
  }
}

/** The abort reason of a run that takes longer than its job's `timeoutMs`. */
export class RunTimeoutError extends ClusterCronError {
  constructor(job: string, timeoutMs: number) {
    super(
      'ZK_RUN_TIMEOUT',
      `The run of "${job}" takes longer than its timeoutMs ${timeoutMs}. Stop at the next safe point; it counts as failed, and as running until it stops.`,
    );
  }
}

/** A run whose method was never called: something around it did not call on. Nothing was done. */
export class NotCalledError extends ClusterCronError {
  constructor(job: string) {
    super(
      'ZK_RUN_NOT_CALLED',
      `The method of "${job}" was not called: a decorator above @MasterOnly, or what wraps the schedule, returned without calling on. Put what decides whether the method runs below @MasterOnly.`,
    );
  }
}

/**
 * A run has returned something that stands for work still to be done, and that only its author could do. Counts as
 * failed, and is not tried again.
 */
export class UnfinishedResultError extends ClusterCronError {
  constructor(what: string) {
    super(
      'ZK_RUN_UNFINISHED',
      `The method returned ${what}, which nobody will call, so nobody knows whether its work is done. Do the work in the method, and return nothing or a promise.`,
    );
  }
}

/**
 * A scheduled method was called by other code while it ran already, and its `overlap` is not
 * `'allow'`. This call did not run.
 */
export class JobRunningError extends ClusterCronError {
  constructor(job: string, overlap: string) {
    super(
      'ZK_JOB_RUNNING',
      `"${job}" is running on this replica, and its overlap is '${overlap}', so this call did not run it a second time. Call it again later, or ask for a run with ClusterJobs.trigger.`,
    );
  }
}

/** A checkpoint that cannot be kept: it is not JSON, is too long, or its job was removed. Nothing was written. */
export class BadCheckpointError extends ClusterCronError {
  constructor(job: string, why: string) {
    super('ZK_BAD_CHECKPOINT', `The checkpoint of "${job}" was not set: ${why}.`);
  }
}

/** `run.progress` was called with something else than a fraction from 0 to 1 and a note. Nothing was written. */
export class BadProgressError extends ClusterCronError {
  constructor(job: string, why: string) {
    super('ZK_BAD_PROGRESS', `The progress of "${job}" was not noted: ${why}.`);
  }
}

/** A `@MasterOnly` method was called on an instance that no ZookeeperModule knows. It did not run. */
export class UnboundError extends ClusterCronError {
  constructor(method: string) {
    super(
      'ZK_UNBOUND',
      `${method} is @MasterOnly, but this instance belongs to no running ZookeeperModule, so it did not run. Let Nest provide the instance and import ZookeeperModule.forRoot(); in a unit test use ZookeeperTestingModule, or runJob(instance, 'method') from nestjs-cluster-cron/testing.`,
    );
  }
}

/** The jobs or hooks of the application cannot be set up as they are written. Thrown at boot; lists every problem. */
export class JobSetupError extends ClusterCronError {
  constructor(readonly problems: readonly string[]) {
    super(
      'ZK_JOB_SETUP',
      problems.length === 1
        ? String(problems[0])
        : `${problems.length} problems:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`,
    );
  }
}

/** The abort reason of an `@OnMasterElected` hook's signal when the mastership is about to be given up. */
export class HookStoppedError extends ClusterCronError {
  constructor(election: string, why: string) {
    super('ZK_HOOK_STOPPED', `The mastership of ${election} is about to be given up: ${why}. Stop what must live only on the master.`);
  }
}
