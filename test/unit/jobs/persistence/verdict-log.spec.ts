import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_RECORD_BYTES, type JobRecord } from '../../../../src/zookeeper/jobs/record/job-record.js';
import { encodeRecord, MAX_RECENT } from '../../../../src/zookeeper/jobs/persistence/codec/record-codec.js';
import { appendToLog, decodeLog, encodeLog, place, ROOMY_RECORD_BYTES } from '../../../../src/zookeeper/jobs/persistence/verdict-log.js';
import { MAX_ERROR_LENGTH, MAX_LOG_BYTES, MAX_VERDICTS, type StoredVerdict } from '../../../../src/zookeeper/jobs/record/verdict.js';
import { endOf } from '../../../../src/zookeeper/jobs/schedule/tick.js';
import { LONGEST_RECORD, longestEntry, uuid, verdicts } from './arbitraries.js';
import { emptyRecord, entry, inShort, second, spec } from '../decide/situations.js';

const nothing = { reason: undefined, until: undefined, count: 1, trigger: undefined, cause: undefined, attempt: undefined } as const;
const unknown = {
  startedMs: undefined,
  durationMs: undefined,
  by: 'me:1',
  token: undefined,
  error: undefined,
  explanation: undefined,
} as const;
const plain = { ...nothing, ...unknown, outcome: 'ran', tick: second(1) } satisfies StoredVerdict;
const ran = (n: number, change: Partial<StoredVerdict> = {}): StoredVerdict => ({ ...plain, tick: second(n), ...change });
const failed = (n: number, change: Partial<StoredVerdict> = {}): StoredVerdict =>
  ran(n, { outcome: 'failed', cause: 'schedule', attempt: 1, startedMs: 999_700 + n * 1_000, durationMs: 80, token: 5n, ...change });
const everySecond: JobRecord = { ...emptyRecord, schedule: { ...spec, sinceMs: undefined } };
const missed = (n: number, change: Partial<StoredVerdict> = {}): StoredVerdict => ran(n, { outcome: 'missed', reason: 'late', ...change });

describe('verdicts in the record', () => {
  it('stay there as long as they are few and without errors', () => {
    let record: JobRecord = emptyRecord;
    for (let n = 1; n <= MAX_RECENT; n += 1) {
      const placed = place(record, [ran(n)]);
      expect(placed.moved).toEqual([]);
      record = placed.record;
    }
    const full = place(record, [ran(9)]);
    expect(full.record.recent).toEqual([]);
    expect(inShort(full.moved)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => `ran ${n}`));
  });

  it('move to the log with the first one that has an error, in their order', () => {
    const placed = place({ ...emptyRecord, recent: [ran(1)] }, [ran(2, { outcome: 'failed', error: 'x' }), ran(3)]);
    expect(placed.record.recent).toEqual([]);
    expect(inShort(placed.moved)).toEqual(['ran 1', 'failed 2', 'ran 3']);
  });

  it('move to the log when the record would be longer than it should', () => {
    const long = { ...LONGEST_RECORD, running: [longestEntry(1, true), longestEntry(2, true), longestEntry(3, true)] };
    expect(place(long, [ran(1)]).moved).toEqual([]);
    const placed = place(
      long,
      Array.from({ length: 6 }, (_, n) => ran(n, { by: `replica-${n}.example.org:9090` })),
    );
    expect(placed.moved.length).toBe(6);
    expect(placed.record.recent).toEqual([]);
  });

  it('are one entry for neighbours that nobody ran for one reason', () => {
    const { record } = place({ ...emptyRecord, recent: [missed(1, { until: second(4), count: 4 })] }, [
      missed(5),
      missed(6, { until: second(9), count: 4 }),
      missed(10, { reason: 'too old' }),
      ran(11),
      ran(12),
      missed(13),
      missed(14, { by: 'other:1' }),
    ]);
    expect(inShort(record.recent)).toEqual([
      'missed late 1..9 x9',
      'missed too old 10',
      'ran 11',
      'ran 12',
      'missed late 13',
      'missed late 14',
    ]);
  });

  it('are one entry for neighbours that are explained alike, which stay in the record', () => {
    const gone = { explanation: 'From 12:00 to 12:05 nobody was master.' };
    const placed = place({ ...emptyRecord, recent: [missed(1, gone)] }, [missed(2, gone), missed(3), missed(4, { explanation: 'x' })]);
    expect(placed.moved).toEqual([]);
    expect(inShort(placed.record.recent)).toEqual(['missed late 1..2 x2', 'missed late 3', 'missed late 4']);
    expect(placed.record.recent.map(({ explanation }) => explanation)).toEqual([gone.explanation, undefined, 'x']);
  });

  it('move to the log with an explanation that the record has no room for', () => {
    const long = { ...LONGEST_RECORD, running: [longestEntry(1, true), longestEntry(2, true), longestEntry(3, true)] };
    const explained = missed(1, { explanation: 'y'.repeat(400) });
    expect(place(long, [explained])).toEqual({ record: { ...long, recent: [] }, moved: [explained] });
  });

  it('stay apart when a tick between them still runs', () => {
    const running = [entry({ tick: second(5) })];
    const apart = place({ ...emptyRecord, running, recent: [missed(4)] }, [missed(6)]);
    expect(inShort(apart.record.recent)).toEqual(['missed late 4', 'missed late 6']);
    const before = place({ ...emptyRecord, running: [entry({ tick: second(3) })], recent: [missed(4)] }, [missed(5)]);
    expect(inShort(before.record.recent)).toEqual(['missed late 4..5 x2']);
  });

  it('stay apart when the run between them has ended', () => {
    const running = [entry({ tick: second(4) })];
    const before = place({ ...emptyRecord, running, recent: [missed(1, { until: second(3), count: 3 })] }, [
      missed(5, { until: second(6), count: 2 }),
    ]);
    const after = place({ ...before.record, running: [] }, [ran(4), missed(7)]);
    expect(inShort(after.record.recent)).toEqual(['missed late 1..3 x3', 'missed late 5..6 x2', 'ran 4', 'missed late 7']);
  });

  it('of ticks that were claimed and given back stay apart: others between them may have run', () => {
    const { record } = place(emptyRecord, [ran(5), missed(4, { cause: 'schedule' }), missed(6, { cause: 'schedule' }), missed(7)]);
    expect(inShort(record.recent)).toEqual(['ran 5', 'missed late 4', 'missed late 6', 'missed late 7']);
  });

  it('of triggers, and those that come out of order, stay apart', () => {
    const refused = ran(1, { outcome: 'skipped', reason: 'overlap', tick: undefined, trigger: 't1' });
    expect(place(emptyRecord, [refused, { ...refused, trigger: 't2' }]).record.recent.length).toBe(2);
    expect(place(emptyRecord, [missed(5), missed(4)]).record.recent.length).toBe(2);
  });

  it('never make a record longer than it may be, and none gets lost', () => {
    const run = fc.integer({ min: 0, max: 4 });
    fc.assert(
      fc.property(
        run,
        fc.boolean(),
        fc.nat({ max: 6 }),
        fc.array(fc.array(verdicts, { maxLength: 4 }), { maxLength: 6 }),
        (runs, isTrigger, waiting, writes) => {
          let record: JobRecord = {
            ...LONGEST_RECORD,
            running: Array.from({ length: runs }, (_, n) => longestEntry(n, isTrigger)),
            triggers: Array.from({ length: waiting }, (_, n) => uuid(n)),
          };
          let told = 0;
          for (const write of writes) {
            const placed = place(record, write);
            const size = encodeRecord(placed.record).length;
            expect(size).toBeLessThanOrEqual(MAX_RECORD_BYTES);
            if (placed.record.recent.length > 0) expect(size).toBeLessThanOrEqual(ROOMY_RECORD_BYTES);
            told += placed.moved.reduce((sum, { count }) => sum + count, 0);
            record = placed.record;
          }
          told += record.recent.reduce((sum, { count }) => sum + count, 0);
          expect(told).toBe(writes.flat().reduce((sum, { count }) => sum + count, 0));
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('the log', () => {
  it('reads back as it was written', () => {
    fc.assert(
      fc.property(fc.array(verdicts, { maxLength: 20 }), (list) => {
        expect(decodeLog(encodeLog(list))).toEqual({ verdicts: list, problem: undefined });
      }),
      { numRuns: 300 },
    );
  });

  it('has an explanation where errors have always stood, so that versions that know none can read it', () => {
    const explained = [missed(1, { explanation: 'nobody was master' })];
    const asError = [failed(1, { ...missed(1), outcome: 'skipped', error: 'nobody was master' })];
    expect(encodeLog(explained).toString()).toBe(encodeLog(asError).toString().replace('"sl- ', '"ml- '));
  });

  it('keeps the newest hundred', () => {
    const log = appendToLog(
      Array.from({ length: 95 }, (_, n) => ran(n)),
      Array.from({ length: 10 }, (_, n) => ran(95 + n)),
    );
    expect(log.length).toBe(MAX_VERDICTS);
    expect(inShort([log[0] ?? plain, log.at(-1) ?? plain])).toEqual(['ran 5', 'ran 104']);
  });

  it('has one entry for runs in a row that failed in one way', () => {
    let log: readonly StoredVerdict[] = [];
    for (let n = 1; n <= 500; n += 1) log = appendToLog(log, [failed(n, { error: 'no money' })], everySecond);
    expect(inShort(log)).toEqual(['failed 1..500 x500']);
    expect(log).toMatchObject([{ startedMs: failed(1).startedMs, durationMs: 80 }]);
    expect(decodeLog(encodeLog(log)).verdicts).toEqual(log);
    const apart = [
      failed(501, { error: 'no disk' }),
      failed(502, { error: 'no disk', token: 6n }),
      failed(503, { error: 'no disk', token: 6n, attempt: 2 }),
      failed(504, { error: 'no disk', token: 6n, attempt: 2, cause: 'misfire' }),
    ];
    expect(inShort(appendToLog(log, apart, everySecond)).slice(1)).toEqual(['failed 501', 'failed 502', 'failed 503', 'failed 504']);
  });

  it('has failures apart when a tick lies between them, and when the schedule does not say that none does', () => {
    expect(inShort(appendToLog([failed(1)], [failed(3), failed(4)], everySecond))).toEqual(['failed 1', 'failed 3..4 x2']);
    expect(appendToLog([failed(1)], [failed(2)], { schedule: { ...spec, cronTime: 'nonsense', sinceMs: undefined } }).length).toBe(2);
    expect(inShort(appendToLog([failed(1), ran(2)], [failed(3)], everySecond))).toEqual(['failed 1', 'ran 2', 'failed 3']);
  });

  it('has one entry for failures of runs that have no tick, up to the start of the last', () => {
    const at = (n: number): StoredVerdict => failed(n, { tick: undefined, startedMs: n * 1_000 });
    const log = appendToLog([at(1)], [at(2), at(3)], emptyRecord);
    expect(log).toEqual([{ ...at(1), count: 3, until: endOf(3_000) }]);
    expect(decodeLog(encodeLog(log)).verdicts).toEqual(log);
    const ofTriggers = [at(1), at(2)].map((verdict, n) => ({ ...verdict, trigger: `t${n}` }));
    expect(appendToLog([], ofTriggers, emptyRecord).length).toBe(2);
  });

  it('is short for a row of plain runs', () => {
    const log = Array.from({ length: 100 }, (_, n) =>
      ran(n, { cause: 'schedule', attempt: 1, startedMs: 1_000_003 + n * 1_000, durationMs: 80, token: 5n }),
    );
    expect(encodeLog(log).length).toBeLessThan(4_000);
  });

  it('cuts errors, and drops the oldest when the longest errors do not fit', () => {
    // U+0001 takes six bytes in JSON: the worst that a text can do.
    const worst = Array.from({ length: MAX_VERDICTS }, (_, n) => ran(n, { outcome: 'failed', error: '\u0001'.repeat(1_000) }));
    const log = worst.reduce<readonly StoredVerdict[]>((kept, verdict) => appendToLog(kept, [verdict]), []);
    expect(log.at(-1)?.error?.length).toBe(MAX_ERROR_LENGTH);
    expect(log.length).toBeGreaterThan(20);
    expect(inShort(log.slice(-1))).toEqual(['failed 99']);
    expect(encodeLog(log).length).toBeLessThanOrEqual(MAX_LOG_BYTES);
    expect(encodeLog(log).length).toBeGreaterThan(MAX_LOG_BYTES - 4_000);
    expect(decodeLog(encodeLog(log)).verdicts).toEqual(log);
  });

  it('is bounded whatever is put in', () => {
    const wild = fc.record({
      by: fc.string({ maxLength: 2_000, unit: 'binary' }),
      error: fc.option(fc.string({ maxLength: 2_000, unit: 'binary' }), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.array(wild, { maxLength: 150 }), (list) => {
        const log = appendToLog(
          [],
          list.map((change, n) => ran(n, change)),
        );
        const data = encodeLog(log);
        expect(data.length).toBeLessThanOrEqual(MAX_LOG_BYTES);
        expect(decodeLog(data).verdicts).toEqual(log);
      }),
      { numRuns: 40 },
    );
  });

  it('is unreadable, with a reason and no error, when somebody else wrote it; empty when it is empty', () => {
    expect(decodeLog(Buffer.alloc(0))).toEqual({ verdicts: [], problem: undefined });
    const written = encodeLog([ran(1)]).toString();
    const edits = ['x', '5', '[1,[],[],5]', '[2,[],[]]', `${written} `, written.replace('r--', 'q--'), written.replace('r-- 0', 'r-- 1')];
    for (const text of [...edits, written.replace('r-- 0 1', 'r-- 0 0'), ' '.repeat(MAX_LOG_BYTES + 1)]) {
      expect(decodeLog(Buffer.from(text)), text.slice(0, 60)).toMatchObject({ verdicts: undefined, problem: expect.stringMatching(/\w/) });
    }
  });
});
