// Reflect.getMetadata and its kin, which @nestjs/schedule and Nest itself use, too.
import { types } from 'node:util';
import 'reflect-metadata';
import type { GatedJob, Method } from '../dispatch/gated-job.js';
import { JobSetupError, UnboundError } from '../jobs/run/errors.js';
import { electionNameProblem, nameProblem } from '../support/names.js';
import { JOB_OPTIONS, jobOptionProblem, type JobOptions } from '../jobs/run/job-options.js';
import { gateOf, makeBindable } from './binding.js';
import { guarded, type Guarded, type MasterOnlyOptions, refuseStandardDecorators } from './guarded.js';
import { identityOf } from './identity.js';

/** On the function, so that it survives decorators that wrap it and copy metadata, as those of Nest's ecosystem do. */
const GUARDED = Symbol('@MasterOnly');

/** The options that are names, and what is wrong with a value. */
const NAMES = new Map<string, (value: string) => string | undefined>([
  ['name', nameProblem],
  ['election', electionNameProblem],
]);

/**
 * The method runs only on the master of its election.
 *
 * With `@Cron`, `@Interval` or `@Timeout`, above or below: on the master the schedule runs it with a `JobRun` as its
 * first argument; elsewhere nothing is called. What it throws is logged and never stops the schedule. Each tick of
 * `@Cron` starts at most once in the cluster and gets one verdict; when it is due is decided from the expression and
 * the zone. `claim: 'none'` leaves it at the mastership.
 *
 * Called by other code, and on methods without a schedule: on the master it runs with the arguments of the call (a
 * scheduled method that is called without any gets a `JobRun`); elsewhere it throws `NotMasterError`, and an `async`
 * method rejects with it. While a scheduled method runs on this replica a call of it throws `JobRunningError`, unless
 * its `overlap` is `'allow'`; such a call has no tick and no claim.
 *
 * Decorators above, and whatever wraps what ScheduleModule registers (monitors), are called once for each run, on the
 * replica that runs it. What is below is called again for each attempt of `retry`. The method decides about the
 * verdict; what is above can fail a run, and not save it.
 *
 * A run lasts until the promise that the method returns has settled, the Observable has completed, or the generator is
 * through; it does not cover what the method leaves behind. A method that is called by other code covers what it
 * returns only if that has a `then` method.
 */
export function MasterOnly(options: MasterOnlyOptions = {}): MethodDecorator {
  return (target, key, descriptor) => {
    refuseStandardDecorators('@MasterOnly', key);
    const where = `${typeof target === 'function' ? `static ${target.name}` : target.constructor.name}.${String(key)}`;
    check(where, typeof target === 'function', descriptor, options);
    const original = descriptor.value as Method;
    const method: Guarded = { key, options, where, original, wrapper: original, jobs: new WeakMap() };
    method.wrapper = wrap(method);
    imitate(method.wrapper, original);
    Reflect.defineMetadata(GUARDED, method, method.wrapper);
    guarded.add(target, key, method);
    makeBindable(target);
    (descriptor as PropertyDescriptor).value = method.wrapper;
  };
}

/** What `@MasterOnly` has attached to a function, also when other decorators have wrapped it since. */
export function guardedBehind(method: unknown): Guarded | undefined {
  return typeof method === 'function' ? (Reflect.getMetadata(GUARDED, method) as Guarded | undefined) : undefined;
}

/** Copies what tools read off a method: its metadata, name and length. */
export function imitate(copy: Method, original: Method): void {
  for (const key of Reflect.getOwnMetadataKeys(original) as unknown[])
    Reflect.defineMetadata(key, Reflect.getOwnMetadata(key, original), copy);
  Object.defineProperty(copy, 'name', { value: original.name, configurable: true });
  Object.defineProperty(copy, 'length', { value: original.length, configurable: true });
}

function wrap(method: Guarded): Method {
  const { jobs, original } = method;
  const wrapper: Method = function (this: unknown, ...args) {
    const job = jobs.get(this as object) ?? jobOf(this, method);
    return job === undefined ? unbound(method) : job.enter(this, original, args);
  };
  if (!types.isAsyncFunction(original)) return wrapper;
  // Decorators of tracers look at the kind of function to know whether to wait for its end.
  return async function (this: unknown, ...args: unknown[]): Promise<unknown> {
    return wrapper.apply(this, args);
  };
}

function jobOf(instance: unknown, method: Guarded): GatedJob | undefined {
  const gate = gateOf(instance);
  if (gate === undefined) return undefined;
  const job = gate.jobOfStray(identityOf(instance as object, method, gate.timeZone));
  method.jobs.set(instance as object, job);
  return job;
}

/** Rejected if the method is async, else thrown. */
function unbound({ where, original }: Guarded): Promise<never> {
  const error = new UnboundError(where);
  if (types.isAsyncFunction(original)) return Promise.reject(error);
  throw error;
}

function check(where: string, isStatic: boolean, descriptor: PropertyDescriptor | undefined, options: MasterOnlyOptions): void {
  const problems: string[] = [];
  if (isStatic) problems.push(`@MasterOnly on ${where}: a static method belongs to no application. Make it a method of a provider.`);
  if (typeof descriptor?.value !== 'function')
    problems.push(`@MasterOnly on ${where}: only methods can be gated, not properties or accessors.`);
  else if (guardedBehind(descriptor.value) !== undefined) problems.push(`@MasterOnly stands twice on ${where}. Take one away.`);
  for (const [option, value] of Object.entries(options)) {
    const problem = value === undefined ? undefined : optionProblem(option, value);
    if (problem !== undefined) problems.push(`@MasterOnly on ${where}: ${problem}.`);
  }
  if (problems.length > 0) throw new JobSetupError(problems);
}

function optionProblem(option: string, value: unknown): string | undefined {
  const check = NAMES.get(option);
  if (check !== undefined) {
    if (typeof value !== 'string') return `"${option}" must be text, received ${typeof value}`;
    const problem = check(value);
    return problem === undefined ? undefined : `${option} ${JSON.stringify(value)} cannot be used: ${problem}`;
  }
  if (isJobOption(option)) return jobOptionProblem(option, value);
  return `there is no option "${option}". Known: ${[...NAMES.keys(), ...JOB_OPTIONS].join(', ')}`;
}

function isJobOption(option: string): option is keyof JobOptions {
  return (JOB_OPTIONS as readonly string[]).includes(option);
}
