import { systemClock } from '../../support/clock.js';
import { zoneOf } from './zone.js';

/** Where the name of a process's own time zone comes from. */
export interface ZoneSource {
  /** What Intl says; undefined or `Etc/Unknown` when it cannot tell. */
  readonly intl: string | undefined;
  /** The environment variable TZ. */
  readonly tz: string | undefined;
  /** Local time minus UTC now, minutes. */
  readonly offsetMinutes: number;
}

/** The zone's name, or why there is none that all replicas would understand. */
export type ProcessZone = { readonly kind: 'known'; readonly name: string } | { readonly kind: 'unknown'; readonly why: string };

/** As POSIX writes a zone without summer time: `CST-8` is 8 hours east of Greenwich. */
const POSIX_FIXED = /^(?:[A-Za-z]{3,}|<[A-Za-z0-9+-]{3,}>)[+-]?\d{1,2}(?::[0-5]\d)?$/u;

/**
 * The time zone of this process. Node takes most values of TZ, also those that Intl has no name for
 * (`CST-8`, `utc`, an empty one): a name is found for them here, because a schedule is written down together
 * with its zone, for all replicas.
 */
export function processZone(source: ZoneSource = zoneSource()): ProcessZone {
  const { intl, tz, offsetMinutes } = source;
  if (intl !== undefined && intl !== 'Etc/Unknown' && isZone(intl)) return { kind: 'known', name: intl };
  const name = tz?.trim().replace(/^:/u, '');
  // POSIX: an empty TZ is UTC; so does Node.
  if (name === undefined || name === '') return { kind: 'known', name: 'UTC' };
  if (isZone(name)) return { kind: 'known', name: new Intl.DateTimeFormat('en-US', { timeZone: name }).resolvedOptions().timeZone };
  if (POSIX_FIXED.test(name)) return { kind: 'known', name: offsetName(offsetMinutes) };
  return { kind: 'unknown', why: `the environment variable TZ is ${JSON.stringify(tz?.slice(0, 80))}, which names no time zone` };
}

/** A fixed offset, as `UTC+05:30`. */
export function offsetName(offsetMinutes: number): string {
  const minutes = Math.abs(Math.trunc(offsetMinutes));
  const hours = String(Math.floor(minutes / 60)).padStart(2, '0');
  return `UTC${offsetMinutes < 0 ? '-' : '+'}${hours}:${String(minutes % 60).padStart(2, '0')}`;
}

function zoneSource(): ZoneSource {
  const intl = new Intl.DateTimeFormat().resolvedOptions().timeZone as string | undefined;
  return { intl, tz: process.env['TZ'], offsetMinutes: -new Date(systemClock.wallMs()).getTimezoneOffset() };
}

function isZone(name: string): boolean {
  try {
    zoneOf(name);
    return true;
  } catch {
    return false;
  }
}
