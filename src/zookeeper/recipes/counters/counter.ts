import { isObject, oneOf, received, shape, whole } from '../../support/checks.js';
import { MAX_DELAY_MS } from '../../support/clock.js';
import { nameProblem, pathProblem } from '../../support/names.js';
import { isOwnNode } from '../../support/own-nodes.js';
import { BadCounterError } from './errors.js';
import type { CounterFormat } from './format.js';

/** A number that all processes share. */
export interface Counter<Value extends bigint | number> {
  /** As it was asked for: its name, or its path. */
  readonly name: string;
  /** The number, with every change that was answered before this call; 0 when nobody has changed it yet. */
  get(wait?: CounterWait): Promise<Value>;
  /** Makes it this number, whatever it was. */
  set(value: bigint | number, wait?: CounterWait): Promise<void>;
  /** Adds 1, once, and answers the number afterwards. */
  increment(wait?: CounterWait): Promise<Value>;
  /** Subtracts 1, once, and answers the number afterwards. */
  decrement(wait?: CounterWait): Promise<Value>;
  /** Adds this whole number, which may be negative, once, and answers the number afterwards. */
  add(by: bigint | number, wait?: CounterWait): Promise<Value>;
  /** Makes it `value` if it is `expected`. True: it was, and is changed. False: it was another number, and stays. */
  compareAndSet(expected: bigint | number, value: bigint | number, wait?: CounterWait): Promise<boolean>;
}

/**
 * Which counter, or which ids: the name (up to 200 characters, as names of znodes are), for one below `rootPath`; or
 * the absolute path of a node of any tree, to share it with neighbours that use Curator or kazoo; but of no node that
 * this library keeps below `rootPath`.
 */
export type CounterName = string | { readonly path: string };

/** Options of a counter. */
export interface CounterOptions {
  /** How it is written; all who share a counter must say the same. Default `'int64'`. */
  readonly format?: CounterFormat | undefined;
}

/** How long a call is waited for. */
export interface CounterWait {
  /**
   * Milliseconds, 0 to 2 147 483 647, with everything that is waited for: a session, others that change the same
   * counter, the answer. 0: not for a session, and up to 10 s for the answer. Default 10 000.
   */
  readonly waitMs?: number | undefined;
  /**
   * Ends the wait with its reason. A change that was sent may be made all the same; one that was not sent is not made.
   */
  readonly signal?: AbortSignal | undefined;
}

/** Where a counter lives. */
export interface CounterPlace {
  /** For people. */
  readonly name: string;
  readonly path: string;
}

/** How long the answer is waited for, unless the caller says otherwise. */
export const DEFAULT_WAIT_MS = 10_000;

/** @throws {BadCounterError} that says what is wrong with the name. */
export function placeOf(name: CounterName, rootPath: string, folder: 'counters' | 'ids'): CounterPlace {
  const given: unknown = name;
  if (isObject(given)) return ownPath(given['path'], rootPath);
  if (typeof given !== 'string') throw new BadCounterError(`its name must be text, or { path }, received ${received(given)}`);
  const problem = nameProblem(given);
  if (problem !== undefined) throw new BadCounterError(`the name ${received(given)} cannot be used: ${problem}`);
  return { name: given, path: `${rootPath === '/' ? '' : rootPath}/${folder}/${given}` };
}

function ownPath(path: unknown, rootPath: string): CounterPlace {
  const problem = pathProblem(path);
  if (problem !== undefined) throw new BadCounterError(problem);
  const text = path as string;
  if (isOwnNode(text, rootPath))
    throw new BadCounterError(`the node ${text} is kept by this library. Choose another path, or ask by a name`);
  return { name: text, path: text };
}

/** @throws {BadCounterError} that says what is wrong with the options. */
export function formatOf(options: CounterOptions): CounterFormat {
  const problem = shape(options, 'options', 'an object with the options of a counter', { format: oneOf('int64', 'int32', 'text') }, []);
  if (problem !== undefined) throw new BadCounterError(problem);
  return options.format ?? 'int64';
}

/** @throws {BadCounterError} that says what is wrong with the wait. */
export function checkWait(wait: CounterWait): void {
  const checks = { waitMs: whole('a whole number of milliseconds', 0, MAX_DELAY_MS), signal: isSignal };
  const problem = shape(wait, 'wait', 'an object with { waitMs, signal }', checks, []);
  if (problem !== undefined) throw new BadCounterError(problem);
}

function isSignal(value: unknown, name: string): string | undefined {
  return value instanceof AbortSignal ? undefined : `"${name}" must be an AbortSignal, received ${received(value)}`;
}

/** @throws {BadCounterError} unless it is a whole number. */
export function wholeNumber(value: unknown, what: string): bigint {
  if (typeof value === 'bigint') return value;
  if (Number.isSafeInteger(value)) return BigInt(value as number);
  const shown = typeof value === 'number' && Number.isInteger(value) ? `${value}, which is not exact: use a bigint` : received(value);
  throw new BadCounterError(`${what} must be a whole number, received ${shown}`);
}
