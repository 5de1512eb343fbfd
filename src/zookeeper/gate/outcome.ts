/** True for anything that `await` would wait for. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    (typeof value === 'object' || typeof value === 'function') && value !== null && typeof (value as { then?: unknown }).then === 'function'
  );
}

/**
 * True when `thrown` is only the echo of the signal's abort: its reason, or the AbortError that Node's own functions make of it. Never throws,
 * whatever was thrown.
 */
export function endedByAbort(thrown: unknown, signal: AbortSignal): boolean {
  if (!signal.aborted) return false;
  try {
    return thrown === signal.reason || (thrown instanceof Error && thrown.name === 'AbortError');
  } catch {
    return false;
  }
}
