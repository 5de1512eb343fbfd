import { isObject, received } from '../../support/checks.js';
import { MAX_DELAY_MS } from '../../support/clock.js';
import { nameProblem, pathProblem } from '../../support/names.js';
import { isOwnNode } from '../../support/own-nodes.js';
import { BadBarrierError } from './errors.js';

/**
 * Which barrier: its name (up to 200 characters, as names of znodes are), for one below `<rootPath>/barriers`; or the
 * absolute path of a node of any tree, to meet neighbours that use Curator or kazoo there; but of no node that this
 * library keeps below `<rootPath>`.
 */
export type BarrierName = string | { readonly path: string };

/** How long something is waited for at a barrier. */
export interface BarrierWait {
  /** Milliseconds, 0 to 2 147 483 647. Default: without a limit. */
  readonly waitMs?: number | undefined;
  /** Ends the wait with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/** What a gathering is asked for. */
export interface GatherOptions extends BarrierWait {
  /** How many have to come, 1 to 1 000. All of them give the same number. */
  readonly members: number;
}

/** A barrier that holds everybody back from when it is set until it is opened, whoever does that. */
export interface Barrier {
  /** As it was asked for: its name, or its path. */
  readonly name: string;
  /** Sets it; one that is set stays so. It outlives whoever has set it. */
  set(wait?: BarrierWait): Promise<void>;
  /** Opens it for all who wait; one that is open stays so. */
  open(wait?: BarrierWait): Promise<void>;
  /**
   * Resolves when the barrier is not set, at once where that is so now.
   * @throws {BarrierTimeoutError} `ZK_BARRIER_TIMEOUT` when it is still set after `waitMs`; the signal's reason.
   */
  wait(wait?: BarrierWait): Promise<void>;
}

/**
 * A barrier that its members enter together, and leave together. One object for each member; it can be used again.
 */
export interface DoubleBarrier {
  /** As it was asked for: its name, or its path. */
  readonly name: string;
  /**
   * Resolves when all members have come. Who comes when some of the last time have left already waits for the others
   * of them first.
   * @throws {BarrierTimeoutError} `ZK_BARRIER_TIMEOUT` when they have not come within `waitMs`; the signal's reason.
   * @throws {BarrierFullError} `ZK_BARRIER_FULL` when the others are complete. Nobody leaves a node behind.
   * @throws {BadBarrierError} `ZK_BAD_BARRIER` when it was entered already.
   */
  enter(wait?: BarrierWait): Promise<void>;
  /**
   * Resolves when all members leave, too, or have died.
   * @throws {BarrierTimeoutError} `ZK_BARRIER_TIMEOUT` when others are still inside after `waitMs`; the signal's
   * reason. This member has left all the same.
   * @throws {BadBarrierError} `ZK_BAD_BARRIER` when it was not entered.
   */
  leave(wait?: BarrierWait): Promise<void>;
}

/** What hands out barriers: an ensemble, or this process. */
export interface BarrierSource {
  barrier(name: BarrierName): Barrier;
  double(name: BarrierName, members: number): DoubleBarrier;
  gather(name: BarrierName, options: GatherOptions): Promise<void>;
}

const MAX_MEMBERS = 1_000;

/** Where a barrier lives. */
export interface BarrierPlace {
  /** For people. */
  readonly name: string;
  readonly path: string;
}

/** @throws {BadBarrierError} that says what is wrong with the name. */
export function placeOf(name: BarrierName, kind: 'single' | 'gather' | 'double', rootPath: string): BarrierPlace {
  const given: unknown = name;
  if (isObject(given)) return ownPath(given['path'], rootPath);
  if (typeof given !== 'string') throw new BadBarrierError(`its name must be text, or { path }, received ${received(given)}`);
  const problem = nameProblem(given);
  if (problem !== undefined) throw new BadBarrierError(`the name ${received(given)} cannot be used: ${problem}`);
  return { name: given, path: `${rootPath === '/' ? '' : rootPath}/barriers/${kind}/${given}` };
}

function ownPath(given: unknown, rootPath: string): BarrierPlace {
  const problem = pathProblem(given);
  if (problem !== undefined) throw new BadBarrierError(problem);
  const path = given as string;
  if (isOwnNode(path, rootPath)) throw new BadBarrierError(`the node ${path} is kept by this library. Choose another path`);
  return { name: path, path };
}

/** @throws {BadBarrierError} */
export function checkMembers(members: unknown): void {
  if (!(Number.isSafeInteger(members) && (members as number) >= 1 && (members as number) <= MAX_MEMBERS))
    throw new BadBarrierError(`"members" must be a whole number from 1 to ${MAX_MEMBERS}, received ${received(members)}`);
}

/** @throws {BadBarrierError} */
export function checkWait({ waitMs, signal }: BarrierWait): void {
  if (waitMs !== undefined && !(Number.isFinite(waitMs) && waitMs >= 0 && waitMs <= MAX_DELAY_MS))
    throw new BadBarrierError(`"waitMs" must be a number of milliseconds from 0 to ${MAX_DELAY_MS}, received ${received(waitMs)}`);
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw new BadBarrierError(`"signal" must be an AbortSignal, received ${received(signal)}`);
}
