/** A stretch of time in which a zone keeps one offset. `toMs` is exclusive; the offset may go on after it. */
export interface Segment {
  readonly fromMs: number;
  readonly toMs: number;
  /** Local time minus UTC. */
  readonly offsetMs: number;
}

/** The offsets of a time zone. */
export interface Zone {
  /** The segment that an instant lies in. */
  segmentAt(instantMs: number): Segment;
}

const WINDOW_MS = 32 * 86_400_000;
/** Two changes of a zone within less than this are not expected; they would cancel out unseen. */
const PROBE_MS = 6 * 3_600_000;
const MAX_WINDOWS = 512;
const MAX_ZONES = 64;

const zones = new Map<string, Zone>();

/**
 * The zone with an IANA name, or with a fixed offset as `UTC+05:30`. The rules are those that
 * Node was built with (ICU).
 * @throws {RangeError} when there is no such zone.
 */
export function zoneOf(name: string): Zone {
  const known = zones.get(name);
  if (known !== undefined) return known;
  const offsetMs = fixedOffsetMs(name);
  const zone = offsetMs === undefined ? new NamedZone(name) : new FixedZone(offsetMs);
  const [oldest] = zones.keys();
  if (zones.size >= MAX_ZONES && oldest !== undefined) zones.delete(oldest);
  zones.set(name, zone);
  return zone;
}

function fixedOffsetMs(name: string): number | undefined {
  const match = /^UTC(?<sign>[+-])(?<hours>\d\d):(?<minutes>[0-5]\d)$/u.exec(name);
  if (match?.groups === undefined) return undefined;
  const { sign, hours, minutes } = match.groups;
  const offsetMs = (Number(hours) * 60 + Number(minutes)) * 60_000;
  return sign === '-' ? -offsetMs : offsetMs;
}

class FixedZone implements Zone {
  private readonly segment: Segment;

  constructor(offsetMs: number) {
    this.segment = { fromMs: -Infinity, toMs: Infinity, offsetMs };
  }

  segmentAt(): Segment {
    return this.segment;
  }
}

/** Reads the offsets of a window of days at a time from Intl, which is slow, and keeps them. */
class NamedZone implements Zone {
  private readonly format: Intl.DateTimeFormat;
  private readonly windows = new Map<number, readonly Segment[]>();
  private latest: Segment = { fromMs: 0, toMs: 0, offsetMs: 0 };

  constructor(name: string) {
    this.format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      calendar: 'iso8601',
      hourCycle: 'h23',
      era: 'short',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
    });
  }

  segmentAt(instantMs: number): Segment {
    const { latest } = this;
    if (latest.fromMs <= instantMs && instantMs < latest.toMs) return latest;
    const found = this.window(Math.floor(instantMs / WINDOW_MS)).find((segment) => instantMs < segment.toMs);
    if (found === undefined) throw new RangeError(`no offset is known at ${instantMs}`);
    this.latest = found;
    return found;
  }

  private window(index: number): readonly Segment[] {
    const known = this.windows.get(index);
    if (known !== undefined) return known;
    const segments = this.read(index * WINDOW_MS, (index + 1) * WINDOW_MS);
    const [oldest] = this.windows.keys();
    if (this.windows.size >= MAX_WINDOWS && oldest !== undefined) this.windows.delete(oldest);
    this.windows.set(index, segments);
    return segments;
  }

  private read(fromMs: number, toMs: number): readonly Segment[] {
    const segments: Segment[] = [];
    let startMs = fromMs;
    let offsetMs = this.offsetAt(fromMs);
    for (let probeMs = fromMs; probeMs < toMs;) {
      const nextMs = Math.min(probeMs + PROBE_MS, toMs - 1_000);
      const nextOffsetMs = this.offsetAt(nextMs);
      if (nextOffsetMs !== offsetMs) {
        const changeMs = this.changeBetween(probeMs, nextMs, offsetMs);
        segments.push({ fromMs: startMs, toMs: changeMs, offsetMs });
        startMs = changeMs;
        offsetMs = nextOffsetMs;
      }
      probeMs = nextMs === toMs - 1_000 ? toMs : nextMs;
    }
    segments.push({ fromMs: startMs, toMs, offsetMs });
    return segments;
  }

  /**
   * The first whole second after `lowMs`, and at or before `highMs`, at which the offset is not `offsetMs` any more.
   */
  private changeBetween(lowMs: number, highMs: number, offsetMs: number): number {
    let low = lowMs;
    let high = highMs;
    while (high - low > 1_000) {
      const middle = low + Math.floor((high - low) / 2_000) * 1_000;
      if (this.offsetAt(middle) === offsetMs) low = middle;
      else high = middle;
    }
    return high;
  }

  private offsetAt(instantMs: number): number {
    const parts: Record<string, string> = {};
    for (const { type, value } of this.format.formatToParts(instantMs)) parts[type] = value;
    const localMs = Date.UTC(
      Number(parts['year']),
      Number(parts['month']) - 1,
      Number(parts['day']),
      Number(parts['hour']),
      Number(parts['minute']),
      Number(parts['second']),
    );
    return localMs - Math.floor(instantMs / 1_000) * 1_000;
  }
}
