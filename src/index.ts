// The public API, in the order of the flow: the module, what is attached to methods, what a run sees, who is master, what can go wrong.
export { ZookeeperModule, type ZookeeperModuleAsyncOptions, type ZookeeperOptionsFactory } from './zookeeper/zookeeper.module.js';
export { type ZookeeperAuthOptions, type ZookeeperModuleOptions, ZookeeperOptionsError } from './zookeeper/zookeeper.options.js';

export { MasterOnly } from './zookeeper/decorators/master-only.js';
export type { MasterOnlyOptions } from './zookeeper/decorators/guarded.js';
export { OnMasterElected, OnMasterLost } from './zookeeper/decorators/on-master.js';
export { MasterGuard, type MasterGuardOptions } from './zookeeper/decorators/master.guard.js';
export { MasterElection } from './zookeeper/decorators/master-election.js';

export { JobRun, type RunCause } from './zookeeper/jobs/job-run.js';
export { HookStoppedError, JobSetupError, RunAbortedError, UnboundError } from './zookeeper/jobs/errors.js';

export type { Lease, Mastership, Tenure } from './zookeeper/mastership/mastership.state.js';
export { MastershipLostError, NotMasterError, RunIgnoresAbortError, UnknownReplicaError } from './zookeeper/mastership/errors.js';

export { ClusterCronError } from './zookeeper/support/errors.js';
