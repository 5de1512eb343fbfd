import { guardedBehind } from '../zookeeper/decorators/master-only.js';
import { identityOf } from '../zookeeper/decorators/identity.js';
import { insideRun, JobRun, type RunCause } from '../zookeeper/jobs/job-run.js';
import { RunSignal } from '../zookeeper/jobs/run-signal.js';
import type { HeldTenure } from '../zookeeper/mastership/election.js';
import { MastershipLostError } from '../zookeeper/mastership/errors.js';
import { systemClock } from '../zookeeper/support/clock.js';
import { ClusterCronError, messageOf } from '../zookeeper/support/errors.js';

/** What the run is to look like. */
export interface RunJobOptions {
  /** Default 1n. */
  readonly fencingToken?: bigint;
  /** Default now. */
  readonly firedTime?: Date;
  /** Default `'schedule'`. */
  readonly cause?: RunCause;
  /** When it aborts, the run has lost its mastership: `run.signal` aborts and `run.assertMaster()` throws. */
  readonly lost?: AbortSignal;
}

type MethodOf<T, K extends keyof T> = T[K] extends (...args: never[]) => infer R ? Awaited<R> : never;

/**
 * Runs a `@MasterOnly` method as its schedule would on the master, with a `JobRun`, and answers what it returns or throws. The instance needs no Nest:
 * `await runJob(new Jobs(repository), 'send')`.
 */
export async function runJob<T extends object, K extends keyof T & string>(
  instance: T,
  method: K,
  options: RunJobOptions = {},
): Promise<MethodOf<T, K>> {
  const found = guardedBehind(instance[method]);
  if (found === undefined)
    throw new ClusterCronError('ZK_NO_SUCH_JOB', `${instance.constructor.name}.${method} has no @MasterOnly. Call it as it is.`);
  const tenure = givenTenure(options);
  const { name, election } = identityOf(instance, found);
  const key = election ?? 'Test:0';
  const signal = new RunSignal(tenure, (why) => new MastershipLostError(key, tenure.token, why));
  const { firedTime = new Date(systemClock.wallMs()), cause = 'schedule' } = options;
  const run = new JobRun({ job: name, election: key, firedTime, cause, tenure, signal });
  return (await insideRun(run, () => found.original.call(instance, run))) as MethodOf<T, K>;
}

function givenTenure({ fencingToken = 1n, lost }: RunJobOptions): HeldTenure {
  return {
    id: 'test',
    token: fencingToken,
    czxid: 0n,
    isValid: () => lost?.aborted !== true,
    onInvalid(listener) {
      const tell = (): void => listener(messageOf(lost?.reason));
      lost?.addEventListener('abort', tell, { once: true });
      return () => lost?.removeEventListener('abort', tell);
    },
  };
}
