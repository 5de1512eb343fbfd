import type { GatedJob, Method } from '../dispatch/gated-job.js';
import { JobSetupError } from '../jobs/run/errors.js';
import type { JobOptions } from '../jobs/run/job-options.js';
import { Attached } from './attached.js';

/**
 * Options of `@MasterOnly`. Those about ticks and runs need a schedule: on a plain method they are refused at boot, as
 * are those about the claimed ticks of `@Cron` with `@Interval` and `@Timeout`.
 */
export interface MasterOnlyOptions extends JobOptions {
  /**
   * The job's name everywhere; unique among the scheduled jobs of the application. Default: the schedule's
   * name, else `Class.method`.
   */
  readonly name?: string | undefined;
  /** Another election of this service, so that jobs can spread over replicas. Default: the service's own. */
  readonly election?: string | undefined;
}

/** A method with `@MasterOnly`. */
export interface Guarded {
  readonly key: PropertyKey;
  readonly options: MasterOnlyOptions;
  /** The method as its author wrote it. */
  readonly original: Method;
  /** What stands in its place. */
  wrapper: Method;
  /** `Class.method` of the class that was decorated. */
  readonly where: string;
  /** The job of each instance; forgotten when the instance is bound again. */
  readonly jobs: WeakMap<object, GatedJob>;
}

/** Every `@MasterOnly` method. */
export const guarded = new Attached<Guarded>();

/** Compiled as standard decorators, a decorator gets a context object where Nest's kind gets the name of the method. */
export function refuseStandardDecorators(decorator: string, key: unknown): void {
  if (typeof key !== 'object' || key === null) return;
  const { name } = key as { readonly name?: unknown };
  throw new JobSetupError([
    `${decorator} on ${String(name)}: this code was compiled with standard decorators, and Nest's decorators, like this one, are of the older kind. ` +
      'Set "experimentalDecorators": true and "emitDecoratorMetadata": true in tsconfig.json (with SWC: "legacyDecorator" and "decoratorMetadata").',
  ]);
}
