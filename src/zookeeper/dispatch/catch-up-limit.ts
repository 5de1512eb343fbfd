import type { CatchUp } from '../jobs/control/question.js';
import type { Clock, Timer } from '../support/clock.js';

/** How many runs that make up for the past a replica begins at once, over all its jobs. */
export const MAX_CATCHING_UP = 4;

/**
 * How long such a run keeps others from beginning, if it does not end before. The limit is about starts: what hangs,
 * or is long by nature, must not keep the other jobs from catching up. At the worst, when none of them ends, four
 * begin in every five seconds.
 */
export const PLACE_MS = 5_000;

/** One that wants to make up for the past: a job of this replica. */
export interface Waiter {
  readonly job: string;
  /** Called when its turn may have come. Cheap, and safe to call at any time. */
  readonly wakeUp: () => void;
}

/** The right to begin one run. */
export interface Place {
  /**
   * The run begins: from now on the place is kept for `PLACE_MS` at most. The function returned is to be
   * called when the run ends.
   */
  begun(): () => void;
  /**
   * Nothing was claimed, because the record has moved: the place is free again, and who had it comes first in the line.
   */
  missed(): void;
  /** Frees the place unless the run has begun: nothing was claimed, or what was claimed does not start here. */
  release(): void;
}

/**
 * Keeps the making-up after an outage from being a storm, and from being a standstill.
 *
 * A place is taken before the claim is sent, in the turn of the event loop in which it was seen to be free; so a
 * hundred jobs that all decide at one instant, at an election say, cannot all find it free. It is given back when the
 * claim fails, when the run ends, or `PLACE_MS` after its start. Jobs wait in line, in the order in which they came: a
 * job that has had its turn goes to the end, and a newcomer takes no place that somebody in line could have.
 */
export class CatchUpLimit {
  /** The places that are taken, with the jobs that have them. */
  private readonly taken = new Map<Place, string>();
  private line = new Set<Waiter>();
  private willTell = false;

  constructor(
    private readonly clock: Clock,
    private readonly limit = MAX_CATCHING_UP,
  ) {}

  /** Whether it could take a place now: there are more free ones than others in line before it. */
  hasRoomFor(waiter: Waiter): boolean {
    return this.line.size < this.room || this.next().includes(waiter);
  }

  /** Takes a place, which `hasRoomFor` has just said there is, and takes the job out of the line. */
  take(waiter: Waiter): Place {
    this.line.delete(waiter);
    let state: 'claiming' | 'begun' | 'free' = 'claiming';
    let timer: Timer | undefined;
    const free = (): void => {
      if (state === 'free') return;
      state = 'free';
      timer?.cancel();
      this.taken.delete(place);
      this.tell();
    };
    const place: Place = {
      begun: () => {
        if (state === 'claiming') {
          state = 'begun';
          timer = this.clock.after(PLACE_MS, free, { keepAlive: false });
        }
        return free;
      },
      missed: () => {
        if (state === 'claiming') this.line = new Set([waiter, ...this.line]);
        free();
      },
      release: () => {
        if (state === 'claiming') free();
      },
    };
    this.taken.set(place, waiter.job);
    return place;
  }

  /** Stands in line from now on, or as before. */
  wait(waiter: Waiter): void {
    this.line.add(waiter);
  }

  /** Does not wait any more; the turn that it may have had goes to the next. */
  leave(waiter: Waiter): void {
    if (this.line.delete(waiter)) this.tell();
  }

  /** What a job waits for; undefined: it does not stand in line. */
  waitOf(job: string): CatchUp | undefined {
    let ahead = 0;
    for (const waiter of this.line) {
      if (waiter.job === job) return { ahead, behind: [...new Set(this.taken.values())] };
      ahead += 1;
    }
    return undefined;
  }

  private get room(): number {
    return Math.max(0, this.limit - this.taken.size);
  }

  /** Those in line whose turn it is. */
  private next(): Waiter[] {
    const first: Waiter[] = [];
    for (const waiter of this.line) {
      if (first.length >= this.room) break;
      first.push(waiter);
    }
    return first;
  }

  /** Not at once: whoever is told may leave the line, and so on, for as many as stand in it. */
  private tell(): void {
    if (this.willTell) return;
    this.willTell = true;
    queueMicrotask(() => {
      this.willTell = false;
      for (const waiter of this.next()) waiter.wakeUp();
    });
  }
}
