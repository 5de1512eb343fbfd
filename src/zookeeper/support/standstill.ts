/** What is shorter happens to every process, and explains nothing. */
const NOTED_MS = 100;
const MAX_KEPT = 16;

/**
 * When this process stood still: found by timers that fire late, which costs nothing and misses only what happens while
 * none waits. A late timer proves that for so long at least the event loop did not run: a job that blocks it, garbage
 * collection, too little CPU, a frozen or suspended machine.
 */
export class Standstills {
  private readonly kept: { readonly endedMs: number; readonly lateMs: number }[] = [];

  /** A timer has fired `lateMs` after it was due. Monotonic times. */
  note(lateMs: number, monotonicMs: number): void {
    if (lateMs < NOTED_MS) return;
    this.kept.push({ endedMs: monotonicMs, lateMs });
    if (this.kept.length > MAX_KEPT) this.kept.shift();
  }

  /** The longest of those that ended in the last `withinMs`; 0 when there was none. */
  longestMs(withinMs: number, monotonicMs: number): number {
    return Math.max(0, ...this.kept.filter(({ endedMs }) => endedMs >= monotonicMs - withinMs).map(({ lateMs }) => lateMs));
  }
}

/** What a clock knows of the standstills of its process. */
interface StandstillClock {
  standstillMs(withinMs: number): number;
}

/**
 * A sentence for this process's own log, with a space before it, that names its standstill in the last `withinMs`, if
 * it was `atLeastMs` long; else empty.
 */
export function standstillInWords(clock: StandstillClock, withinMs: number, atLeastMs: number): string {
  const stood = stoodStill(clock, withinMs, atLeastMs);
  return stood === undefined ? '' : ` This process itself ${stood}, so look here first.`;
}

/** The same for readers elsewhere, after a sentence that names the replica. */
export function standstillOfReplica(clock: StandstillClock, withinMs: number, atLeastMs: number): string {
  const stood = stoodStill(clock, withinMs, atLeastMs);
  return stood === undefined ? '' : ` Its process ${stood}.`;
}

function stoodStill(clock: StandstillClock, withinMs: number, atLeastMs: number): string | undefined {
  const stoodMs = Math.round(clock.standstillMs(withinMs));
  if (stoodMs === 0 || stoodMs < atLeastMs) return undefined;
  return `stood still for at least ${stoodMs} ms (a blocked event loop, garbage collection, too little CPU or a frozen machine)`;
}
