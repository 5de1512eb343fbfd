import { Inject, Injectable, Module, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { Explorer } from './boot/explorer.js';
import { ELECTIONS, GATE, OBSERVER, SETTINGS } from './decorators/inject.js';
import { Dispatcher } from './dispatch/dispatcher.js';
import { JobSetupError } from './jobs/run/errors.js';
import type { Elections } from './mastership/election/election.js';
import { type Clock, systemClock, type Timer } from './support/clock.js';
import { messageOf } from './support/errors.js';
import { invariant } from './support/invariant.js';
import type { Observer } from './support/observer.js';
import type { ZookeeperSettings } from './zookeeper.options.js';

/** After the limit for runs: their abort, the hooks for lost mastership, the resignation and the end of the session. */
export const SHUTDOWN_REST_MS = 5_000;

/** What Kubernetes grants by default (`terminationGracePeriodSeconds`). */
const USUAL_GRACE_MS = 30_000;

/** How long after bootstrap an application has to call `enableShutdownHooks()`, which may follow `listen()`. */
const SIGTERM_CHECK_MS = 1_000;

const SHUTDOWN_ENDS = {
  resigned: 'Shutdown: this replica holds no election any more.',
  abandoned: 'Shutdown: ZooKeeper could not be told, so what this replica held ends with its session timeout.',
  stuck: 'Shutdown: a run goes on after its abort, so what this replica held ends with its process and session.',
} as const;

/**
 * Joins the campaign after the last `onApplicationBootstrap` of the application, so that a half-started one is never
 * master, and drains before the first `onModuleDestroy`, so that runs keep their database.
 *
 * Nest calls the hooks of modules by falling distance from the root, and in reverse at shutdown
 * (NestApplicationContext, `getModulesToTriggerHooksOn`); the root has distance 1 (Nest 11: 1) and global modules the
 * largest. The module of this provider therefore gets distance -1. test/integration/nest/ground.spec.ts pins that.
 */
@Injectable()
export class ZookeeperLifecycle implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly clock: Clock = systemClock;
  private sigtermCheck: Timer | undefined;

  constructor(
    modules: ModulesContainer,
    private readonly explorer: Explorer,
    @Inject(GATE) private readonly gate: Dispatcher,
    @Inject(ELECTIONS) private readonly elections: Elections,
    @Inject(SETTINGS) private readonly settings: ZookeeperSettings,
    @Inject(OBSERVER) private readonly observer: Observer,
  ) {
    refuseSecond(modules);
    const own = [...modules.values()].filter((module) => module.metatype === ZookeeperOutermostModule);
    for (const module of own) module.distance = -1;
    invariant(
      own.length > 0 && own.every((module) => module.distance === -1),
      'Nest does not let a module be the last to start and the first to stop',
    );
  }

  onApplicationBootstrap(): void {
    this.explorer.onStarted();
    this.elections.start();
    this.gate.start();
    this.tellBoot();
    this.sigtermCheck = this.clock.after(SIGTERM_CHECK_MS, () => this.checkShutdownHooks(), { keepAlive: false });
  }

  async onModuleDestroy(): Promise<void> {
    this.sigtermCheck?.cancel();
    this.gate.close();
    try {
      const end = await this.elections.stop(this.settings.drainTimeoutMs + SHUTDOWN_REST_MS);
      const rest = end === 'stuck' ? end : await this.gate.abandon('shutdown');
      this.tell(rest === 'stuck' ? 'warn' : 'info', 'shutdown.drained', SHUTDOWN_ENDS[rest === 'stuck' ? rest : end], { end });
    } catch (thrown) {
      this.tell(
        'error',
        'shutdown.failed',
        `Shutdown of the elections failed: ${messageOf(thrown)}. The session ends when it times out.`,
        {},
      );
    }
  }

  private tellBoot(): void {
    const { service, version, address, isAddressReachable, candidate, standalone, sessionTimeoutMs, drainTimeoutMs } = this.settings;
    const [level, event, message] = this.bootLine();
    this.tell(level, event, message, { service, version, address, candidate, standalone, sessionTimeoutMs, drainTimeoutMs });
    if (!isAddressReachable && !standalone) {
      const text = `No network address was found by which other hosts could reach this one, so its address is ${address}, as on every such host. Set the option address.`;
      this.tell('warn', 'boot.unreachable-address', text, { address });
    }
    const shutdownMs = drainTimeoutMs + SHUTDOWN_REST_MS;
    if (shutdownMs <= USUAL_GRACE_MS) return;
    this.tell(
      'info',
      'boot.grace',
      `A shutdown may take ${shutdownMs} ms, more than most platforms grant (Kubernetes: ${USUAL_GRACE_MS} ms). Grant it that much, and the time of the preStop hook.`,
      { shutdownMs },
    );
  }

  private bootLine(): readonly ['info' | 'warn', string, string] {
    if (this.settings.standalone) {
      return ['warn', 'boot.standalone', 'STANDALONE: without ZooKeeper this process is master of everything. Never run two of them.'];
    }
    return this.settings.candidate
      ? [
          'info',
          'boot.done',
          'The application has started and takes part in the election from now on. It does not wait for ZooKeeper: it serves, and its jobs run once it is master.',
        ]
      : ['info', 'boot.done', 'The application has started and observes the election (candidate: false): its jobs never run here.'];
  }

  private checkShutdownHooks(): void {
    if (process.listenerCount('SIGTERM') > 0) {
      this.tell('debug', 'boot.shutdown-hooks', 'SIGTERM is listened to, so a shutdown can drain.', {});
      return;
    }
    this.tell(
      'warn',
      'boot.no-shutdown-hooks',
      'Nobody listens to SIGTERM, so this process would die in the middle of its runs, and its successor would wait for its session to end. Call app.enableShutdownHooks() in main.ts.',
      {},
    );
  }

  private tell(
    level: 'debug' | 'info' | 'warn' | 'error',
    event: string,
    message: string,
    fields: Readonly<Record<string, string | number | boolean>>,
  ): void {
    this.observer.observe({ level, event, message, fields });
  }
}

/** Holds the lifecycle; its place in the order of the hooks is all that it is for. */
@Module({ providers: [ZookeeperLifecycle] })
export class ZookeeperOutermostModule {}

function refuseSecond(modules: ModulesContainer): void {
  const roots = [...modules.values()].filter((module) => module.providers.has(SETTINGS)).map((module) => module.name);
  if (roots.length <= 1) return;
  throw new JobSetupError([
    `${roots.join(' and ')} are imported in one application. Import forRoot() once, in the root module; it is global. For more elections use @MasterOnly({ election }).`,
  ]);
}
