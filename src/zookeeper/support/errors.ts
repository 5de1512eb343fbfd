import { httpStatusOf } from './http-status.js';
import { inspect, types, type InspectOptions } from 'node:util';

/**
 * Base of every error this library throws. `code` is stable and meant for programs; the message says what happened,
 * with numbers, and what to do.
 */
export class ClusterCronError extends Error {
  constructor(
    /** Stable, e.g. `ZK_NOT_MASTER`. */
    readonly code: string,
    message: string,
    options?: { readonly cause?: unknown },
  ) {
    super(`${code}: ${message}`, options);
    this.name = new.target.name;
  }

  /**
   * The HTTP status that fits it, for a controller that hands commands on: 400 to 421 for what the caller has to
   * correct, 429, 503 or 504 to try again, else 500.
   */
  get httpStatus(): number {
    return httpStatusOf(this.code);
  }

  /**
   * What `JSON.stringify` makes of it: name, code, message and its further facts, with whole numbers that JSON does not
   * know as text.
   */
  toJSON(): Readonly<Record<string, unknown>> {
    return { ...jsonFacts(this), message: this.message };
  }
}

/**
 * A copy whose bigints are text, in decimal: JSON knows none, and `JSON.stringify` throws at the first. To compare:
 * `BigInt(text)`.
 */
export function jsonFacts(facts: object): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(facts).map(([key, value]) => [key, typeof value === 'bigint' ? value.toString() : value]));
}

/** Longer texts are cut: whatever was thrown, a line of the log and another error's message stay within bounds. */
const MAX_LENGTH = 4_000;
const MAX_OBJECT_LENGTH = 400;
const MAX_STACK_LENGTH = 16_000;
/** How deep causes are followed, and how many errors of an aggregate are told. */
const MAX_DEPTH = 5;
const MAX_ERRORS = 5;

/**
 * The text of anything thrown, for a log line, a verdict or another error's message: what `util.inspect` would show of
 * it, without the stacks, on one line. Of an error that is its message (its name where that is empty), its `code` where
 * the message does not name it, its `cause` and its `errors`, which often say more than the outermost message ("fetch
 * failed"). Never empty, never longer than `maxLength`; where all of it does not fit, the inner errors keep half of the
 * room. Never throws itself, whatever it is given.
 */
export function messageOf(thrown: unknown, maxLength: number = MAX_LENGTH): string {
  try {
    return cut(describe(thrown, maxLength, []), maxLength);
  } catch {
    return cut('something was thrown that cannot be put into words', maxLength);
  }
}

const ONE_LINE: InspectOptions = { depth: 2, breakLength: Infinity, maxArrayLength: 10, maxStringLength: MAX_OBJECT_LENGTH };

function describe(thrown: unknown, room: number, outer: readonly unknown[]): string {
  if (isError(thrown)) return describeError(thrown, room, [...outer, thrown]);
  if (typeof thrown === 'string') return thrown.trim() === '' ? inspect(thrown) : thrown;
  return typeof thrown === 'object' && thrown !== null ? cut(inspect(thrown, ONE_LINE), MAX_OBJECT_LENGTH) : String(thrown);
}

/** Also one of another realm: test runners and `node:vm` have an `Error` of their own. */
function isError(thrown: unknown): thrown is Error {
  return thrown instanceof Error || types.isNativeError(thrown);
}

function describeError(error: Error, room: number, path: readonly unknown[]): string {
  const head = headOf(error);
  const inner = innerOf(error, Math.ceil(room / 2), path, head);
  if (inner.length === 0) return head;
  const tail = ` (${inner.join('; ')})`;
  return cut(head, Math.max(Math.floor(room / 2), room - tail.length)) + tail;
}

function headOf(error: Error): string {
  const { name, message } = error as { readonly name: unknown; readonly message: unknown };
  const code: unknown = (error as { readonly code?: unknown }).code;
  const text = typeof message === 'string' ? message : inspect(message, ONE_LINE);
  const head = text.trim() === '' ? nameOf(name) : text;
  const isNews = (typeof code === 'string' || typeof code === 'number') && code !== '' && !head.includes(String(code));
  return isNews ? `${head} [${code}]` : head;
}

function nameOf(name: unknown): string {
  return typeof name === 'string' && name !== '' ? name : 'Error';
}

/**
 * The cause and the errors of an aggregate, each in words. What the message says already is left out, and so is what
 * leads back to an error that is being told.
 */
function innerOf(error: Error, room: number, path: readonly unknown[], head: string): string[] {
  if (path.length > MAX_DEPTH) return [];
  const { cause, errors } = error as { readonly cause?: unknown; readonly errors?: unknown };
  const all = Array.isArray(errors) ? (errors as readonly unknown[]) : [];
  const shown = all.slice(0, MAX_ERRORS);
  const tell = (inner: readonly unknown[]): string[] => {
    const texts = inner.filter((each) => !path.includes(each)).map((each) => describe(each, Math.ceil(room / inner.length), path));
    return [...new Set(texts)].filter((text) => !head.includes(text));
  };
  const why = tell(cause === undefined ? [] : [cause]).map((text) => `cause: ${text}`);
  const more = all.length > shown.length ? [`and ${all.length - shown.length} more errors`] : [];
  return [...why, ...tell(shown), ...more];
}

/** At most so long, and not within a character of two units. */
function cut(text: string, length: number): string {
  if (text.length <= length) return text;
  const end = /[\uD800-\uDBFF]/.test(text.charAt(length - 1)) ? length - 1 : length;
  return text.slice(0, end);
}

/**
 * The stack of anything thrown, for a log, with those of its causes and errors as `util.inspect` shows them. Never
 * throws itself.
 */
export function stackOf(thrown: unknown): string | undefined {
  try {
    if (!isError(thrown) || typeof thrown.stack !== 'string') return undefined;
    const hasMore = (thrown.cause ?? (thrown as { readonly errors?: unknown }).errors) !== undefined;
    return cut(hasMore ? inspect(thrown, { maxArrayLength: 10, maxStringLength: 1_000 }) : thrown.stack, MAX_STACK_LENGTH);
  } catch {
    return undefined;
  }
}
