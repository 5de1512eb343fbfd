import { setTimeout as wait } from 'node:timers/promises';

/**
 * How long an effect may take unless a test says otherwise. It ends a test that would hang, and is never part of what a
 * test shows: no test may depend on how fast the machine is.
 */
export const WITHIN_MS = 120_000;

export interface EventuallyOptions {
  /** Default `WITHIN_MS`. */
  readonly withinMs?: number;
  /** What is waited for, as the rest of the sentence "waited for …". */
  readonly what: string;
  /** Between two tries. Default 20. */
  readonly everyMs?: number;
}

/**
 * Tries `assertion` until it passes, and answers what it answered. Fails with its last failure, and
 * with what was waited for.
 */
export async function eventually<T>(assertion: () => T | Promise<T>, options: EventuallyOptions): Promise<T> {
  const { withinMs = WITHIN_MS, everyMs = 20, what } = options;
  const startedMs = performance.now();
  for (;;) {
    try {
      return await assertion();
    } catch (error) {
      const waitedMs = performance.now() - startedMs;
      if (waitedMs > withinMs) {
        const reason = error instanceof Error ? error.message : String(error);
        throw new Error(`Waited ${Math.round(waitedMs)} ms for ${what}: ${reason}`, { cause: error });
      }
    }
    await wait(everyMs);
  }
}

/** What `promise` settles to, or a failure that names what did not come in time. */
export async function within<T>(
  promise: Promise<T>,
  what: string,
  withinMs = WITHIN_MS,
  failure = (message: string): Error => new Error(message),
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(failure(`Waited ${withinMs} ms for ${what}.`)), withinMs);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** The failure of `promise`; fails when it succeeds. */
export async function failureOf(promise: Promise<unknown>, withinMs = WITHIN_MS): Promise<unknown> {
  const outcome = await within(
    promise.then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    ),
    'a promise to settle',
    withinMs,
  );
  if ('error' in outcome) return outcome.error;
  throw new Error(`Expected a failure, got ${String(outcome.value)}.`);
}

/** A promise that is settled from outside. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
}

export function deferred<T>(): Deferred<T> {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((settle) => (resolve = settle));
  return { promise, resolve };
}
