import { MAX_CATCH_UP, ON_TIME_MS } from '../job-rules.js';
import type { Schedule } from '../schedule/schedule.js';
import { compareTicks, endOf, laterTick, type Tick } from '../tick.js';
import type { Draft } from './draft.js';
import { floorOf } from './floor.js';

/** A row of ticks of one schedule, none left out. */
export interface TickRange {
  readonly first: Tick;
  readonly last: Tick;
  readonly count: number;
}

/** The ticks that are due and not dealt with, which is: after the floor of a draft, wherever that is at the moment. */
export class DueTicks {
  /** Ticks due up to here come too late; later ones are on time. */
  private readonly lateUntilMs: number;

  constructor(
    private readonly draft: Draft,
    private readonly schedule: Schedule,
  ) {
    const lateUntilMs = Math.ceil(this.nowMs - ON_TIME_MS) - 1;
    const waited = this.waited();
    this.lateUntilMs = waited === undefined ? lateUntilMs : Math.min(lateUntilMs, waited.dueMs - 1);
  }

  /** All of them. */
  all(): TickRange | undefined {
    return this.until(this.nowMs);
  }

  /** Those that come too late. */
  late(): TickRange | undefined {
    return this.until(this.lateUntilMs);
  }

  /** Of the late ones, those that were due earlier than `windowMs` ago. */
  olderThan(windowMs: number): TickRange | undefined {
    return this.until(Math.min(this.lateUntilMs, Math.ceil(this.nowMs - windowMs) - 1));
  }

  /** Of the late ones, the oldest beyond `MAX_CATCH_UP`. Ticks that are due at one instant (a gap in local time) stay together. */
  tooMany(): TickRange | undefined {
    const late = this.late();
    const excess = (late?.count ?? 0) - MAX_CATCH_UP;
    if (late === undefined || excess <= 0) return undefined;
    const { floor } = this;
    return this.until(smallest(late.first.dueMs, late.last.dueMs, (untilMs) => this.schedule.count(floor, untilMs) >= excess));
  }

  /** A row without its last tick. */
  allButLast({ first, last, count }: TickRange): TickRange | undefined {
    return count === 1 ? undefined : { first, last: this.previous(last), count: count - 1 };
  }

  /** When the next one is due. */
  get nextDueMs(): number | undefined {
    return this.schedule.next(laterTick(endOf(this.nowMs), this.floor))?.dueMs;
  }

  private get nowMs(): number {
    return this.draft.situation.nowMs;
  }

  private get floor(): Tick {
    return floorOf({ record: this.draft.record, createdMs: this.draft.situation.view.createdMs });
  }

  private until(untilMs: number): TickRange | undefined {
    const { floor } = this;
    const last = this.schedule.last(floor, untilMs);
    const first = last && this.schedule.next(floor);
    return first && last && { first, last, count: this.schedule.count(floor, untilMs) };
  }

  /** With `overlap: 'queue-latest'`, the tick that waited for a run to end is not late if that has only just ended. */
  private waited(): Tick | undefined {
    const { rules, freedMs } = this.draft.situation;
    if (rules.overlap !== 'queue-latest' || freedMs === undefined || this.nowMs - freedMs > ON_TIME_MS) return undefined;
    return this.schedule.last(this.floor, Math.min(freedMs, this.nowMs));
  }

  /** The tick before one that is due and not the first. */
  private previous(tick: Tick): Tick {
    const { dueMs } = tick;
    const start = laterTick(this.floor, endOf(dueMs - 1));
    const firstOfInstant = this.schedule.next(start);
    if (firstOfInstant === undefined || compareTicks(firstOfInstant, tick) === 0) return this.schedule.last(this.floor, dueMs - 1) ?? tick;
    // Several are due at this instant, perhaps thousands: the one before is the first after which `tick` is the next.
    const nominalMs = smallest(firstOfInstant.nominalMs, tick.nominalMs, (nominal) => {
      const next = this.schedule.next({ dueMs, nominalMs: nominal });
      return next === undefined || compareTicks(next, tick) >= 0;
    });
    return { dueMs, nominalMs };
  }
}

/** The smallest whole number from `low` to `high` for which `holds`, which holds for all larger ones, and for `high`. */
function smallest(low: number, high: number, holds: (value: number) => boolean): number {
  let [from, to] = [Math.floor(low), Math.ceil(high)];
  while (from < to) {
    const middle = Math.floor((from + to) / 2);
    if (holds(middle)) to = middle;
    else from = middle + 1;
  }
  return to;
}
