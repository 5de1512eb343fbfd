/**
 * Injects the gate into every provider that has a `@MasterOnly` method. The description is what Nest prints when it cannot find it: the
 * instruction for whoever forgot the module.
 */
export const GATE = Symbol('import ZookeeperModule.forRoot() or ZookeeperTestingModule');

/** Injects the application's `Elections`; what a test overrides to decide who is master. */
export const ELECTIONS = Symbol('the elections of ZookeeperModule: import ZookeeperModule.forRoot() or ZookeeperTestingModule');

/** Injects the checked options, `ZookeeperSettings`. */
export const SETTINGS = Symbol('the checked options of ZookeeperModule');

/** Injects the `Observer` that everything reports to. */
export const OBSERVER = Symbol('where ZookeeperModule reports to');
