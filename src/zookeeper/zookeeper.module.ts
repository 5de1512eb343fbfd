import {
  type DynamicModule,
  type InjectionToken,
  Module,
  type ModuleMetadata,
  type OptionalFactoryDependency,
  type Provider,
  type Type,
} from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { Explorer } from './boot/explorer.js';
import { ClusterJobs } from './api/cluster-jobs.js';
import { ELECTIONS, GATE, JOB_EVENTS, JOB_STORE, OBSERVER, SETTINGS } from './decorators/inject.js';
import { MasterElection } from './api/master-election.js';
import { Dispatcher } from './dispatch/dispatcher.js';
import { JobEvents } from './jobs/record/job-events.js';
import type { JobStore } from './jobs/persistence/job-store.js';
import { MemoryJobStore } from './jobs/persistence/memory-store.js';
import { ZookeeperJobStore } from './jobs/persistence/zookeeper-store.js';
import type { Election, Elections } from './mastership/election/election.js';
import { createElections } from './mastership/elections.js';
import type { ClusterMember } from './mastership/election/members.js';
import { StandaloneElections } from './mastership/standalone.js';
import { CrashGuard } from './session/crash-guard/crash-guard.js';
import type { Sessions } from './session/session.js';
import { systemClock } from './support/clock.js';
import { messageOf } from './support/errors.js';
import { harmless, type Observer } from './support/observer.js';
import { ZookeeperOutermostModule } from './zookeeper.lifecycle.js';
import { LogObserver } from './zookeeper.logger.js';
import { RECIPE_EXPORTS, RECIPES, sessionsOf } from './zookeeper.recipes.js';
import { resolveOptions, type ZookeeperModuleOptions, type ZookeeperSettings } from './zookeeper.options.js';

/** A provider that makes the options of ZookeeperModule. */
export interface ZookeeperOptionsFactory {
  /** The options; called once, when the application is made. */
  createZookeeperOptions(): Promise<ZookeeperModuleOptions> | ZookeeperModuleOptions;
}

/**
 * What `ZookeeperModule.forRootAsync` takes: `imports`, and one of `useFactory` (with `inject`), `useClass` and
 * `useExisting`.
 */
export interface ZookeeperModuleAsyncOptions extends Pick<ModuleMetadata, 'imports'> {
  // Nest's own signature for factories: what is injected cannot be typed here.
  /** Makes the options, from what `inject` names. */
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly useFactory?: (...args: any[]) => Promise<ZookeeperModuleOptions> | ZookeeperModuleOptions;
  /** Tokens whose providers `useFactory` is called with. Default: none. */
  readonly inject?: (InjectionToken | OptionalFactoryDependency)[];
  /** A class that makes the options, and of which an instance is made for that. */
  readonly useClass?: Type<ZookeeperOptionsFactory>;
  /** The token of a provider that makes the options. */
  readonly useExisting?: InjectionToken<ZookeeperOptionsFactory>;
}

/**
 * Elects one replica of the service as master, so that methods with `@MasterOnly` run on it only. Global: import it
 * once, in the root module.
 *
 * The application boots whether ZooKeeper is there or not. The campaign starts after the last `onApplicationBootstrap`;
 * shutdown drains before the first `onModuleDestroy`. Wrong options, jobs that cannot be told apart and a second import
 * fail at boot.
 */
@Module({})
export class ZookeeperModule {
  /**
   * With options that are known when the module is imported. Wrong ones are a `ZookeeperOptionsError` at boot, which
   * lists every problem.
   */
  static forRoot(options: ZookeeperModuleOptions): DynamicModule {
    return define([{ provide: SETTINGS, useFactory: () => resolveOptions(options) }]);
  }

  /**
   * With options that a factory makes, or a provider.
   * @throws {TypeError} unless there is exactly one of `useFactory`, `useClass` and `useExisting`.
   */
  static forRootAsync(options: ZookeeperModuleAsyncOptions): DynamicModule {
    const { imports = [], inject = [], useFactory, useClass, useExisting } = options;
    if ([useFactory, useClass, useExisting].filter((way) => way !== undefined).length !== 1) {
      throw new TypeError('ZookeeperModule.forRootAsync needs exactly one of useFactory, useClass and useExisting.');
    }
    if (useFactory !== undefined) {
      return define(
        [{ provide: SETTINGS, inject, useFactory: async (...args: unknown[]) => resolveOptions(await useFactory(...args)) }],
        imports,
      );
    }
    const token = (useClass ?? useExisting) as InjectionToken<ZookeeperOptionsFactory>;
    return define(
      [
        {
          provide: SETTINGS,
          inject: [token],
          useFactory: async (factory: ZookeeperOptionsFactory) => resolveOptions(await factory.createZookeeperOptions()),
        },
        ...(useClass === undefined ? [] : [useClass]),
      ],
      imports,
    );
  }
}

function define(settings: Provider[], imports: ModuleMetadata['imports'] = []): DynamicModule {
  const elections: Provider = {
    provide: ELECTIONS,
    inject: [SETTINGS, OBSERVER],
    useFactory: (made: ZookeeperSettings, observer: Observer) =>
      made.standalone ? standalone(made, observer) : new EnsembleElections(made, observer),
  };
  return {
    module: ZookeeperModule,
    global: true,
    imports: [...imports, ...IMPORTS],
    providers: [...settings, elections, ...COMMON],
    exports: EXPORTS,
  };
}

/** What every form of the module consists of besides `SETTINGS` and `ELECTIONS`; the testing kit builds on it, too. */
export const COMMON: Provider[] = [
  { provide: OBSERVER, useFactory: () => harmless(new LogObserver()) },
  { provide: JOB_EVENTS, inject: [OBSERVER], useFactory: jobEvents },
  { provide: JOB_STORE, inject: [ELECTIONS, SETTINGS, OBSERVER], useFactory: jobStore },
  {
    provide: GATE,
    inject: [ELECTIONS, SETTINGS, OBSERVER, JOB_STORE, JOB_EVENTS],
    useFactory: (
      elections: Elections,
      { drainTimeoutMs, maxClockSkewMs, logRuns, address, candidate, service, version, timeZone }: ZookeeperSettings,
      observer: Observer,
      store: JobStore | undefined,
      events: JobEvents,
    ) =>
      new Dispatcher(elections, {
        observer,
        clock: systemClock,
        drainTimeoutMs,
        logRuns,
        maxClockSkewMs,
        address,
        candidate,
        service,
        version,
        timeZone,
        store,
        events,
      }),
  },
  Explorer,
  MasterElection,
  ClusterJobs,
  ...RECIPES,
];
export const IMPORTS = [DiscoveryModule, ZookeeperOutermostModule];
export const EXPORTS = [GATE, ELECTIONS, SETTINGS, OBSERVER, Explorer, MasterElection, ClusterJobs, ...RECIPE_EXPORTS];

function jobEvents(observer: Observer): JobEvents {
  return new JobEvents((thrown) => {
    const message = `A listener to the jobs threw: ${messageOf(thrown)}. The jobs go on.`;
    observer.observe({ level: 'error', event: 'listener.failed', message });
  });
}

/** Where the elections say that ticks are claimed. */
function jobStore(
  elections: Elections,
  { rootPath, service, address, version }: ZookeeperSettings,
  observer: Observer,
): JobStore | undefined {
  const { claims } = elections;
  switch (claims.kind) {
    case 'ensemble':
      return new ZookeeperJobStore({ sessions: claims.sessions, rootPath, service, clock: systemClock, observer });
    case 'process':
      return new MemoryJobStore({ clock: systemClock, address, version });
    case 'off':
      return undefined;
  }
}

/** Undefined unless it is asked for. */
function crashGuardOf({ crashGuard, connectString = '', auth, tls }: ZookeeperSettings, observer: Observer): CrashGuard | undefined {
  if (!crashGuard) return undefined;
  return new CrashGuard({ ensemble: { connectString, auth, tls }, clock: systemClock, observer });
}

function standalone(settings: ZookeeperSettings, observer: Observer): Elections {
  const { service, version, electionScope, address, candidate } = settings;
  const key = electionScope === 'service' ? service : `${service}:${version}`;
  return new StandaloneElections({ key, address, version, candidate, clock: systemClock, observer });
}

/** The elections of a real ensemble, and the one session under them. Connects at `start`. */
class EnsembleElections implements Elections {
  private readonly sessions: Sessions;
  private readonly elections: Elections;

  constructor(settings: ZookeeperSettings, observer: Observer) {
    const { rootPath, service, version, electionScope, address, candidate } = settings;
    const clock = systemClock;
    const crashGuard = crashGuardOf(settings, observer);
    this.sessions = sessionsOf(settings, observer, crashGuard);
    this.elections = createElections({
      sessions: this.sessions,
      rootPath,
      service,
      version,
      scope: electionScope,
      address,
      candidate,
      observer,
      clock,
      ...(crashGuard !== undefined && { lastWills: crashGuard }),
    });
  }

  get claims(): Elections['claims'] {
    return this.elections.claims;
  }

  election(name?: string): Election {
    return this.elections.election(name);
  }

  members(name?: string, signal?: AbortSignal): Promise<readonly ClusterMember[]> {
    return this.elections.members(name, signal);
  }

  setJobs(names: readonly string[]): Promise<void> {
    return this.elections.setJobs(names);
  }

  start(): void {
    this.sessions.start();
    this.elections.start();
  }

  stop(limitMs: number): Promise<'resigned' | 'stuck' | 'abandoned'> {
    return this.elections.stop(limitMs);
  }
}
