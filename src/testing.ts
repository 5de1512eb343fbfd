// The testing kit, `nestjs-cluster-cron/testing`.
export { ZookeeperTestingModule, type ZookeeperTestingOptions } from './testing/testing.module.js';
export { TestElections } from './testing/test-elections.js';
export { runJob, type RunJobOptions } from './testing/run-job.js';
/**
 * Overrides who decides: `overrideProvider(ELECTIONS).useValue(new TestElections({ master: true }))` in a test of an
 * application that imports `ZookeeperModule`.
 */
export { ELECTIONS } from './zookeeper/decorators/inject.js';
export { startTestZookeeper } from './testing/zookeeper/start.js';
export {
  type CutOptions,
  type RestartOptions,
  type TestZookeeper,
  TestZookeeperError,
  type TestZookeeperOptions,
  type TestZookeeperSession,
} from './testing/zookeeper/test-zookeeper.js';
