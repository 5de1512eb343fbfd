import { compareTicks, endOf, laterTick, type Tick } from './tick.js';
import type { Calendar } from './calendar.js';
import type { Schedule, ScheduleSpec } from './schedule.js';
import type { Segment, Zone } from './zone.js';

const HOUR_MS = 3_600_000;
const YEAR_MS = 366 * 24 * HOUR_MS;
const MAX_AHEAD_MS = 8 * YEAR_MS;
/** No change of a zone moves its clocks by more. */
const MAX_CHANGE_MS = 26 * HOUR_MS;
const BACKWARDS_MS = [60_000, HOUR_MS, 24 * HOUR_MS, 32 * 24 * HOUR_MS, YEAR_MS];

/** Maps the local times of a calendar to the instants at which they are due. */
interface Course {
  next(after: Tick): Tick | undefined;
  /** How many ticks there are from `first` to `last`, both of them ticks. */
  count(first: Tick, last: Tick): number;
}

/**
 * Times of day: each local time once. All those that a change of the zone leaves out are one tick, due when the gap
 * ends (together with the local time that the clocks show then, if that matches, too); one that comes twice is due the
 * first time. So there is at most one tick at an instant. The due instants never go back as the local times go forward,
 * so the local time alone leads.
 */
class TimesOfDay implements Course {
  constructor(
    private readonly calendar: Calendar,
    private readonly zone: Zone,
  ) {}

  next(after: Tick): Tick | undefined {
    const segment = this.zone.segmentAt(after.dueMs);
    // What comes first after the repeated stretch of time, when this instant lies in one.
    const freshMs = segment.fromMs + this.zone.segmentAt(segment.fromMs - 1_000).offsetMs;
    for (let localMs = after.dueMs + segment.offsetMs + 1; ;) {
      const nominalMs = this.calendar.next(localMs);
      if (nominalMs === undefined) return undefined;
      const dueMs = this.dueOf(nominalMs);
      if (dueMs > after.dueMs) return { dueMs, nominalMs: this.lastOfInstant(dueMs, nominalMs) };
      localMs = Math.max(nominalMs + 1_000, freshMs);
    }
  }

  /**
   * In each stretch between two changes: the matching local times that were not reached before it, and one for
   * a gap that leads into it.
   */
  count(first: Tick, last: Tick): number {
    let count = 0;
    let reachedMs: number | undefined;
    for (let fromMs = first.dueMs; fromMs <= last.dueMs;) {
      const { toMs, offsetMs } = this.zone.segmentAt(fromMs);
      const lowMs = fromMs + offsetMs;
      const highMs = Math.min(last.dueMs, toMs - 1_000) + offsetMs;
      const isInGap = reachedMs === undefined ? first.nominalMs < lowMs : this.calendar.count(reachedMs + 1_000, lowMs - 1_000) > 0;
      if (isInGap && this.calendar.next(lowMs) !== lowMs) count += 1;
      count += this.calendar.count(Math.max(lowMs, (reachedMs ?? -Infinity) + 1_000), highMs);
      reachedMs = Math.max(reachedMs ?? -Infinity, highMs);
      fromMs = toMs;
    }
    return count;
  }

  private dueOf(localMs: number): number {
    const here = this.zone.segmentAt(localMs);
    const guessMs = localMs - here.offsetMs;
    // Far from any change there is one instant with this local time.
    if (guessMs < here.toMs && guessMs - MAX_CHANGE_MS >= here.fromMs) return guessMs;
    for (let segment = this.zone.segmentAt(localMs - MAX_CHANGE_MS); ; segment = this.zone.segmentAt(segment.toMs)) {
      if (localMs < segment.fromMs + segment.offsetMs) return segment.fromMs;
      if (localMs < segment.toMs + segment.offsetMs) return localMs - segment.offsetMs;
    }
  }

  /**
   * The last of the local times that are due at this instant, of which one is given. The last, because a replica with
   * an earlier release of this library takes each of them for a tick of its own: after this one it finds no more.
   */
  private lastOfInstant(dueMs: number, nominalMs: number): number {
    const localMs = dueMs + this.zone.segmentAt(dueMs).offsetMs;
    if (nominalMs === localMs) return nominalMs;
    const all = this.calendar.count(nominalMs, localMs);
    let [low, high] = [nominalMs, localMs];
    while (low < high) {
      const middle = low + Math.floor((high - low) / 2_000) * 1_000;
      if (this.calendar.count(nominalMs, middle) === all) high = middle;
      else low = middle + 1_000;
    }
    return low;
  }
}

/** Every instant whose local time matches, so by elapsed time through changes of the zone. */
class ElapsedTime implements Course {
  constructor(
    private readonly calendar: Calendar,
    private readonly zone: Zone,
  ) {}

  next(after: Tick): Tick | undefined {
    const firstMs = Math.ceil(after.dueMs / 1_000) * 1_000;
    for (let instantMs = firstMs; instantMs - firstMs < MAX_AHEAD_MS;) {
      const segment = this.zone.segmentAt(instantMs);
      const nominalMs = this.calendar.next(instantMs + segment.offsetMs);
      if (nominalMs === undefined) return undefined;
      const tick = { dueMs: nominalMs - segment.offsetMs, nominalMs };
      if (tick.dueMs >= segment.toMs) instantMs = Math.max(segment.toMs, tick.dueMs - MAX_CHANGE_MS);
      else if (tick.dueMs > after.dueMs) return tick;
      else instantMs = tick.dueMs + 1_000;
    }
    return undefined;
  }

  count(first: Tick, last: Tick): number {
    let count = 0;
    for (let fromMs = first.dueMs; fromMs <= last.dueMs;) {
      const segment: Segment = this.zone.segmentAt(fromMs);
      const toMs = Math.min(last.dueMs, segment.toMs - 1);
      count += this.calendar.count(fromMs + segment.offsetMs, toMs + segment.offsetMs);
      fromMs = segment.toMs;
    }
    return count;
  }
}

/**
 * The ticks of a cron expression in a time zone.
 *
 * Changes of the zone, as to and from summer time, in one sentence: a schedule that allows every hour of the day runs
 * by elapsed time, and any other runs once for each local time that it names, where all those that a change leaves out
 * are one run at the end of the gap, and one that comes twice is the first of the two. (docs/summer-time.md compares
 * this with other libraries.)
 */
export class CronSchedule implements Schedule {
  private readonly course: Course;

  constructor(
    readonly spec: ScheduleSpec,
    calendar: Calendar,
    zone: Zone,
  ) {
    this.course = calendar.allowsEveryHour ? new ElapsedTime(calendar, zone) : new TimesOfDay(calendar, zone);
  }

  next(after: Tick): Tick | undefined {
    return this.course.next(after);
  }

  last(after: Tick, untilMs: number): Tick | undefined {
    for (const backMs of BACKWARDS_MS) {
      const from = laterTick(endOf(untilMs - backMs), after);
      const found = this.dueBy(from, untilMs);
      if (found !== undefined) return this.lastFrom(found, untilMs);
      if (from === after) return undefined;
    }
    const found = this.dueBy(after, untilMs);
    return found && this.lastFrom(found, untilMs);
  }

  count(after: Tick, untilMs: number): number {
    const first = this.dueBy(after, untilMs);
    const last = first && this.last(after, untilMs);
    return first === undefined || last === undefined ? 0 : this.course.count(first, last);
  }

  nominalTime({ nominalMs }: Tick): string {
    return new Date(nominalMs).toISOString().replace(/(?:\.000)?Z$/u, '');
  }

  private dueBy(after: Tick, untilMs: number): Tick | undefined {
    const tick = this.course.next(after);
    return tick !== undefined && tick.dueMs <= untilMs ? tick : undefined;
  }

  /** By bisection: there is a tick at or before `untilMs`, and this is the last one known. */
  private lastFrom(known: Tick, untilMs: number): Tick {
    let last = known;
    for (let highMs = untilMs; highMs > last.dueMs;) {
      const middleMs = last.dueMs + Math.floor((highMs - last.dueMs) / 2);
      const found = this.dueBy(endOf(middleMs), untilMs);
      if (found === undefined) highMs = middleMs;
      else last = found;
    }
    for (let more = this.dueBy(last, untilMs); more !== undefined; more = this.dueBy(last, untilMs)) last = more;
    return last;
  }
}

/** A job that is due once. */
export class OnceSchedule implements Schedule {
  private readonly tick: Tick;

  constructor(
    readonly spec: ScheduleSpec,
    dueMs: number,
    zone: Zone,
  ) {
    this.tick = { dueMs, nominalMs: dueMs + zone.segmentAt(dueMs).offsetMs };
  }

  next(after: Tick): Tick | undefined {
    return compareTicks(this.tick, after) > 0 ? this.tick : undefined;
  }

  last(after: Tick, untilMs: number): Tick | undefined {
    return this.tick.dueMs <= untilMs ? this.next(after) : undefined;
  }

  count(after: Tick, untilMs: number): number {
    return this.last(after, untilMs) === undefined ? 0 : 1;
  }

  nominalTime({ nominalMs }: Tick): string {
    return new Date(nominalMs).toISOString().replace(/(?:\.000)?Z$/u, '');
  }
}
