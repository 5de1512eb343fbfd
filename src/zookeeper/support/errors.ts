import { inspect, type InspectOptions } from 'node:util';

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
}

/** Longer texts of objects are cut. */
const MAX_OBJECT_LENGTH = 400;

/** The text of anything thrown, for a log line or another error's message. Never throws itself, whatever it is given. */
export function messageOf(thrown: unknown): string {
  try {
    const text: unknown = thrown instanceof Error ? thrown.message : thrown;
    if (typeof text === 'string') return text;
    return typeof text === 'object' && text !== null ? inspect(text, ONE_LINE).slice(0, MAX_OBJECT_LENGTH) : String(text);
  } catch {
    return 'something was thrown that cannot be put into words';
  }
}

const ONE_LINE: InspectOptions = { depth: 2, breakLength: Infinity, maxArrayLength: 10, maxStringLength: MAX_OBJECT_LENGTH };

/** The stack of anything thrown, for a log. Never throws itself. */
export function stackOf(thrown: unknown): string | undefined {
  try {
    return thrown instanceof Error && typeof thrown.stack === 'string' ? thrown.stack : undefined;
  } catch {
    return undefined;
  }
}
