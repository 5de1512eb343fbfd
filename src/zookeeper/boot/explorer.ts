import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { DiscoveryService, ModulesContainer } from '@nestjs/core';
import { Dispatcher } from '../dispatch/dispatcher.js';
import type { GatedJob } from '../dispatch/gated-job.js';
import { JobSetupError } from '../jobs/run/errors.js';
import type { Elections } from '../mastership/election/election.js';
import type { Observer } from '../support/observer.js';
import { reportBoot } from './boot-report.js';
import { bindInstance, gateOf, onStray } from '../decorators/binding.js';
import { attachHooks, hasHooks } from './hook-explorer.js';
import { identityOf } from '../decorators/identity.js';
import { ELECTIONS, GATE, OBSERVER, SETTINGS } from '../decorators/inject.js';
import { guarded } from '../decorators/guarded.js';
import { type Provided, providedBy, registeredKinds } from './providers.js';
import { ruleProblems } from './rule-problems.js';
import { ScheduleModuleHooks } from './schedule-module.js';
import { addedProblems, DECORATOR, type FoundJob, namingProblems, unregistered } from './setup-problems.js';

/** What of the module's settings counts here. */
interface ExplorerSettings {
  readonly candidate: boolean;
  readonly electionScope: 'version' | 'service';
  readonly standalone: boolean;
}

/** Finds what the decorators have attached to the application's providers, and binds it to the gate. */
@Injectable()
export class Explorer implements OnModuleInit {
  private readonly found: FoundJob[] = [];
  private readonly byMethod = new Map<object, Map<PropertyKey, GatedJob>>();
  private readonly told = new Set<string>();
  private schedules: ScheduleModuleHooks | undefined;

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly modules: ModulesContainer,
    @Inject(GATE) private readonly gate: Dispatcher,
    @Inject(ELECTIONS) private readonly elections: Elections,
    @Inject(SETTINGS) private readonly settings: ExplorerSettings,
    @Inject(OBSERVER) private readonly observer: Observer,
  ) {
    // Nest calls hooks by falling distance, and global modules have the largest number there is:
    // this one comes before them.
    for (const module of modules.values()) if (module.providers.has(Explorer)) module.distance = Infinity;
  }

  /**
   * Before the `onModuleInit` of any other module, so before any ScheduleExplorer has looked for schedules: from
   * here on every instance is bound, and what ScheduleModule registers comes to the gate. Tells the other replicas
   * which jobs there are here.
   */
  onModuleInit(): void {
    const problems = this.bindAll();
    problems.push(
      ...namingProblems(this.found),
      ...addedProblems(this.found, this.gate.list()),
      ...ruleProblems(this.found, this.gate.timeZone),
    );
    if (this.settings.candidate) problems.push(...unregistered(this.found, registeredKinds(this.modules)));
    this.schedules = new ScheduleModuleHooks({
      modules: this.modules,
      jobOf: (instance, key) => this.byMethod.get(instance)?.get(key),
      tellHandle: (job, handle, instead) => this.tellHandle(job, handle, instead),
    });
    if (!this.schedules.attach())
      problems.push('This version of @nestjs/schedule keeps schedules in a way that is not known here. Install @nestjs/schedule 6 or 12.');
    if (problems.length > 0) throw new JobSetupError(problems);
    this.gate.wrapAdded = (identity, method) => this.schedules?.register(identity, method) ?? method;
    onStray(this.gate, (instance) => this.tellStray(instance));
    const { found, observer, discovery, settings } = this;
    const hasVersions = settings.electionScope === 'version' && !settings.standalone;
    reportBoot({ found, observer, provided: providedBy(discovery), hasVersions });
    // Also those that ClusterJobs has added by now.
    const scheduled = this.gate.list().filter(({ identity }) => identity.kind !== undefined);
    void this.elections.setJobs([...new Set(scheduled.map(({ identity }) => identity.name))]);
  }

  /** To be called when the application has started, and before any run starts. */
  onStarted(): void {
    this.schedules?.watchHandles();
    if (this.schedules?.isTwice !== true) return;
    this.tell(
      'warn',
      'boot.schedule-twice',
      'ScheduleModule.forRoot() is imported twice. @MasterOnly jobs have one schedule nevertheless; every other method with a schedule fires twice. Import it once, in the root module.',
      {},
    );
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
      const job = this.gate.job(identityOf(instance, method, this.gate.timeZone));
      method.jobs.set(instance, job);
      this.found.push({ instance, method, job, where });
      if (job.identity.kind === undefined) continue;
      const byKey = this.byMethod.get(instance) ?? new Map<PropertyKey, GatedJob>();
      this.byMethod.set(instance, byKey.set(method.key, job));
    }
    attachHooks(instance, this.gate);
    return [];
  }

  /** The same object under a second token: ScheduleModule registers its schedules once per token. */
  private twice({ instance, where }: Provided, earlier: string): string[] {
    const jobs = this.found.filter((each) => each.instance === instance && each.job.identity.kind !== undefined);
    return jobs.map(
      ({ job }) =>
        `${job.identity.method} would fire twice at each tick: ScheduleModule finds the same instance as ${earlier} and as ${where}. Take the alias (useExisting) away, or move the job to a class without one.`,
    );
  }

  private notSingleton({ instance, where }: Provided): string[] {
    const jobs = [...guarded.of(instance)]
      .filter(({ overridden }) => !overridden)
      .map(({ what: method }) => ({ instance, method, where, job: { identity: identityOf(instance, method, this.gate.timeZone) } }));
    const plain = jobs.filter(({ job }) => job.identity.kind === undefined);
    const problems = jobs
      .filter((each) => !plain.includes(each))
      .map(
        ({ method }) =>
          `${method.where} (${where}) has a schedule, but its provider is request-scoped or transient, so there is no one instance to run it on. Make the provider a singleton.`,
      );
    problems.push(...ruleProblems(plain, this.gate.timeZone));
    if (hasHooks(instance))
      problems.push(`${where} has @OnMasterElected or @OnMasterLost, but is request-scoped or transient. Make the provider a singleton.`);
    return problems;
  }

  /**
   * Once for each handle of a job: whoever uses one in a loop has been told. Not while the application closes, when
   * ScheduleModule stops what it has made.
   */
  private tellHandle({ identity }: GatedJob, handle: string, instead: string): void {
    const key = `${identity.name} ${handle}`;
    if (this.gate.isClosed || this.told.has(key)) return;
    this.told.add(key);
    this.tell(
      'warn',
      'job.handle',
      `CronJob.${handle}() has no effect on "${identity.name}", whose ticks are claimed in the cluster. Use ${instead}; or set claim: 'none'.`,
      { job: identity.name, handle },
    );
  }

  /** An instance that was made after boot: nobody has registered its schedules. */
  private tellStray(instance: object): void {
    for (const { what: method, overridden } of guarded.of(instance)) {
      const { kind, name, method: where } = identityOf(instance, method);
      if (overridden || kind === undefined || kind === 'added' || this.told.has(where)) continue;
      if (this.gate.list().some(({ identity, isBound }) => identity.method === where && isBound)) continue;
      this.told.add(where);
      this.tell(
        'error',
        'job.stray',
        `${where} has ${DECORATOR[kind]}, but its instance was made after the application had started (by ModuleRef.create, or in a module that is loaded lazily), so its schedule never fires. ` +
          'Provide the class in a module that is imported at boot. Calls by other code go through the gate.',
        { job: name },
      );
    }
  }

  private tell(level: 'info' | 'warn' | 'error', event: string, message: string, fields: Readonly<Record<string, string | number>>): void {
    this.observer.observe({ level, event, message, fields });
  }
}
