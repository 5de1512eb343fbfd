import fc from 'fast-check';
import { heldBy, NOBODY, type JobRecord, type RunEntry, type RunWork } from '../../../../src/zookeeper/jobs/record/job-record.js';
import type { RunCause } from '../../../../src/zookeeper/jobs/run/run-cause.js';
import { MAX_ERROR_LENGTH, type Outcome, type StoredVerdict, type VerdictReason } from '../../../../src/zookeeper/jobs/record/verdict.js';
import { endOf, type Tick } from '../../../../src/zookeeper/jobs/schedule/tick.js';

/** Up to the year 2286, and a little before 1970. */
export const instants = fc.integer({ min: -1_000_000, max: 9_999_999_999_999 });
/** The zones of the world are at most 14 hours off; a gap adds to that. */
const offsets = fc.integer({ min: -16 * 3_600_000, max: 16 * 3_600_000 });
export const ticks: fc.Arbitrary<Tick> = fc.oneof(
  fc.tuple(instants, offsets).map(([dueMs, offset]) => ({ dueMs, nominalMs: dueMs + offset })),
  instants.map(endOf),
);
/** As the ensemble's transaction ids: 64 bits. */
export const tokens = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
/** Names with what is written in a special way: spaces, the escape character, UUIDs. */
export const names = fc.oneof(
  fc.uuid(),
  fc.string({ minLength: 1, maxLength: 12, unit: fc.constantFrom('a', '0', ' ', '*', '-', '.', '_', '"', 'ü', '😀') }),
  fc.array(fc.oneof(fc.uuid(), fc.constantFrom(' ', '*', '~', '.', '-')), { minLength: 1, maxLength: 3 }).map((parts) => parts.join('')),
);
const maybe = <T>(values: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(values, { nil: undefined });
const causes = fc.constantFrom<RunCause>('schedule', 'misfire', 'rerun', 'trigger', 'direct');
const outcomes = fc.constantFrom<Outcome>('ran', 'failed', 'skipped', 'missed', 'interrupted');
const reasons = fc.constantFrom<VerdictReason>(
  'paused',
  'overlap',
  'late',
  'too old',
  'too many',
  'record lost',
  'reset',
  'withdrawn',
  'shutdown',
);

export const verdicts: fc.Arbitrary<StoredVerdict> = fc
  .record({
    outcome: outcomes,
    reason: maybe(reasons),
    tick: maybe(ticks),
    until: maybe(ticks),
    count: fc.integer({ min: 1, max: 1_000_000_000 }),
    trigger: maybe(names),
    cause: maybe(causes),
    attempt: maybe(fc.nat()),
    startedMs: maybe(instants),
    durationMs: maybe(fc.nat()),
    by: maybe(fc.oneof(fc.constantFrom('10.0.0.1:80', ''), fc.string({ unit: 'grapheme', maxLength: 40 }))),
    token: maybe(tokens),
    text: maybe(fc.string({ unit: 'binary', maxLength: MAX_ERROR_LENGTH })).map((text) => text?.slice(0, MAX_ERROR_LENGTH)),
  })
  // What nobody ran has thrown nothing, and only that is explained.
  .map(({ text, ...verdict }) => {
    const isMissed = verdict.outcome === 'missed';
    return { ...verdict, error: isMissed ? undefined : text, explanation: isMissed ? text : undefined };
  });

export const entries: fc.Arbitrary<RunEntry> = fc
  .record({
    claim: names,
    what: fc.oneof(
      ticks.map((tick): RunWork => ({ tick })),
      names.map((trigger): RunWork => ({ trigger })),
    ),
    cause: causes,
    starts: fc.nat({ max: 100 }),
    startedMs: instants,
    holder: fc.oneof(fc.constant(NOBODY), names.map(heldBy)),
    election: names,
    token: tokens,
  })
  .map(({ what, ...rest }) => ({ ...rest, ...what }));

const schedules = fc.record({
  cronTime: fc.string({ maxLength: 30, unit: fc.constantFrom('*', ' ', '/', '5', ',', '-') }),
  timeZone: fc.constantFrom('UTC', 'America/Argentina/Buenos_Aires'),
  sinceMs: maybe(instants),
});

/** Small enough for the record's limit. */
export const records: fc.Arbitrary<JobRecord> = fc.record({
  schedule: maybe(schedules),
  cursor: maybe(ticks),
  running: fc.uniqueArray(entries, { maxLength: 2, selector: ({ claim }) => claim }),
  triggers: fc.uniqueArray(names, { maxLength: 3 }),
  pausedMs: maybe(instants),
  resumedMs: maybe(instants),
  recent: fc.array(
    verdicts.map((verdict) => ({
      ...verdict,
      error: undefined,
      explanation: verdict.explanation?.slice(0, 20),
      by: verdict.by === undefined ? undefined : '10.0.0.1:80',
    })),
    { maxLength: 2 },
  ),
  succeededMs: maybe(instants),
  alarmedMs: maybe(instants),
});

const LONGEST_TICK = { dueMs: 9_999_999_999_999, nominalMs: 9_999_999_999_999 - 16 * 3_600_000 };

const LONGEST_ENTRY = {
  starts: 100,
  startedMs: 9_999_999_999_999,
  election: 'abcdefghijk',
  token: 2n ** 64n - 1n,
} as const;

/** A run with the longest names that the library gives. */
export function longestEntry(n: number, isTrigger: boolean): RunEntry {
  const entry = { ...LONGEST_ENTRY, claim: uuid(n), holder: heldBy(`version~${uuid(n + 10)}`) };
  return isTrigger ? { ...entry, trigger: uuid(n + 20), cause: 'trigger' } : { ...entry, tick: LONGEST_TICK, cause: 'schedule' };
}

export function uuid(n: number): string {
  return `ffffffff-ffff-4fff-bfff-${String(n).padStart(12, 'f')}`;
}

/** Everything in it is as long as it may be, but the runs, triggers and verdicts. */
export const LONGEST_RECORD: JobRecord = {
  schedule: { cronTime: '*'.repeat(256), timeZone: 'Z'.repeat(40), sinceMs: 9_999_999_999_999 },
  cursor: LONGEST_TICK,
  running: [],
  triggers: [],
  pausedMs: 9_999_999_999_999,
  resumedMs: 9_999_999_999_999,
  recent: [],
  succeededMs: 9_999_999_999_999,
  alarmedMs: 9_999_999_999_999,
};
