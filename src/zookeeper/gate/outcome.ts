import { UnfinishedResultError } from '../jobs/run/errors.js';

/** True for anything that `await` would wait for. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return isObjectLike(value) && typeof (value as { then?: unknown }).then === 'function';
}

/**
 * What a run has returned, when it is done. A result that stands for work still to be done is worked off: a promise and
 * an array of promises are awaited, an Observable is subscribed to and awaited (as Nest does with what a handler
 * returns), what a generator would do is done. Nobody could do any of that later: a schedule throws results away. An
 * abort of `signal` ends a subscription, and stops a generator at its next step.
 *
 * What is done already comes back as it is, without a promise.
 * @throws {UnfinishedResultError} or rejects with it, for a function: nobody can know whether it
 * is work still to be done.
 */
export function settle(result: unknown, signal: AbortSignal): unknown {
  if (isThenable(result)) return Promise.resolve(result).then((value) => settle(value, signal));
  if (isSubscribable(result)) return lastOf(result, signal);
  if (isIterating(result)) return exhaust(result, signal);
  if (Array.isArray(result) && result.some((each) => isThenable(each) || isSubscribable(each) || isIterating(each)))
    return all(result, signal);
  if (typeof result === 'function') throw new UnfinishedResultError('a function');
  return result;
}

/** Only what `settle` has made a promise of is awaited. */
export function isPromise(value: unknown): value is Promise<unknown> {
  return value instanceof Promise;
}

interface Subscribable {
  subscribe(observer: { next(value: unknown): void; error(thrown: unknown): void; complete(): void }): { unsubscribe(): void };
}

/** By shape, as rxjs's own `isObservable` does: an application may have another copy of rxjs, or another library. */
function isSubscribable(value: unknown): value is Subscribable {
  if (!isObjectLike(value) || typeof (value as { subscribe?: unknown }).subscribe !== 'function') return false;
  const interop = (Symbol as { readonly observable?: symbol }).observable ?? '@@observable';
  return typeof (value as { lift?: unknown }).lift === 'function' || interop in value || '@@observable' in value;
}

/** Resolves with the last value when the Observable completes. */
function lastOf(observable: Subscribable, signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve, reject) => {
    let last: unknown;
    let subscription: { unsubscribe(): void } | undefined;
    const end = (then: () => void): void => {
      signal.removeEventListener('abort', abort);
      then();
    };
    const abort = (): void => {
      end(() => reject(signal.reason as Error));
      subscription?.unsubscribe();
    };
    signal.addEventListener('abort', abort, { once: true });
    subscription = observable.subscribe({
      next: (value) => (last = value),
      error: (thrown: Error) => end(() => reject(thrown)),
      complete: () => end(() => resolve(last)),
    });
    if (signal.aborted) abort();
  });
}

/** A generator, or what else hands work out step by step; not a list, whose steps are there already. */
type Iterating = AsyncIterable<unknown> | (Iterator<unknown> & Iterable<unknown>);

function isIterating(value: unknown): value is Iterating {
  if (!isObjectLike(value)) return false;
  if (typeof (value as Partial<AsyncIterable<unknown>>)[Symbol.asyncIterator] === 'function') return true;
  const { next, [Symbol.iterator]: iterator } = value as Partial<IterableIterator<unknown>>;
  return typeof next === 'function' && typeof iterator === 'function';
}

async function exhaust(work: Iterating, signal: AbortSignal): Promise<void> {
  for await (const _ of work) signal.throwIfAborted();
}

/** Waits for all, also when one has failed: what goes on is part of the run. */
async function all(results: readonly unknown[], signal: AbortSignal): Promise<unknown[]> {
  const ends = await Promise.allSettled(results.map(async (each) => settle(each, signal)));
  const failed = ends.find((end) => end.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return ends.map((end) => (end as PromiseFulfilledResult<unknown>).value);
}

function isObjectLike(value: unknown): value is object {
  return (typeof value === 'object' || typeof value === 'function') && value !== null;
}

/**
 * True when `thrown` is only the echo of the signal's abort: its reason, or the AbortError that Node's own functions
 * make of it. Never throws, whatever was thrown.
 */
export function endedByAbort(thrown: unknown, signal: AbortSignal): boolean {
  if (!signal.aborted) return false;
  try {
    return thrown === signal.reason || (thrown instanceof Error && thrown.name === 'AbortError');
  } catch {
    return false;
  }
}
