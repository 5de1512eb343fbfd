/**
 * Injects the gate into every provider that has a `@MasterOnly` method. The description is what Nest prints when it
 * cannot find it: the instruction for whoever forgot the module.
 */
export const GATE = Symbol('import ZookeeperModule.forRoot() or ZookeeperTestingModule');

/** Injects the application's `Elections`; what a test overrides to decide who is master. */
export const ELECTIONS = Symbol('the elections of ZookeeperModule: import ZookeeperModule.forRoot() or ZookeeperTestingModule');

/** Injects the checked options, `ZookeeperSettings`. */
export const SETTINGS = Symbol('the checked options of ZookeeperModule');

/** Injects the `Observer` that everything reports to. */
export const OBSERVER = Symbol('where ZookeeperModule reports to');

/** Injects the `JobStore` where ticks are claimed, or undefined where nothing is claimed: the testing kit. */
export const JOB_STORE = Symbol('where ZookeeperModule keeps what the cluster decides about jobs');

/** Injects the `JobEvents` of this replica. */
export const JOB_EVENTS = Symbol('what happens to the jobs of ZookeeperModule on this replica');

/** Injects the application's `LockSource`. */
export const LOCKS = Symbol('the locks of ZookeeperModule: import ZookeeperModule.forRoot() or ZookeeperTestingModule');

/** Injects the application's `CounterSource`. */
export const COUNTERS = Symbol('the counters of ZookeeperModule: import ZookeeperModule.forRoot() or ZookeeperTestingModule');

/** Injects the application's `NodeClient`; undefined where there is no ensemble. */
export const NODE_CLIENT = Symbol('the ZooKeeper of ZookeeperModule: import ZookeeperModule.forRoot() or ZookeeperTestingModule');

/** Injects the application's `KeyLocks`, which a `ZookeeperLockStore` is made of. */
export const KEY_LOCKS = Symbol('the lock store of ZookeeperModule: import ZookeeperModule.forRoot() or ZookeeperTestingModule');

/** Injects the application's `BarrierSource`. */
export const BARRIERS = Symbol('the barriers of ZookeeperModule: import ZookeeperModule.forRoot() or ZookeeperTestingModule');
