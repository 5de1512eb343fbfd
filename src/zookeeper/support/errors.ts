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

/** The text of anything thrown, for a log line or another error's message. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
