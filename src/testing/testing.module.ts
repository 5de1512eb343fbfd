import { type DynamicModule, Module } from '@nestjs/common';
import { ELECTIONS, OBSERVER, SETTINGS } from '../zookeeper/decorators/inject.js';
import { harmless, type Observation } from '../zookeeper/support/observer.js';
import { LogObserver } from '../zookeeper/zookeeper.logger.js';
import { COMMON, EXPORTS, IMPORTS } from '../zookeeper/zookeeper.module.js';
import { resolveOptions, ZookeeperSettings } from '../zookeeper/zookeeper.options.js';
import { TestElections, type TestElectionsOptions } from './test-elections.js';

/** What `ZookeeperTestingModule.forRoot` takes. */
export interface ZookeeperTestingOptions extends TestElectionsOptions {
  /** How long closing the application waits for runs before it aborts them. Default 1 000. */
  readonly drainTimeoutMs?: number;
}

/**
 * Stands in for `ZookeeperModule` in tests: the same gate, hooks and shutdown, without ZooKeeper. The test decides who
 * is master, with `forRoot({ master })` and later `app.get(TestElections).setMaster(...)`.
 */
@Module({})
export class ZookeeperTestingModule {
  /** The module, for `imports`. */
  static forRoot(options: ZookeeperTestingOptions): DynamicModule {
    const settings = settingsOf(options.drainTimeoutMs);
    return {
      module: ZookeeperTestingModule,
      global: true,
      imports: IMPORTS,
      providers: [
        { provide: SETTINGS, useValue: settings },
        { provide: TestElections, useFactory: () => new TestElections(options) },
        { provide: ELECTIONS, useExisting: TestElections },
        ...COMMON,
        { provide: OBSERVER, useFactory: () => harmless(new QuietBoot()) },
      ],
      exports: [...EXPORTS, TestElections],
    };
  }
}

/**
 * Checked only where there is something to check: what checks takes a tenth of a second to load, in each file of tests.
 */
function settingsOf(drainTimeoutMs: number | undefined): ZookeeperSettings {
  const options = { service: 'Test', version: '0', standalone: true, drainTimeoutMs: drainTimeoutMs ?? 1_000 };
  return drainTimeoutMs === undefined ? new ZookeeperSettings(options, {}) : resolveOptions(options, {});
}

/** Logs as the application would, but for the lines about its boot, which say nothing in a test. */
class QuietBoot extends LogObserver {
  override observe(observation: Observation): void {
    if (!observation.event.startsWith('boot.')) super.observe(observation);
  }
}
