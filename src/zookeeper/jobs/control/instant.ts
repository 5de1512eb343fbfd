import { zoneOf, type Zone } from '../schedule/zone.js';

/**
 * Milliseconds since 1970 as text have so many digits; fewer may be a year, a date or seconds, and nothing is guessed.
 */
const MILLISECONDS = /^\d{11,16}$/;
/** ISO 8601 without a zone: a date, or a date and a time of day. */
const LOCAL = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?))?$/;
/**
 * Whatever else JavaScript reads as a date, but only where it says in which zone: else it would
 * be that of this process.
 */
const ZONED = /(?:\dZ|GMT|UTC|\d ?[+-]\d\d(?::?\d\d)?$)/;
/** No zone is further from UTC. */
const MAX_OFFSET_MS = 15 * 3_600_000;

/**
 * The instant that a caller means, milliseconds since 1970; NaN for what is none. A text without a zone is the time of
 * day in `timeZone` (UTC where the job has none). What comes twice there (the end of summer time) is the first of both;
 * what comes not at all (its beginning) is the end of the gap, at which ticks from within it are due.
 */
export function instantOf(tick: Date | string | number, timeZone: string | undefined): number {
  if (tick instanceof Date) return tick.getTime();
  if (typeof tick === 'number') return new Date(tick).getTime();
  const text = tick.trim();
  if (MILLISECONDS.test(text)) return new Date(Number(text)).getTime();
  const local = LOCAL.exec(text);
  if (local === null) return ZONED.test(text) ? new Date(text).getTime() : NaN;
  const [, day = '', time = '00:00'] = local;
  const nominalMs = Date.parse(`${day}T${time.replace(',', '.')}Z`);
  return Number.isNaN(nominalMs) || isRolledOver(day, nominalMs) ? NaN : instantIn(zoneOf(timeZone ?? 'UTC'), nominalMs);
}

/** `2026-02-31`, which JavaScript may take for a day in March; `24:00` is the next day. */
function isRolledOver(day: string, nominalMs: number): boolean {
  const days = Math.round((nominalMs - Date.parse(`${day}T00:00Z`)) / 86_400_000);
  return Number.isNaN(days) || days > 1 || new Date(`${day}T00:00Z`).toISOString().slice(0, 10) !== day;
}

/** The first instant at which clocks of the zone show `nominalMs`. */
function instantIn(zone: Zone, nominalMs: number): number {
  let before = zone.segmentAt(nominalMs - MAX_OFFSET_MS);
  for (let segment = before; ; segment = zone.segmentAt(segment.toMs)) {
    const ms = nominalMs - segment.offsetMs;
    // Skipped: the clocks went from before it to behind it.
    if (ms < segment.fromMs) return before === segment ? ms : segment.fromMs;
    if (ms < segment.toMs) return ms;
    before = segment;
  }
}
