import { isObject, received } from '../../support/checks.js';
import { MAX_DELAY_MS } from '../../support/clock.js';
import { nameProblem, pathProblem } from '../../support/names.js';
import { isOwnNode } from '../../support/own-nodes.js';
import { BadLockError } from './errors.js';

/** A lock that is held, until it is released or lost. */
export interface Lock extends AsyncDisposable {
  /** As it was asked for: its name, or its path. */
  readonly name: string;
  /**
   * Aborts when the lock is lost, with a `LockLostError`, or released. Asked at any instant it is right: a process that
   * has stood still finds it aborted before any other code runs. Its listeners hear in the first turn of the event loop
   * after the end.
   */
  readonly signal: AbortSignal;
  /**
   * Grows from holder to holder. Hand it to the store that the lock protects, which refuses whoever brings a smaller
   * one: the only thing that stops a write that was on its way when the lock was lost.
   */
  readonly fencingToken: bigint;
  /** Whether this process holds the lock at this instant. No network. */
  readonly held: boolean;
  /**
   * Lets the caller go on while the lock is held. No network.
   * @throws {LockLostError} unless it is held at this instant.
   */
  assertHeld(): void;
  /**
   * Aborts, with a `LockRevocationError`, when somebody asks for the lock: `Locks.requestRevocation`, or Curator's
   * `Revoker`. It is held all the same, until it is released: whoever can stop early does.
   */
  readonly revocationRequested: AbortSignal;
  /**
   * Another handle of the same hold, for code that releases what it has been given: the lock goes to the next in line
   * when all of its handles are released, and is lost for all of them at once. No network.
   * @throws {LockLostError} unless it is held at this instant.
   */
  reenter(): Lock;
  /**
   * Gives the lock to the next in line. Not held any more from the call on, whatever comes. Resolves when ZooKeeper has
   * acknowledged it, or the session has ended and the lock with it, or after 10 s; what is left to do is then done in
   * the background. Safe to repeat; never rejects. Also a lock that was lost is to be released, once its work has
   * stopped: until then nobody else gets it while the session lives.
   */
  release(): Promise<void>;
}

/** A lock that is held for writing, which excludes everybody. */
export interface WriteLock extends Lock {
  /**
   * Goes on as a reader: nobody else writes in between, and readers may join. This lock, with all of its handles, is
   * not held any more from the call on, whatever comes; what is answered is, and is to be released by itself. There is
   * no way back: release, then acquire for writing.
   * @throws {LockLostError} `ZK_LOCK_LOST` unless it is held, and when it is lost on the way.
   * @throws {ZooKeeperError} what ZooKeeper refuses; the lock is then given up.
   */
  downgrade(): Promise<Lock>;
}

/** A lock that many may hold for reading, or one for writing. */
export interface ReadWriteLock {
  /** Waits until nobody writes, and nobody who came before waits to. Throws as `Locks.acquire`. */
  read(wait?: LockWait): Promise<Lock>;
  /** Waits until nobody else reads or writes. Throws as `Locks.acquire`. */
  write(wait?: LockWait): Promise<WriteLock>;
  /** As `Locks.tryAcquire`: undefined when it is not to be had now. */
  tryRead(): Promise<Lock | undefined>;
  /** As `Locks.tryAcquire`: undefined when it is not to be had now. */
  tryWrite(): Promise<WriteLock | undefined>;
  /** As `Locks.withLock`, for reading. */
  withRead<T>(work: (lock: Lock) => Promise<T> | T, wait?: LockWait): Promise<T>;
  /** As `Locks.withLock`, for writing. */
  withWrite<T>(work: (lock: WriteLock) => Promise<T> | T, wait?: LockWait): Promise<T>;
}

/** Permits of which so many can be held at once, cluster-wide. */
export interface Semaphore {
  /** How many there are, as this caller knows it. */
  readonly permits: number;
  /**
   * Changes how many there are, for what is acquired by this object from now on, and for who waits by it already. Who
   * holds a permit keeps it. Others have their own number: tell all of them.
   * @throws {BadLockError} unless it is a whole number from 1 to 500.
   */
  resize(permits: number): void;
  /** Waits in line until a permit is free; it is held, lost and released as a lock is. Throws as `Locks.acquire`. */
  acquire(wait?: LockWait): Promise<Lock>;
  /** As `Locks.tryAcquire`: undefined when none is free now. */
  tryAcquire(): Promise<Lock | undefined>;
  /** Waits until so many are free at once, and takes all of them or none. Throws as `Locks.acquire`. */
  acquireMany(count: number, wait?: LockWait): Promise<LockSet>;
  /** As `Locks.withLock`, with one permit. */
  withPermit<T>(work: (permit: Lock) => Promise<T> | T, wait?: LockWait): Promise<T>;
  /** As `Locks.inspect`. */
  inspect(): Promise<SemaphoreView>;
}

/** A semaphore as it is seen now. */
export interface SemaphoreView {
  /** Who holds a permit, once for each; at most 100. */
  readonly holders: readonly LockContender[];
  /** How many permits are held altogether. */
  readonly heldCount: number;
  /** Who waits, first in line first; at most 100. */
  readonly waiting: readonly LockContender[];
  /** How many wait altogether. */
  readonly waitingCount: number;
}

/** Several locks that are held together, until the first of them is lost or released. */
export interface LockSet extends AsyncDisposable {
  /** In the order in which they were named. Each has its own fencing token. */
  readonly locks: readonly Lock[];
  /**
   * Aborts with the reason of the first of them that is lost or released; as right at any instant as that of a lock.
   */
  readonly signal: AbortSignal;
  /** Whether this process holds all of them at this instant. No network. */
  readonly held: boolean;
  /**
   * Lets the caller go on while all of them are held. No network.
   * @throws {LockLostError} for the first that is not.
   */
  assertHeld(): void;
  /**
   * Gives all of them to the next in line, each as `Lock.release` does, whatever becomes of the others. Safe to repeat.
   * At the end of `await using` the same happens, and nothing is thrown.
   * @throws {LocksNotReleasedError} `ZK_LOCKS_NOT_RELEASED` when ZooKeeper has not acknowledged some of them within
   * 10 s: it names them. Their release goes on in the background.
   */
  release(): Promise<void>;
}

/**
 * Which lock: its name (up to 200 characters, as names of znodes are), for a lock below `<rootPath>/locks`; or the
 * absolute path of a node of any tree, to meet neighbours that use Curator or kazoo there; but of no node that this
 * library keeps below `<rootPath>`.
 */
export type LockName = string | { readonly path: string };

/** How long a lock is waited for. */
export interface LockWait {
  /** Milliseconds, 0 to 2 147 483 647; 0: not at all. Default: without a limit. */
  readonly waitMs?: number | undefined;
  /** Ends the wait with its reason. Has no effect on a lock that is held already. */
  readonly signal?: AbortSignal | undefined;
}

/** Who holds a lock, or waits for it. */
export interface LockContender {
  /** The path of its node. */
  readonly node: string;
  /** What it has written: `host:port` of one of ours, an IP address of Curator's, an identifier of kazoo's. */
  readonly address: string;
  /** The id of its ZooKeeper session, as the logs of ZooKeeper write it. */
  readonly session: string;
  /** Since when it stands in line, by the clock of ZooKeeper's leader. */
  readonly since: Date;
  /** Whether it shares the lock with others who do: readers, and holders of a semaphore. */
  readonly shares: boolean;
}

/** Who holds a lock, as far as can be seen. */
export interface LockHolderView extends LockContender {
  /** Its fencing token, where it is known: not that of readers, nor of holders of other libraries. */
  readonly token: bigint | undefined;
}

/** A lock as it is seen now. */
export interface LockView {
  /**
   * The first in line. One of ours that is no reader and has no `token` waits for the proof, or the lease, of the one
   * before it. Undefined: the lock is free.
   */
  readonly holder: LockHolderView | undefined;
  /** It, and the readers that hold the lock together with it; at most 100. */
  readonly holders: readonly LockHolderView[];
  /** The others, first in line first; at most 100. */
  readonly waiting: readonly LockContender[];
  /** How many wait altogether. */
  readonly waitingCount: number;
}

/** Where a lock lives. */
export interface LockPlace {
  /** For people. */
  readonly name: string;
  /** The node below which the line stands. */
  readonly path: string;
  /** The folder of all named locks; undefined for a lock with a path of its own. */
  readonly root: string | undefined;
  /** What is made together, once: `path`, and for a semaphore what stands beside it. */
  readonly nodes: readonly string[];
}

/** @throws {BadLockError} that says what is wrong with the name. */
export function placeOf(name: LockName, rootPath: string): LockPlace {
  return placeIn(name, rootPath, 'locks');
}

/** `folder`: of what is named, below the root. @throws {BadLockError} that says what is wrong with the name. */
export function placeIn(name: LockName, rootPath: string, folder: string): LockPlace {
  const given: unknown = name;
  if (isObject(given)) return ownPath(given['path'], rootPath);
  if (typeof given !== 'string') throw new BadLockError(`its name must be text, or { path }, received ${received(given)}`);
  const problem = nameProblem(given);
  if (problem !== undefined) throw new BadLockError(`the name ${received(given)} cannot be used: ${problem}`);
  const root = `${rootPath === '/' ? '' : rootPath}/${folder}`;
  const path = `${root}/${given}`;
  return { name: given, path, root, nodes: [path] };
}

function ownPath(given: unknown, rootPath: string): LockPlace {
  const problem = pathProblem(given);
  if (problem !== undefined) throw new BadLockError(problem);
  const path = given as string;
  if (isOwnNode(path, rootPath))
    throw new BadLockError(`the node ${path} is kept by this library. Choose another path, or ask for a named lock by its name`);
  return { name: path, path, root: undefined, nodes: [path] };
}

/** @throws {BadLockError} that says what is wrong with the wait. */
export function checkWait({ waitMs, signal }: LockWait): void {
  if (waitMs !== undefined && !(Number.isFinite(waitMs) && waitMs >= 0 && waitMs <= MAX_DELAY_MS))
    throw new BadLockError(`"waitMs" must be a number of milliseconds from 0 to ${MAX_DELAY_MS}, received ${received(waitMs)}`);
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw new BadLockError(`"signal" must be an AbortSignal, received ${received(signal)}`);
}
