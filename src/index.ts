// The public API, in the order of the flow: the module, what is attached to methods, what a run sees, who is master,
// what can go wrong.
export { ZookeeperModule, type ZookeeperModuleAsyncOptions, type ZookeeperOptionsFactory } from './zookeeper/zookeeper.module.js';
export type { RunLogging } from './zookeeper/execution/run-log.js';
export { type ZookeeperAuthOptions, type ZookeeperModuleOptions, ZookeeperOptionsError } from './zookeeper/zookeeper.options.js';

export { MasterOnly } from './zookeeper/decorators/master-only.js';
export type { MasterOnlyOptions } from './zookeeper/decorators/guarded.js';
export type { JobOptions } from './zookeeper/jobs/run/job-options.js';
export type { InterruptedPolicy, MisfirePolicy, OverlapPolicy, RetryOptions } from './zookeeper/jobs/run/job-rules.js';
export { OnMasterElected, OnMasterLost } from './zookeeper/decorators/on-master.js';
export { ClusterCronExceptionFilter } from './zookeeper/api/cluster-cron.filter.js';
export { ClusterJobsAdminModule } from './zookeeper/api/jobs-admin.module.js';
export type { AdminAccess, ClusterJobsAdminOptions } from './zookeeper/api/jobs-admin.options.js';
export { MasterGuard, type MasterGuardOptions } from './zookeeper/api/master.guard.js';
export { MasterElection } from './zookeeper/api/master-election.js';
export { ClusterJobs } from './zookeeper/api/cluster-jobs.js';
export { Counters } from './zookeeper/api/counters.js';
export { Barriers } from './zookeeper/api/barriers.js';
export { Locks, type SemaphoreOptions } from './zookeeper/api/locks.js';
export { ZookeeperClient } from './zookeeper/api/zookeeper-client.js';
export { WithLock, type WithLockOptions } from './zookeeper/decorators/with-lock.js';
export type { AddedJobOptions } from './zookeeper/api/added-job.js';

export { JobRun, type RunCause } from './zookeeper/jobs/run/job-run.js';
export type { Checkpoint } from './zookeeper/jobs/run/checkpoint.js';
export {
  BadCheckpointError,
  BadProgressError,
  HookStoppedError,
  JobRunningError,
  JobSetupError,
  NotCalledError,
  RunAbortedError,
  RunTimeoutError,
  UnboundError,
  UnfinishedResultError,
} from './zookeeper/jobs/run/errors.js';

export type { JobProgress } from './zookeeper/jobs/run/progress.js';
export type { JobChange } from './zookeeper/jobs/control/history.js';
export type { JobStatus, RunningJob } from './zookeeper/jobs/control/list.js';
export type { MonitorOptions, OrderOptions, VerdictsOptions, WaitOptions } from './zookeeper/jobs/control/command-options.js';
export type { NewSchedule } from './zookeeper/jobs/control/reschedule.js';
export type { Triggered, TriggerOptions } from './zookeeper/jobs/control/trigger.js';
export type { JobVerdict } from './zookeeper/jobs/control/verdicts.js';
export type { SilenceAlarm } from './zookeeper/jobs/record/job-events.js';
export type { Outcome, VerdictReason } from './zookeeper/jobs/record/verdict.js';
export type { ScheduleSpec } from './zookeeper/jobs/schedule/schedule.js';
export {
  BadOrderError,
  BadTriggerError,
  JobContendedError,
  JobExistsError,
  JobInUseError,
  NoCodeScheduleError,
  NoJobStoreError,
  NoSlotsError,
  OrderNotSentError,
  TooManyTriggersError,
  TriggerLostError,
  TriggerNotAcceptedError,
  TriggerRefusedError,
  TriggerUncertainError,
  UnknownJobError,
  UnreadableJobError,
} from './zookeeper/jobs/control/errors.js';
export { UnreadableNodeError } from './zookeeper/jobs/persistence/zookeeper-store.js';
export { TriggerInputError } from './zookeeper/jobs/persistence/codec/trigger-codec.js';
export { BadScheduleError } from './zookeeper/jobs/schedule/parse.js';

export type { Mastership, Tenure } from './zookeeper/mastership/election/mastership.state.js';
export type { Lease } from './zookeeper/session/lease.js';
export type { ClusterMember } from './zookeeper/mastership/election/members.js';
export { MastershipLostError, NotMasterError, RunIgnoresAbortError, UnknownReplicaError } from './zookeeper/mastership/election/errors.js';

export { NotConnectedError } from './zookeeper/session/connected.js';
export { MissingChrootError, SessionEndedError } from './zookeeper/session/errors.js';
export { ConnectStringError } from './zookeeper/wire/connect-string.js';
export { UncomparableVersionError } from './zookeeper/wire/compare-and-set.js';
export { ZooKeeperError, type ZooKeeperReason } from './zookeeper/wire/errors.js';

export type {
  ChangeOptions,
  CreateOptions,
  NodeChange,
  NodeChildren,
  NodeContent,
  NodeData,
  NodeOptions,
  NodeRights,
  RightsOptions,
  VersionOptions,
} from './zookeeper/recipes/client/node-client.js';
export type { CreateMode, NodeMode, OpResult, Right, Stat } from './zookeeper/wire/operations.js';
export { NoEnsembleError, OwnNodeError } from './zookeeper/recipes/client/errors.js';
export type {
  Lock,
  LockContender,
  LockHolderView,
  LockName,
  LockSet,
  LockView,
  LockWait,
  ReadWriteLock,
  Semaphore,
  SemaphoreView,
  WriteLock,
} from './zookeeper/recipes/locks/lock.js';
export type { Counter, CounterName, CounterOptions, CounterWait } from './zookeeper/recipes/counters/counter.js';
export type { CounterFormat } from './zookeeper/recipes/counters/format.js';
export type { Ids, IdsOptions } from './zookeeper/recipes/counters/ids.js';
export {
  BadCounterError,
  CounterBusyError,
  CounterFormatError,
  CounterRangeError,
  CounterUncertainError,
} from './zookeeper/recipes/counters/errors.js';
export {
  BadLockError,
  LockBusyError,
  LockCrowdedError,
  LockLostError,
  LockRevocationError,
  LocksNotReleasedError,
} from './zookeeper/recipes/locks/errors.js';

export type { Barrier, BarrierName, BarrierWait, DoubleBarrier, GatherOptions } from './zookeeper/recipes/barriers/barrier.js';
export { BadBarrierError, BarrierFullError, BarrierTimeoutError } from './zookeeper/recipes/barriers/errors.js';

export { ClusterCronError } from './zookeeper/support/errors.js';
export type { Observation, Observer } from './zookeeper/support/observer.js';
