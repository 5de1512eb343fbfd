import { randomUUID } from 'node:crypto';
import type { ModulesContainer } from '@nestjs/core';
import { outerRun } from '../execution/execution.js';
import type { GatedJob, Method } from '../dispatch/gated-job.js';
import type { JobIdentity } from '../jobs/run/job-identity.js';
import type { JobRun } from '../jobs/run/job-run.js';
import { imitate } from '../decorators/master-only.js';
import { markAsCron } from '../decorators/schedule-metadata.js';

// What ScheduleModule of @nestjs/schedule 6 and 12 consists of, as far as it is used here. It exports none of this;
// test/integration/nest/ground.spec.ts pins it.

interface ScheduleExplorer {
  lookupSchedulers(instance: object, key: string): unknown;
  /**
   * Makes of a method the function that is registered: it logs what is thrown, and throws nothing. Monitors patch it.
   */
  wrapFunctionInTryCatchBlocks(method: Method, instance: unknown): Method;
  readonly logger: { error(thrown: unknown): void };
  readonly schedulerOrchestrator: SchedulerOrchestrator;
}

interface SchedulerOrchestrator {
  addCron(target: Method, options: Readonly<Record<string, unknown>>): void;
  addInterval(target: Method, everyMs: number, name?: string): void;
  addTimeout(target: Method, delayMs: number, name?: string): void;
  readonly cronJobs: Record<string, CronEntry>;
  readonly intervals: Record<string, { target: Method }>;
  readonly timeouts: Record<string, { target: Method }>;
}

interface CronEntry {
  target: Method;
  options: Readonly<Record<string, unknown>>;
  /** Set when the application has started. */
  ref?: CronHandle;
}

/** A `CronJob`, as applications get it from `SchedulerRegistry`. */
interface CronHandle {
  readonly context: unknown;
  readonly _callbacks?: readonly Method[];
  fireOnTick: () => unknown;
  start: () => unknown;
  stop: () => unknown;
  setTime: (time: unknown) => unknown;
}

/** What to do instead of using a handle that has no effect on claimed ticks. */
const INSTEAD = {
  fireOnTick: 'ClusterJobs.trigger, which runs it once in the cluster',
  start: 'ClusterJobs.resume',
  stop: 'ClusterJobs.pause, which keeps it from starting on every replica',
  setTime: 'ClusterJobs.reschedule, which puts another schedule in force on every replica',
} as const;

type Handle = keyof typeof INSTEAD;

export interface ScheduleModuleParts {
  readonly modules: ModulesContainer;
  /** The job of a method, where it has one. */
  readonly jobOf: (instance: object, key: PropertyKey) => GatedJob | undefined;
  readonly tellHandle: (job: GatedJob, handle: Handle, instead: string) => void;
}

/**
 * Stands between ScheduleModule's timers and the functions that it registers for `@MasterOnly` methods. A timer never
 * calls such a function: it asks the gate. A run does, wherever it comes from (a claimed tick, a trigger, a timer on
 * the master), so that whoever has wrapped the function (monitors do) is called once for each run in the whole cluster,
 * on the replica that runs it, with the duration of the run, its error and its async context.
 *
 * The `CronJob` of a job with claims is never started: its ticks are due by the record, and the gate has its own timer.
 */
export class ScheduleModuleHooks {
  private readonly registered = new Set<GatedJob>();
  private readonly cronJobs: { readonly job: GatedJob; readonly entry: CronEntry }[] = [];
  private readonly explorers: ScheduleExplorer[];
  /** Errors that runs know of already. */
  private readonly known = new WeakSet<object>();
  /** What each job's timer has started last. */
  private readonly fired = new WeakMap<GatedJob, unknown>();
  private wrapFunction: ((method: Method) => Method) | undefined;
  private looking: { readonly job: GatedJob; readonly instance: object } | undefined;
  private foundTwice = false;

  constructor(private readonly parts: ScheduleModuleParts) {
    this.explorers = [...parts.modules.values()].flatMap((module) =>
      [...module.providers.values()]
        .filter(({ metatype }) => metatype?.name === 'ScheduleExplorer')
        .map(({ instance }) => instance as ScheduleExplorer),
    );
  }

  /** True when ScheduleModule was imported twice, and has found a job a second time, which was left at one schedule. */
  get isTwice(): boolean {
    return this.foundTwice;
  }

  /**
   * To be called before any ScheduleExplorer looks for schedules. False: this version of ScheduleModule is not known.
   */
  attach(): boolean {
    if (!this.explorers.every(isKnown)) return false;
    for (const explorer of this.explorers) this.attachTo(explorer);
    return true;
  }

  /** To be called when the schedules have been mounted: from now on, handles that have no effect say what to use. */
  watchHandles(): void {
    for (const { job, entry } of this.cronJobs) {
      if (entry.ref === undefined) continue;
      if (job.isClaimed) this.watch(job, entry.ref);
      else this.awaitFired(job, entry.ref);
    }
  }

  /**
   * What the schedule would call for a job that is added at run time: as for a method, so monitors see its runs, too.
   */
  register({ name, schedule }: JobIdentity, method: Method): Method {
    if (this.wrapFunction === undefined) return method;
    markAsCron(method, { name, ...schedule });
    return this.wrapFunction(method);
  }

  private attachTo(explorer: ScheduleExplorer): void {
    const lookupSchedulers = bare(explorer, 'lookupSchedulers');
    const wrap = bare(explorer, 'wrapFunctionInTryCatchBlocks');
    const quiet = this.quiet(explorer);
    // For jobs that are added at run time: as below, for a function that is no method.
    this.wrapFunction = (method) => wrap.call(quiet, this.noting(method), undefined);
    explorer.lookupSchedulers = (instance, key) => {
      const job = this.parts.jobOf(instance, key);
      if (job === undefined) return lookupSchedulers.call(explorer, instance, key);
      // One job, one schedule, however often ScheduleModule was imported: each import has an explorer of its own.
      if (this.registered.has(job)) return void (this.foundTwice = true);
      this.looking = { job, instance };
      try {
        return lookupSchedulers.call(explorer, instance, key);
      } finally {
        this.looking = undefined;
      }
    };
    explorer.wrapFunctionInTryCatchBlocks = (method, instance) =>
      this.looking === undefined
        ? wrap.call(explorer, method, instance)
        : wrap.call(quiet, this.noting(around(this.looking.job, method)), instance);
    this.attachToOrchestrator(explorer.schedulerOrchestrator);
  }

  private attachToOrchestrator(orchestrator: SchedulerOrchestrator): void {
    const addCron = bare(orchestrator, 'addCron');
    const addInterval = bare(orchestrator, 'addInterval');
    const addTimeout = bare(orchestrator, 'addTimeout');
    orchestrator.addCron = (target, options) => {
      if (this.looking === undefined) return addCron.call(orchestrator, target, options);
      const name = (options['name'] as string | undefined) || randomUUID();
      addCron.call(orchestrator, target, { ...options, name });
      const entry = orchestrator.cronJobs[name];
      if (entry !== undefined) this.bindCron(entry, this.looking);
    };
    orchestrator.addInterval = (target, everyMs, name = randomUUID()) => {
      addInterval.call(orchestrator, target, everyMs, name);
      if (this.looking !== undefined) this.bind(orchestrator.intervals[name], this.looking);
    };
    orchestrator.addTimeout = (target, delayMs, name = randomUUID()) => {
      addTimeout.call(orchestrator, target, delayMs, name);
      if (this.looking !== undefined) this.bind(orchestrator.timeouts[name], this.looking);
    };
  }

  private bind(entry: { target: Method } | undefined, { job, instance }: NonNullable<typeof this.looking>): void {
    if (entry === undefined) return;
    const { target } = entry;
    this.registered.add(job);
    entry.target = this.gated(job, target);
    job.bind({ instance, through: (run) => target(run) });
  }

  private bindCron(entry: CronEntry, { job, instance }: NonNullable<typeof this.looking>): void {
    this.registered.add(job);
    this.cronJobs.push({ job, entry });
    entry.target = this.gated(job, entry.target);
    const { target } = entry;
    if (job.isClaimed) entry.options = { ...entry.options, disabled: true };
    job.bind({ instance, through: (run) => this.callCron(job, entry, target, run) });
  }

  /**
   * Through the CronJob's callbacks: also those that wrap the CronJob, or that the application has added to it, are
   * called once for each tick.
   */
  private callCron(job: GatedJob, { ref }: CronEntry, target: Method, run: JobRun): unknown {
    // oxlint-disable-next-line no-underscore-dangle -- cron has no public way to its callbacks that would wait for them
    const callbacks = ref?._callbacks;
    const [own = target, ...added] = Array.isArray(callbacks) ? (callbacks as readonly Method[]) : [];
    const result = own.call(ref?.context, run);
    // Where the CronJob fires itself, it calls them itself.
    if (job.isClaimed) for (const callback of added) this.callAdded(callback, ref?.context);
    return result;
  }

  private callAdded(callback: Method, context: unknown): void {
    const failed = (thrown: unknown): void => this.explorers[0]?.logger.error(thrown);
    try {
      Promise.resolve(callback.call(context)).catch(failed);
    } catch (thrown) {
      failed(thrown);
    }
  }

  private watch(job: GatedJob, handle: CronHandle): void {
    const tell = (what: Handle): void => this.parts.tellHandle(job, what, INSTEAD[what]);
    const { stop } = handle;
    handle.fireOnTick = async () => (tell('fireOnTick'), job.fire());
    handle.start = () => tell('start');
    handle.setTime = () => tell('setTime');
    handle.stop = () => (tell('stop'), stop.call(handle));
  }

  /** `await job.fireOnTick()`, say in a test, waits for the run that it has started. */
  private awaitFired(job: GatedJob, handle: CronHandle): void {
    const { fireOnTick } = handle;
    handle.fireOnTick = async () => {
      await fireOnTick.call(handle);
      await this.fired.get(job);
    };
  }

  /** What a timer calls: only a run that is on its way passes. */
  private gated(job: GatedJob, registered: Method): Method {
    return (...args) => {
      if (job.isUnderWay(args)) return registered(...args);
      const fired = job.fire();
      this.fired.set(job, fired);
      return fired;
    };
  }

  /**
   * An explorer whose log leaves out what runs tell of themselves. What has kept a run from reaching its method,
   * the run gets to know here.
   */
  private quiet(explorer: ScheduleExplorer): ScheduleExplorer {
    const error = (thrown: unknown): void => {
      outerRun()?.passage?.caught(thrown);
      if (!isObject(thrown) || !this.known.has(thrown)) explorer.logger.error(thrown);
    };
    return Object.create(explorer, { logger: { value: { error } } }) as ScheduleExplorer;
  }

  private noting(method: Method): Method {
    const note = (thrown: unknown): never => {
      if (isObject(thrown)) this.known.add(thrown);
      throw thrown;
    };
    const noting: Method = function (this: unknown, ...args) {
      try {
        const result = method.apply(this, args);
        return result instanceof Promise ? result.catch(note) : result;
      } catch (thrown) {
        return note(thrown);
      }
    };
    imitate(noting, method);
    return noting;
  }
}

/** A method of this object, also where that is a proxy whose methods choose their own `this` (@nestjs/observe). */
function bare<T extends object, K extends keyof T>(target: T, key: K): T[K] {
  const own = Object.getOwnPropertyDescriptor(target, key)?.value as T[K] | undefined;
  return own ?? (Object.getPrototypeOf(target) as T)[key];
}

function around(job: GatedJob, method: Method): Method {
  const outer: Method = function (this: unknown, ...args) {
    return job.around(args, () => method.apply(this, args));
  };
  imitate(outer, method);
  return outer;
}

function isKnown(explorer: Partial<ScheduleExplorer> | undefined): boolean {
  const { schedulerOrchestrator: orchestrator } = explorer ?? {};
  const functions = [
    explorer?.lookupSchedulers,
    explorer?.wrapFunctionInTryCatchBlocks,
    explorer?.logger?.error,
    orchestrator?.addCron,
    orchestrator?.addInterval,
    orchestrator?.addTimeout,
  ];
  const entries = [orchestrator?.cronJobs, orchestrator?.intervals, orchestrator?.timeouts];
  return functions.every((each) => typeof each === 'function') && entries.every(isObject);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
