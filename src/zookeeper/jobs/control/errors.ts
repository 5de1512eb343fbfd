import { ClusterCronError, messageOf } from '../../support/errors.js';

/** A method of `ClusterJobs` was called with arguments that it cannot take. Nothing was sent. */
export class BadOrderError extends ClusterCronError {
  constructor(
    /** The method, e.g. `trigger`. */
    readonly method: string,
    /** Every problem, as a clause: what was expected, what was received. */
    readonly problems: readonly string[],
  ) {
    super('ZK_BAD_ORDER', `ClusterJobs.${method} cannot be called like this: ${problems.join('; ')}. Nothing was sent; correct the call.`);
  }
}

/** No job of the service has this name: no replica has ever declared it, or it was removed. */
export class UnknownJobError extends ClusterCronError {
  constructor(
    readonly job: string,
    /** The names that look most like it, the best first; at most three. */
    readonly similar: readonly string[],
  ) {
    const hint =
      similar.length === 0 ? 'ClusterJobs.list() names all jobs' : `Did you mean ${similar.map((name) => `"${name}"`).join(' or ')}?`;
    super('ZK_UNKNOWN_JOB', `The service has no job "${job}". ${hint}${similar.length === 0 ? '.' : ''}`);
  }
}

/** The record of a job is not what this version of the library writes. None of its ticks run. */
export class UnreadableJobError extends ClusterCronError {
  constructor(
    readonly job: string,
    problem: string,
  ) {
    super(
      'ZK_JOB_RECORD',
      `The record of job "${job}" cannot be read (${problem}), so none of its ticks run. ClusterJobs.resetClaim(${JSON.stringify(job)}) makes it anew.`,
    );
  }
}

/**
 * The job has no slots, which are moments that all replicas have in common and that are handed out one by one: ticks
 * with claims. `@Interval`, `@Timeout` and `claim: 'none'` have none, so there is no schedule that could be changed.
 */
export class NoSlotsError extends ClusterCronError {
  constructor(readonly job: string) {
    super(
      'ZK_NO_SLOTS',
      `Job "${job}" has no slots (@Interval, @Timeout or claim: 'none'), so it cannot be rescheduled. Give it @Cron with claim: 'tick'.`,
    );
  }
}

/** `reschedule(job, null)`, but no version is known whose code has a schedule for the job. The one in force stays. */
export class NoCodeScheduleError extends ClusterCronError {
  constructor(readonly job: string) {
    super(
      'ZK_NO_CODE_SCHEDULE',
      `No known version of the service has a schedule for job "${job}" in its code, so there is none to go back to.`,
    );
  }
}

/**
 * A command was not carried out because the job's record changed each time between the look at it and the
 * write. Nothing was changed.
 */
export class JobContendedError extends ClusterCronError {
  constructor(
    readonly job: string,
    tries: number,
  ) {
    super(
      'ZK_JOB_CONTENDED',
      `The record of job "${job}" changed ${tries} times while an order was to be written into it. Nothing was changed; try again.`,
    );
  }
}

/** A command was not carried out because there is no connection to ZooKeeper. Nothing was changed. */
export class OrderNotSentError extends ClusterCronError {
  constructor(readonly job: string) {
    super(
      'ZK_ORDER_NOT_SENT',
      `The order about job "${job}" could not be sent: there is no connection to ZooKeeper. Nothing was changed; try again.`,
    );
  }
}

/** No master started the trigger in time, or its caller gave it up. It was taken back: it has not run and will not. */
export class TriggerNotAcceptedError extends ClusterCronError {
  constructor(
    readonly job: string,
    readonly trigger: string,
    why: string,
    options?: { readonly cause?: unknown },
  ) {
    super(
      'ZK_TRIGGER_NOT_ACCEPTED',
      `Trigger ${trigger} of job "${job}" was taken back (${why}): it has not run and will not. Ask again, or find out with why() and list() whether there is a master for it.`,
      options,
    );
  }
}

/**
 * The trigger was refused and will not run: with `overlap: 'skip'` because the job was running, or
 * because its claims were reset.
 */
export class TriggerRefusedError extends ClusterCronError {
  constructor(
    readonly job: string,
    readonly trigger: string,
    readonly reason: string,
  ) {
    const why = reason === 'overlap' ? "the job was running, and its overlap option is 'skip'" : reason;
    super(
      'ZK_TRIGGER_REFUSED',
      `Trigger ${trigger} of job "${job}" was refused (${why}): it has not run and will not. Ask again when the job is free.`,
    );
  }
}

/**
 * Nothing will be told of a trigger any more: while its caller waited its node has been removed, or the record of its
 * job, which does not name it now, has been edited or made anew.
 */
export class TriggerLostError extends ClusterCronError {
  constructor(
    readonly job: string,
    readonly trigger: string,
    /** As what it is kept; undefined when its node is gone. */
    state: 'waiting' | 'started' | undefined,
  ) {
    super('ZK_TRIGGER_LOST', `Trigger ${trigger} of job "${job}" is lost: ${howLost(state)}`);
  }
}

function howLost(state: 'waiting' | 'started' | undefined): string {
  const forgotten = "the job's record does not name it any more, because it was edited or made anew";
  switch (state) {
    case undefined:
      return 'its node was removed while it was waited for, perhaps with the whole job. verdicts() may tell whether it ran.';
    case 'waiting':
      return `${forgotten}. It has not run; ask again.`;
    case 'started':
      return `${forgotten}. It was started, and nothing will tell here how it ended; the log of its replica does.`;
  }
}

/**
 * A trigger that was not started in time could not be taken back, because ZooKeeper could not be
 * reached. It may still run.
 */
export class TriggerUncertainError extends ClusterCronError {
  constructor(
    readonly job: string,
    readonly trigger: string,
    cause: unknown,
  ) {
    super(
      'ZK_TRIGGER_UNCERTAIN',
      `Trigger ${trigger} of job "${job}" could not be taken back (${messageOf(cause)}), so it may still run. Ask again with idempotencyKey "${trigger}" to learn what became of it.`,
      { cause },
    );
  }
}

/** As many triggers of the job wait as are allowed. This one was not added. */
export class TooManyTriggersError extends ClusterCronError {
  constructor(
    readonly job: string,
    limit: number,
  ) {
    super(
      'ZK_TOO_MANY_TRIGGERS',
      `Job "${job}" has no room for another waiting trigger (at most ${limit}). Wait until some have started; is there a master for it?`,
    );
  }
}

/** `trigger` was called with an `idempotencyKey` that cannot be one. */
export class BadTriggerError extends ClusterCronError {
  constructor(problem: string) {
    super('ZK_BAD_TRIGGER', `The idempotencyKey cannot be used: ${problem}.`);
  }
}

/** `ClusterJobs.add` with the name of a job that this application has already. */
export class JobExistsError extends ClusterCronError {
  constructor(readonly job: string) {
    super('ZK_JOB_EXISTS', `This application has a job "${job}" already. Give the new one another name, or remove the other first.`);
  }
}

/** `ClusterJobs.remove` of a job that living replicas still have: in their code, or `added` there. */
export class JobInUseError extends ClusterCronError {
  constructor(
    readonly job: string,
    readonly replicas: readonly string[],
    how: 'code' | 'added' | 'unknown',
  ) {
    const where = replicas.join(', ');
    const removing = `Call ClusterJobs.remove(${JSON.stringify(job)}) there, too; the last one removes it.`;
    const why = {
      code: `it is still in the code of ${where}. Pause it, or deploy a version without it first.`,
      added: `it was added at run time on ${where}, and is still there. ${removing}`,
      unknown: `${where} still ${replicas.length === 1 ? 'has' : 'have'} it, and nothing tells whether in the code or added at run time. If it was added: ${removing} If not, pause it, or deploy a version without it first.`,
    };
    super('ZK_JOB_IN_USE', `Job "${job}" cannot be removed: ${why[how]}`);
  }
}

/** Control of jobs needs what the cluster has decided, which is not kept here. */
export class NoJobStoreError extends ClusterCronError {
  constructor(method: string) {
    super(
      'ZK_NO_JOB_STORE',
      `ClusterJobs.${method} needs what the cluster keeps about jobs, and ZookeeperTestingModule keeps nothing. Call the method under test with runJob(), override the provider ClusterJobs, or use ZookeeperModule with standalone: true.`,
    );
  }
}
