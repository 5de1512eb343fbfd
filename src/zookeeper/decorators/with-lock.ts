import 'reflect-metadata';
import { Inject } from '@nestjs/common';
import type { Method } from '../dispatch/gated-job.js';
import { JobSetupError } from '../jobs/run/errors.js';
import { LockBusyError } from '../recipes/locks/errors.js';
import type { LockName, LockWait } from '../recipes/locks/lock.js';
import { type LockSource, withLock } from '../recipes/locks/lock-source.js';
import { refuseStandardDecorators } from './guarded.js';
import { LOCKS } from './inject.js';
import { imitate } from './master-only.js';

/** What `@WithLock` does when the lock is not free, and for how long it waits. */
export interface WithLockOptions {
  /**
   * `'wait'`: waits in line, and throws `LockBusyError` after `waitMs`. `'throw'`: the same, but without `waitMs` at
   * once. `'skip'`: as `'throw'`, but answers undefined in place of the error; the method is not called. Default
   * `'wait'`.
   */
  readonly onBusy?: 'wait' | 'skip' | 'throw' | undefined;
  /** Milliseconds. Default: without a limit for `'wait'`, else 0. */
  readonly waitMs?: number | undefined;
}

const LOCK_SOURCE = Symbol('the locks, injected by Nest');
const ON_BUSY = new Set<unknown>(['wait', 'skip', 'throw', undefined]);

/**
 * The method, which must be async, runs while this caller holds the lock: one call in the cluster at a time; the others
 * wait, or do without (`onBusy`). `name`: the lock's name, or a function of the call's first arguments that answers it.
 * The provider must be made by Nest. For the token or the signal of the lock use `Locks.withLock`. A call from within a
 * method that holds the same lock waits for itself: locks are not re-entrant.
 *
 * @throws {JobSetupError} where it is written: for a static method, for what is no method, and for options that do not
 * exist; and when it is called on an instance that Nest has not made. Else the call throws what `Locks.acquire` and the
 * method do.
 */
// oxlint-disable-next-line typescript/no-explicit-any -- what a method takes and answers is its own business
export function WithLock<A extends any[] = any[]>(name: LockName | ((...args: A) => LockName), options: WithLockOptions = {}) {
  // oxlint-disable-next-line typescript/no-explicit-any -- as above
  return <M extends (...args: [...A, ...any[]]) => Promise<any>>(
    target: object,
    key: string | symbol,
    descriptor: TypedPropertyDescriptor<M>,
  ): void => {
    refuseStandardDecorators('@WithLock', key);
    const problem = problemOf(target, descriptor?.value, options);
    if (problem !== undefined) throw new JobSetupError([`@WithLock on ${target.constructor.name}.${String(key)}: ${problem}.`]);
    if (!(LOCK_SOURCE in target)) {
      Object.defineProperty(target, LOCK_SOURCE, { value: undefined, writable: true, configurable: true });
      Inject(LOCKS)(target, LOCK_SOURCE);
    }
    const original = descriptor.value as unknown as Method;
    const nameOf = typeof name === 'function' ? (name as (...args: unknown[]) => LockName) : (): LockName => name;
    const locked = lockedMethod(key, original, nameOf, options);
    imitate(locked, original);
    descriptor.value = locked as unknown as M;
  };
}

function lockedMethod(
  key: string | symbol,
  original: Method,
  nameOf: (...args: unknown[]) => LockName,
  { onBusy = 'wait', waitMs }: WithLockOptions,
): Method {
  const wait: LockWait = { waitMs: waitMs ?? (onBusy === 'wait' ? undefined : 0) };
  return async function (this: unknown, ...args: unknown[]): Promise<unknown> {
    const source = (this as { readonly [LOCK_SOURCE]?: LockSource } | undefined)?.[LOCK_SOURCE];
    if (source === undefined)
      throw new JobSetupError([
        `${String(key)} has @WithLock, and was called on an instance that Nest did not make. Provide it in a module.`,
      ]);
    let hasBegun = false;
    const work = async (): Promise<unknown> => {
      hasBegun = true;
      return original.apply(this, args);
    };
    try {
      return await withLock(() => source.acquire(nameOf(...args), wait), work);
    } catch (thrown) {
      if (onBusy === 'skip' && !hasBegun && thrown instanceof LockBusyError) return undefined;
      throw thrown;
    }
  };
}

function problemOf(target: object, original: unknown, options: WithLockOptions): string | undefined {
  if (typeof target === 'function') return 'a static method belongs to no application. Make it a method of a provider';
  if (typeof original !== 'function') return 'only methods can hold a lock';
  const unknown = Object.keys(options).find((option) => option !== 'onBusy' && option !== 'waitMs');
  if (unknown !== undefined) return `there is no option "${unknown}". Known: onBusy, waitMs`;
  return ON_BUSY.has(options.onBusy) ? undefined : `"onBusy" must be 'wait', 'skip' or 'throw'`;
}
