import { invariant } from '../../support/invariant.js';
import { endOf, type Tick } from '../schedule/tick.js';
import type { RunCause } from '../run/run-cause.js';
import { heldBy, isHeld, NOBODY, type RunEntry, type RunWork } from './job-record.js';

/**
 * Short texts for what records hold many of. A record is written at every tick, so each byte is sent to every server of
 * the ensemble, each time: numbers are written to the base 36, UUIDs in base64url, and the fields of one thing stand in
 * one text, with a space between them.
 */

/** What stands for an undefined value. */
const NONE = '-';
/** Begins what is not written as it is; itself doubled. */
const ESCAPE = '*';
const SPACE = `${ESCAPE}.`;
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/;
const UNPACKABLE = new RegExp(`\\${ESCAPE}| |${UUID.source}`, 'g');
const PACKED = new RegExp(`\\${ESCAPE}(\\${ESCAPE}|\\.|[\\w-]{22}|)`, 'g');

/** Something is not as this library writes it. */
export class UnpackError extends Error {}

/** Throws `UnpackError` unless `condition` holds. */
export function expected(condition: unknown, problem: string): asserts condition {
  if (!condition) throw new UnpackError(problem);
}

export function packText(text: string): string {
  return text.replace(UNPACKABLE, (found) => {
    if (found === ESCAPE) return ESCAPE + ESCAPE;
    return found === ' ' ? SPACE : ESCAPE + Buffer.from(found.replaceAll('-', ''), 'hex').toString('base64url');
  });
}

export function unpackText(packed: string): string {
  return packed.replace(PACKED, (_, found: string) => {
    if (found === ESCAPE) return ESCAPE;
    if (found === '.') return ' ';
    expected(found !== '', 'a text ends within an escape');
    const hex = Buffer.from(found, 'base64url').toString('hex');
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
  });
}

/** A whole number; fractions are rounded. */
export function packNumber(value: number | undefined): string {
  if (value === undefined) return NONE;
  const whole = Math.round(value);
  invariant(Number.isSafeInteger(whole), `a record was to hold ${value}`);
  return whole.toString(36);
}

export function unpackNumber(packed: string | undefined): number {
  expected(packed !== undefined && /^-?[0-9a-z]+$/.test(packed), `${JSON.stringify(packed)} is no number`);
  const value = parseInt(packed, 36);
  expected(Number.isSafeInteger(value), `${packed} is no safe number`);
  return value;
}

export function unpackOptional(packed: string | undefined): number | undefined {
  return packed === NONE ? undefined : unpackNumber(packed);
}

export function packBigint(value: bigint): string {
  return value.toString(36);
}

/** Tokens have at most 40 decimal digits (mastership/election/election-record.ts). */
const MAX_BIGINT_LENGTH = 27;

export function unpackBigint(packed: string | undefined): bigint {
  expected(
    packed !== undefined && /^[0-9a-z]+$/.test(packed) && packed.length <= MAX_BIGINT_LENGTH,
    `${JSON.stringify(packed)} is no token`,
  );
  let value = 0n;
  for (const digit of packed) value = value * 36n + BigInt(parseInt(digit, 36));
  return value;
}

const END_OF_INSTANT = endOf(0).nominalMs;

/** The due time, and how far the nominal one is from it; nothing there for the end of an instant. Two fields. */
export function packTick(tick: Tick | undefined): string {
  if (tick === undefined) return `${NONE} ${NONE}`;
  const nominal = tick.nominalMs === END_OF_INSTANT ? undefined : tick.nominalMs - tick.dueMs;
  return `${packNumber(tick.dueMs)} ${packNumber(nominal)}`;
}

export function unpackTick(due: string | undefined, nominal: string | undefined): Tick | undefined {
  const dueMs = unpackOptional(due);
  const offsetMs = unpackOptional(nominal);
  if (dueMs === undefined) {
    expected(offsetMs === undefined, 'half of a tick is missing');
    return undefined;
  }
  return offsetMs === undefined ? endOf(dueMs) : { dueMs, nominalMs: dueMs + offsetMs };
}

export const CAUSES: Readonly<Record<RunCause, string>> = { schedule: 's', misfire: 'm', rerun: 'r', trigger: 't', direct: 'd' };

/** The key of `letters` that is written as `letter`. */
export function byLetter<Key extends string>(letters: Readonly<Record<Key, string>>, letter: string | undefined): Key {
  const found = (Object.keys(letters) as Key[]).find((key) => letters[key] === letter);
  expected(found !== undefined, `${JSON.stringify(letter)} stands for nothing`);
  return found;
}

/**
 * `<claim> <cause><starts>[.<attempted>] <started> <member> <election> <token>` and the two fields of its tick, or the
 * id of its trigger. The member is empty where nobody has the run. Attempts are written only of a run that was given
 * back, which has the room of the name that it lacks, and only when there were retries.
 */
export function packEntry(entry: RunEntry): string {
  return [
    packText(entry.claim),
    CAUSES[entry.cause] + packNumber(entry.starts) + packAttempts(entry),
    packNumber(entry.startedMs),
    entry.holder.kind === 'replica' ? packText(entry.holder.member) : '',
    packText(entry.election),
    packBigint(entry.token),
    entry.trigger === undefined ? packTick(entry.tick) : packText(entry.trigger),
  ].join(' ');
}

/** Without retries each start was one attempt. */
function packAttempts(entry: RunEntry): string {
  const { starts, attempted } = entry;
  return isHeld(entry) || attempted === undefined || attempted === starts ? '' : `.${packNumber(attempted)}`;
}

export function unpackEntry(packed: unknown): RunEntry {
  expected(typeof packed === 'string', 'a run is no text');
  const [claim, how, started, member, election, token, ...what] = packed.split(' ');
  expected(claim !== undefined && claim !== '' && how !== undefined && member !== undefined && election !== undefined, 'a run is cut off');
  const [times, attempts, ...more] = how.slice(1).split('.');
  const starts = unpackNumber(times);
  expected(starts >= 0 && more.length === 0, 'a run was started less than never');
  const attempted = attempts === undefined ? undefined : unpackNumber(attempts);
  expected((attempted ?? 0) >= 0, 'a run has made fewer attempts than none');
  const name = unpackText(member);
  return {
    ...unpackWork(what),
    claim: unpackText(claim),
    cause: byLetter(CAUSES, how[0]),
    starts,
    attempted,
    startedMs: unpackNumber(started),
    holder: name === '' ? NOBODY : heldBy(name),
    election: unpackText(election),
    token: unpackBigint(token),
  };
}

/** Two fields of a tick, or the id of a trigger. */
function unpackWork(fields: readonly string[]): RunWork {
  const [first, second] = fields;
  expected(first !== undefined && fields.length <= 2, 'a run has neither a tick nor a trigger');
  if (second === undefined) return { trigger: unpackText(first) };
  const tick = unpackTick(first, second);
  expected(tick !== undefined, 'a run has neither a tick nor a trigger');
  return { tick };
}
