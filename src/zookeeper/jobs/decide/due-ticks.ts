import { MAX_CATCH_UP, ON_TIME_MS } from '../run/job-rules.js';
import type { Schedule } from '../schedule/schedule.js';
import { rangeOf, type TickRange } from '../schedule/tick-range.js';
import { compareTicks, endOf, laterTick, type Tick } from '../schedule/tick.js';
import type { Draft } from './draft.js';
import { decidedUpTo } from '../record/decided-up-to.js';
import type { Span } from './plan.js';

/**
 * Ticks due up to here come too late; later ones are on time. With `overlap: 'queue-latest'` what fell due
 * during a run was not left lying by anybody: it waits for the end of that run, and is on time while that goes
 * on, and when it has just ended.
 */
export function lateUntilMs(draft: Draft): number {
  const { wallMs, rules } = draft.situation;
  const lateMs = Math.ceil(wallMs - ON_TIME_MS) - 1;
  if (rules.overlap !== 'queue-latest') return lateMs;
  const going = draft.active.filter((entry) => entry !== draft.start && !draft.isAbandoned(entry)).map(({ startedMs }) => startedMs);
  const freed = justFreed(draft);
  return Math.min(lateMs, ...going.map((startedMs) => startedMs - 1), ...(freed === undefined ? [] : [freed.sinceMs - 1]));
}

function justFreed(draft: Draft): Span | undefined {
  const { wallMs, rules, freed } = draft.situation;
  return rules.overlap === 'queue-latest' && freed !== undefined && wallMs - freed.untilMs <= ON_TIME_MS ? freed : undefined;
}

/**
 * The ticks that are due and not dealt with, which is: after what a draft has decided, wherever that is at the moment.
 */
export class DueTicks {
  private readonly lateUntilMs: number;

  constructor(
    private readonly draft: Draft,
    private readonly schedule: Schedule,
  ) {
    this.lateUntilMs = lateUntilMs(draft);
  }

  /** All of them. */
  all(): TickRange | undefined {
    return this.until(this.wallMs);
  }

  /** Those that come too late. */
  late(): TickRange | undefined {
    return this.until(this.lateUntilMs);
  }

  /** Of the late ones, those that were due earlier than `windowMs` ago. */
  olderThan(windowMs: number): TickRange | undefined {
    return this.until(Math.min(this.lateUntilMs, Math.ceil(this.wallMs - windowMs) - 1));
  }

  /**
   * Of the late ones, the oldest beyond `MAX_CATCH_UP`. Ticks that are due at one instant (a gap in
   * local time) stay together.
   */
  tooMany(): TickRange | undefined {
    const late = this.late();
    const excess = (late?.count ?? 0) - MAX_CATCH_UP;
    if (late === undefined || excess <= 0) return undefined;
    const { decided } = this;
    return this.until(smallest(late.first.dueMs, late.last.dueMs, (untilMs) => this.schedule.count(decided, untilMs) >= excess));
  }

  /** A row without its last tick. */
  allButLast({ first, last, count }: TickRange): TickRange | undefined {
    return count === 1 ? undefined : { first, last: this.previous(last), count: count - 1 };
  }

  /**
   * With `overlap: 'queue-latest'`, those that fell due while a run went on that has just ended, without the last: only
   * that one has waited for its end.
   */
  superseded(): TickRange | undefined {
    const freed = justFreed(this.draft);
    const waited = freed && this.until(Math.min(freed.untilMs, this.wallMs));
    return waited && this.allButLast(waited);
  }

  /** When the next one is due. */
  get nextDueMs(): number | undefined {
    return this.schedule.next(laterTick(endOf(this.wallMs), this.decided))?.dueMs;
  }

  private get wallMs(): number {
    return this.draft.situation.wallMs;
  }

  private get decided(): Tick {
    return decidedUpTo(this.draft.view);
  }

  private until(untilMs: number): TickRange | undefined {
    return rangeOf(this.schedule, this.decided, untilMs);
  }

  /** The tick before one that is due and not the first. */
  private previous(tick: Tick): Tick {
    const { dueMs } = tick;
    const start = laterTick(this.decided, endOf(dueMs - 1));
    const firstOfInstant = this.schedule.next(start);
    if (firstOfInstant === undefined || compareTicks(firstOfInstant, tick) === 0)
      return this.schedule.last(this.decided, dueMs - 1) ?? tick;
    // Several are due at this instant, perhaps thousands: the one before is the first after which `tick` is the next.
    const nominalMs = smallest(firstOfInstant.nominalMs, tick.nominalMs, (nominal) => {
      const next = this.schedule.next({ dueMs, nominalMs: nominal });
      return next === undefined || compareTicks(next, tick) >= 0;
    });
    return { dueMs, nominalMs };
  }
}

/**
 * The smallest whole number from `low` to `high` for which `holds`, which holds for all larger ones, and for `high`.
 */
function smallest(low: number, high: number, holds: (value: number) => boolean): number {
  let [from, to] = [Math.floor(low), Math.ceil(high)];
  while (from < to) {
    const middle = Math.floor((from + to) / 2);
    if (holds(middle)) to = middle;
    else from = middle + 1;
  }
  return to;
}
