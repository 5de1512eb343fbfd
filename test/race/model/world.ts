import { Choices } from './choices.js';

interface Happening {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
  cancelled: boolean;
}

/** Something that will happen, unless cancelled. */
export interface Scheduled {
  readonly atMs: number;
  cancel(): void;
}

const TRACE_LIMIT = 400;

/** Lets every promise that can settle settle. A macrotask of Node runs only when no microtask is left. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/**
 * True time, and everything that is still to happen, in one queue. Nothing in a simulation happens outside `step`, so
 * its order is a function of the choices alone.
 */
export class World {
  private readonly heap: Happening[] = [];
  private order = 0;
  private now = 0;
  private touched = true;
  private readonly lines: string[] = [];

  constructor(readonly choices: Choices) {}

  /** Milliseconds of true time since the start. */
  get nowMs(): number {
    return this.now;
  }

  /** When the next thing happens, or undefined when nothing is left. */
  get nextMs(): number | undefined {
    this.dropCancelled();
    return this.heap[0]?.atMs;
  }

  at(atMs: number, run: () => void): Scheduled {
    const happening: Happening = { atMs: Math.max(atMs, this.now), order: (this.order += 1), run, cancelled: false };
    this.push(happening);
    return { atMs: happening.atMs, cancel: () => void (happening.cancelled = true) };
  }

  in(delayMs: number, run: () => void): Scheduled {
    return this.at(this.now + delayMs, run);
  }

  /** Code of a simulated process ran in this step: its promises must settle before the next. */
  touch(): void {
    this.touched = true;
  }

  /** Moves true time forward, at most to the next happening. */
  passTo(atMs: number): void {
    const next = this.nextMs ?? Infinity;
    this.now = Math.max(this.now, Math.min(atMs, next));
  }

  /** The next happening, and all that follows from it at once. False when nothing is left. */
  async step(): Promise<boolean> {
    if (this.touched) await this.settled();
    this.dropCancelled();
    const next = this.pop();
    if (next === undefined) return false;
    this.now = next.atMs;
    next.run();
    if (this.touched) await this.settled();
    return true;
  }

  trace(line: string): void {
    this.lines.push(`${this.now.toFixed(1).padStart(9)}  ${line}`);
    if (this.lines.length > TRACE_LIMIT) this.lines.shift();
  }

  /** The last lines of what happened, for a failure's message. */
  history(limit = TRACE_LIMIT): string {
    return this.lines.slice(-limit).join('\n');
  }

  private async settled(): Promise<void> {
    this.touched = false;
    await settle();
  }

  private dropCancelled(): void {
    while (this.heap[0]?.cancelled) this.pop();
  }

  private push(happening: Happening): void {
    const heap = this.heap;
    let at = heap.push(happening) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (isBefore(heap[above]!, happening)) break;
      heap[at] = heap[above]!;
      at = above;
    }
    heap[at] = happening;
  }

  private pop(): Happening | undefined {
    const heap = this.heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && isBefore(heap[below + 1]!, heap[below]!)) below += 1;
      if (isBefore(last, heap[below]!)) break;
      heap[at] = heap[below]!;
      at = below;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(a: Happening, b: Happening): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
