import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { DiscoveryService, ModulesContainer } from '@nestjs/core';
import { Gate } from '../gate/gate.js';
import type { Method } from '../gate/gated-job.js';
import { JobSetupError } from '../jobs/errors.js';
import type { Elections } from '../mastership/election.js';
import type { Observer } from '../support/observer.js';
import { bindInstance, gateOf } from './binding.js';
import { attachHooks, hasHooks } from './hook-explorer.js';
import { identityOf } from './identity.js';
import { ELECTIONS, GATE, OBSERVER, SETTINGS } from './inject.js';
import { guarded } from './guarded.js';
import { asDirectCall, imitate } from './master-only.js';
import { type Provided, providedBy, registeredKinds } from './providers.js';
import { ruleProblems } from './rule-problems.js';
import { scheduleOf } from './schedule-metadata.js';
import { addedProblems, type FoundJob, minifiedNames, namingProblems, unregistered } from './setup-problems.js';

/** Finds what the decorators have attached to the application's providers, and binds it to the gate. */
@Injectable()
export class Explorer implements OnModuleInit {
  private readonly found: FoundJob[] = [];
  private readonly unwires: (() => void)[] = [];

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly modules: ModulesContainer,
    @Inject(GATE) private readonly gate: Gate,
    @Inject(ELECTIONS) private readonly elections: Elections,
    @Inject(SETTINGS) private readonly settings: { readonly candidate: boolean },
    @Inject(OBSERVER) private readonly observer: Observer,
  ) {}

  /**
   * In a global module, so before the `onModuleInit` of any other: from here on every instance is bound. Tells the other replicas which jobs there
   * are here.
   */
  onModuleInit(): void {
    const problems = this.bindAll();
    problems.push(...namingProblems(this.found), ...addedProblems(this.found, this.gate.list()), ...ruleProblems(this.found));
    if (this.settings.candidate) problems.push(...unregistered(this.found, registeredKinds(this.modules)));
    if (problems.length > 0) throw new JobSetupError(problems);
    this.tellWhatWasFound();
    // Also those that ClusterJobs has added by now.
    const scheduled = this.gate.list().filter(({ identity }) => identity.schedule !== undefined);
    this.elections.setJobs([...new Set(scheduled.map(({ identity }) => identity.name))]);
  }

  /**
   * Gives each scheduled method an own property on its instance, which other code's calls reach and the schedule's do not: ScheduleModule
   * has read the method in its own `onModuleInit`. A claimed tick runs what ScheduleModule has read. Called after the last one.
   */
  wireDirectCalls(): void {
    for (const { instance, method, job } of this.found) {
      if (job.identity.schedule === undefined) continue;
      const reached = (instance as Record<PropertyKey, unknown>)[method.key] as Method;
      job.bind(instance, reached);
      const direct: Method = function (this: unknown, ...args: unknown[]): unknown {
        const self = this ?? instance;
        if (reached === method.wrapper) return job.call(self, method.original, args);
        return asDirectCall(method, () => reached.apply(self, args));
      };
      imitate(direct, reached);
      if (Reflect.defineProperty(instance, method.key, { value: direct, configurable: true, writable: true, enumerable: false })) {
        this.unwires.push(
          () => void ((instance as Record<PropertyKey, unknown>)[method.key] === direct && Reflect.deleteProperty(instance, method.key)),
        );
      } else {
        this.tell(
          'warn',
          'job.sealed',
          `${job.identity.method}: the instance cannot be extended, so calls by other code count as the schedule's.`,
          { job: job.identity.name },
        );
      }
    }
  }

  /**
   * Takes the own properties away again, so that another application in this process can use the same instance. No schedule fires any more, so
   * every later call is other code's.
   */
  unwire(): void {
    for (const unwire of this.unwires.splice(0)) unwire();
    for (const { instance, method, job } of this.found) method.jobs.set(instance, this.gate.job({ ...job.identity, schedule: undefined }));
  }

  private bindAll(): string[] {
    const problems: string[] = [];
    const seen = new Map<object, string>();
    for (const provided of providedBy(this.discovery)) {
      const { instance, where } = provided;
      const methods = [...guarded.of(instance)];
      if (methods.length === 0 && !hasHooks(instance)) continue;
      const earlier = seen.get(instance);
      seen.set(instance, where);
      if (earlier !== undefined) {
        problems.push(...this.twice(provided, earlier));
      } else if (provided.isSingleton) {
        problems.push(...this.bind(provided));
      } else {
        problems.push(...this.notSingleton(provided));
      }
    }
    return problems;
  }

  private bind({ instance, where }: Provided): string[] {
    const other = gateOf(instance);
    if (other !== undefined && other !== this.gate && !other.isClosed) {
      return [`${where} is an instance that another running application of this process has, too. Give each application its own.`];
    }
    bindInstance(instance, this.gate);
    for (const { what: method, overridden } of guarded.of(instance)) {
      method.jobs.delete(instance);
      if (overridden) continue;
      const job = this.gate.job(identityOf(instance, method));
      method.jobs.set(instance, job);
      this.found.push({ instance, method, job, where });
    }
    attachHooks(instance, this.gate);
    return [];
  }

  /** The same object under a second token: ScheduleModule registers its schedules once per token. */
  private twice({ instance, where }: Provided, earlier: string): string[] {
    const jobs = this.found.filter((each) => each.instance === instance && each.job.identity.schedule !== undefined);
    return jobs.map(
      ({ job }) =>
        `${job.identity.method} would fire twice at each tick: ScheduleModule finds the same instance as ${earlier} and as ${where}. Take the alias (useExisting) away, or move the job to a class without one.`,
    );
  }

  private notSingleton({ instance, where }: Provided): string[] {
    const jobs = [...guarded.of(instance)]
      .filter(({ overridden }) => !overridden)
      .map(({ what: method }) => ({ instance, method, where, job: { identity: identityOf(instance, method) } }));
    const plain = jobs.filter(({ job }) => job.identity.schedule === undefined);
    const problems = jobs
      .filter((each) => !plain.includes(each))
      .map(
        ({ method }) =>
          `${method.where} (${where}) has a schedule, but its provider is request-scoped or transient, so there is no one instance to run it on. Make the provider a singleton.`,
      );
    problems.push(...ruleProblems(plain));
    if (hasHooks(instance))
      problems.push(`${where} has @OnMasterElected or @OnMasterLost, but is request-scoped or transient. Make the provider a singleton.`);
    return problems;
  }

  private tellWhatWasFound(): void {
    const names = this.found.map(
      ({ job: { identity } }) =>
        `${identity.name} (${[identity.schedule ?? 'called', identity.disabled ? 'disabled' : ''].filter(Boolean).join(', ')})`,
    );
    this.tell('info', 'jobs.found', names.length === 0 ? 'No @MasterOnly methods were found.' : `@MasterOnly: ${names.join('; ')}.`, {
      count: names.length,
    });
    for (const name of minifiedNames(this.found)) {
      this.tell(
        'warn',
        'job.minified',
        `The job name ${JSON.stringify(name)} looks minified and may change with the next build. Name it with @MasterOnly({ name }).`,
        { job: name },
      );
    }
    this.tellOfIgnoredDelays();
  }

  private tellOfIgnoredDelays(): void {
    for (const { instance, method, job } of this.found) {
      const { cron } = scheduleOf((instance as Record<PropertyKey, unknown>)[method.key]) ?? {};
      const { name, rules } = job.identity;
      if (cron === undefined || cron.initialDelayMs === 0 || rules.claim === 'none') continue;
      this.tell(
        'warn',
        'job.initial-delay',
        `initialDelay of @Cron has no effect on "${name}": with claims every tick counts, and the first may run as soon as this replica is master. Wait in the method, or set claim: 'none'.`,
        { job: name, initialDelayMs: cron.initialDelayMs },
      );
    }
  }

  private tell(level: 'info' | 'warn', event: string, message: string, fields: Readonly<Record<string, string | number>>): void {
    this.observer.observe({ level, event, message, fields });
  }
}
