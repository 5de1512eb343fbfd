import { guardedBehind } from '../zookeeper/decorators/master-only.js';
import { identityOf } from '../zookeeper/decorators/identity.js';
import { type Checkpoint, MemoryCheckpoint } from '../zookeeper/jobs/run/checkpoint.js';
import { insideRun, JobRun, type RunCause } from '../zookeeper/jobs/run/job-run.js';
import { RunSignal } from '../zookeeper/support/run-signal.js';
import { TenureHandle, type HeldTenure } from '../zookeeper/mastership/election/held-tenure.js';
import { MastershipLostError } from '../zookeeper/mastership/election/errors.js';
import { Span } from '../zookeeper/mastership/election/span.js';
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
  /** The tick that it runs for. Default none, as for a trigger or a direct call. */
  readonly scheduledTime?: Date;
  /** Which start it is: 2 or more after a failure or an interruption. Default 1. */
  readonly attempt?: number;
  /** What a trigger has given along. Default undefined. */
  readonly input?: unknown;
  /**
   * What an earlier run has left behind: the first answer of `run.checkpoint.get()`. Kept in memory, for this run
   * alone. Default undefined.
   */
  readonly checkpoint?: unknown;
  /** Called with each value that the run has set as its checkpoint. */
  readonly onCheckpoint?: (value: unknown) => void;
  /** Called with what the run tells by `run.progress()`. */
  readonly onProgress?: (fraction: number, note?: string) => void;
  /** When it aborts, the run has lost its mastership: `run.signal` aborts and `run.assertMaster()` throws. */
  readonly lost?: AbortSignal;
}

type MethodOf<T, K extends keyof T> = T[K] extends (...args: never[]) => infer R ? Awaited<R> : never;

/**
 * Runs a `@MasterOnly` method as its schedule would on the master, with a `JobRun`, and answers what it returns or
 * throws. The instance needs no Nest: `await runJob(new Jobs(repository), 'send')`.
 */
export async function runJob<T extends object, K extends keyof T & string>(
  instance: T,
  method: K,
  options: RunJobOptions = {},
): Promise<MethodOf<T, K>> {
  const found = guardedBehind(instance[method]);
  if (found === undefined) throw new ClusterCronError('ZK_NO_SUCH_JOB', whyNot(instance, method));
  const tenure = givenTenure(options);
  const { name, election } = identityOf(instance, found);
  const key = election ?? 'Test:0';
  const signal = new RunSignal(tenure, (why) => new MastershipLostError(key, tenure.token, why));
  const run = new JobRun({
    job: name,
    election: key,
    firedTime: options.firedTime ?? new Date(systemClock.wallMs()),
    cause: options.cause ?? 'schedule',
    tenure,
    signal,
    scheduledTime: options.scheduledTime,
    attempt: options.attempt ?? 1,
    input: options.input,
    checkpoint: checkpointOf(options, tenure, key),
    progress: (fraction, note) => options.onProgress?.(fraction, note),
  });
  return (await insideRun(run, () => found.original.call(instance, run))) as MethodOf<T, K>;
}

/** Refuses what is set after the mastership was lost, as ZooKeeper does. */
function checkpointOf({ checkpoint, onCheckpoint }: RunJobOptions, tenure: HeldTenure, election: string): Checkpoint {
  const memory = new MemoryCheckpoint(checkpoint);
  return {
    get: () => memory.get(),
    async set(value) {
      if (!tenure.isValid()) throw new MastershipLostError(election, tenure.token, 'its lease is over, so the checkpoint was not set');
      await memory.set(value);
      onCheckpoint?.(value);
    },
  };
}

/** Valid until `lost` aborts. */
function givenTenure({ fencingToken = 1n, lost }: RunJobOptions): HeldTenure {
  const span = new Span(() => undefined);
  const end = (): void => span.end(messageOf(lost?.reason));
  if (lost?.aborted === true) end();
  else lost?.addEventListener('abort', end, { once: true });
  return new TenureHandle({ id: 'test', token: fencingToken, czxid: 0n }, span, undefined);
}

function whyNot(instance: object, method: string): string {
  const where = `${instance.constructor.name}.${method}`;
  return typeof (instance as Record<string, unknown>)[method] === 'function'
    ? `${where} has no @MasterOnly. Call it as it is.`
    : `There is no method ${where}. Give the name of a @MasterOnly method of the instance.`;
}
