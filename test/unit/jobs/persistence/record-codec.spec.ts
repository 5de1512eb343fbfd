import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { heldBy, NOBODY, MAX_RECORD_BYTES, MAX_RUNNING, MAX_WAITING_TRIGGERS } from '../../../../src/zookeeper/jobs/record/job-record.js';
import { decodeRecord, encodeAtAnySize, encodeRecord } from '../../../../src/zookeeper/jobs/persistence/codec/record-codec.js';
import { hasRoomForRun, hasRoomForTrigger } from '../../../../src/zookeeper/jobs/record/room.js';
import { endOf } from '../../../../src/zookeeper/jobs/schedule/tick.js';
import { entries, LONGEST_RECORD, longestEntry, names, records, uuid } from './arbitraries.js';
import { emptyRecord, entry, second } from '../decide/situations.js';

const usual = { ...emptyRecord, cursor: second(3), running: [entry()], triggers: ['t1'], succeededMs: 5 };

describe('the record of a job', () => {
  it('reads back as it was written', () => {
    fc.assert(
      fc.property(
        records.filter((record) => encodeAtAnySize(record).length <= MAX_RECORD_BYTES),
        (record) => {
          expect(decodeRecord(encodeRecord(record))).toEqual({ record, problem: undefined });
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('is short in the usual case: a run on its way, and four verdicts', () => {
    const run = { ...longestEntry(1, false), token: 21_474_836_480_123n, starts: 1 };
    const verdict = {
      outcome: 'ran',
      reason: undefined,
      until: undefined,
      count: 1,
      trigger: undefined,
      cause: 'schedule',
      attempt: 1,
    } as const;
    const recent = [1, 2, 3, 4].map((n) => {
      const tick = { dueMs: 1_790_000_000_000 + n * 1_000, nominalMs: 1_790_028_800_000 + n * 1_000 };
      return {
        ...verdict,
        tick,
        startedMs: tick.dueMs + 3,
        durationMs: 250,
        by: '192.168.99.100:9090',
        token: run.token,
        error: undefined,
        explanation: undefined,
      };
    });
    const record = {
      ...emptyRecord,
      schedule: { cronTime: '* * * * * *', timeZone: 'Asia/Shanghai', sinceMs: undefined },
      running: [run],
      recent,
    };
    expect(encodeRecord(record).length).toBeLessThan(400);
  });

  it('is a list with numbers to the base 36, and UUIDs in short, so that it stays small', () => {
    const member = 'version~0f8fad5b-d9cb-469f-a165-70867728950e';
    const record = {
      ...emptyRecord,
      cursor: { dueMs: 36 ** 3, nominalMs: 36 ** 3 + 36 },
      running: [entry({ holder: heldBy(member), trigger: 'my id' })],
    };
    expect(encodeRecord(record).toString()).toBe(
      '[1,["* * * * * *","UTC"],"1000 10 - - - - -",["a-claim s1 lhx4 version~*D4-tW9nLRp-hZXCGdyiVDg mine 7 my*.id"],"",0]',
    );
  });

  it('keeps the end of an instant as a cursor', () => {
    expect(decodeRecord(encodeRecord({ ...emptyRecord, cursor: endOf(5) })).record?.cursor).toEqual(endOf(5));
  });

  it('is unknown, with a reason and no error, for any bytes that this library did not write', () => {
    const garbage = fc.oneof(
      fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
      fc.jsonValue().map((value) => Buffer.from(JSON.stringify(value))),
    );
    fc.assert(
      fc.property(garbage, (data) => {
        const { record, problem } = decodeRecord(data);
        expect(record).toBeUndefined();
        expect(problem).toMatch(/\w/);
      }),
    );
  });

  it('is never read as something else after an edit by hand', () => {
    const at = fc.nat();
    fc.assert(
      fc.property(
        records,
        at,
        fc.constantFrom('', '0', ' ', '-', '9', '"', '*', 'z'),
        fc.nat({ max: 2 }),
        (record, place, put, removed) => {
          const text = encodeAtAnySize(record).toString();
          const position = place % text.length;
          const edited = Buffer.from(text.slice(0, position) + put + text.slice(position + removed));
          const read = decodeRecord(edited).record;
          // It may be another valid record, but then it says exactly what is written.
          if (read !== undefined) expect(encodeRecord(read).equals(edited)).toBe(true);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  const written = encodeRecord(usual).toString();
  const edits: ReadonlyArray<readonly [string, string]> = [
    ['', 'it is empty'],
    [`${written} `, 'not written as this library writes it'],
    [written.replace('[1,', '[2,'), 'its format is 2'],
    [written.replace('[1,', '[1, '), 'not written as this library writes it'],
    [written.replace('"UTC"', '5'), 'no pair of texts'],
    [written.replace('s1', 'x1'), 'stands for nothing'],
    [written.replace('s1', 's01'), 'not written as this library writes it'],
    [written.replace('s1', 's-1'), 'less than never'],
    [written.replace('mine 7', 'mine -7'), 'is no token'],
    [written.replace('mine 7', `mine ${'z'.repeat(28)}`), 'is no token'],
    [written.replace('"t1"', '"t1 t1"'), 'a trigger waits twice'],
    [written.replace('"t1"', '"t1 "'), 'a trigger has no id'],
    [written.replace('"t1"', '5'), 'its triggers are no text'],
    [written.replace('"t1"', '"t1 t2 t3 t4 t5 t6 t7"'), 'it has 7 triggers'],
    [written.replace('"t1"', '"t*"'), 'within an escape'],
    [written.replace(',0]', ']'), 'a part is missing'],
    [written.replace(',0]', ',0,0]'), 'a part is missing'],
    [written.replace(' - 5 -"', ' - 5 - -"'), 'too many instants'],
    [written.replace(' - 5 -"', ' - 5"'), 'is no number'],
    [written.replace(' - 5 -"', ' - 5.5 -"'), 'is no number'],
    [written.replace(' - 5 -"', ` - ${'z'.repeat(11)} -"`), 'is no safe number'],
    ['{"cursor":5}', 'it is no list'],
    ['x', 'JSON'],
    [' '.repeat(MAX_RECORD_BYTES + 1), 'at most 1024 are allowed'],
  ];
  it.each(edits)('says what is wrong with %j: %s', (text, problem) => {
    expect(text).not.toBe(written);
    expect(decodeRecord(Buffer.from(text))).toMatchObject({ record: undefined, problem: expect.stringContaining(problem) });
  });

  it('names two runs with one claim, and a run too many', () => {
    const twice = { ...usual, running: [entry(), entry({ tick: second(4) })] };
    expect(decodeRecord(encodeRecord(twice)).problem).toBe('two runs have one claim');
    const many = { ...usual, running: Array.from({ length: MAX_RUNNING + 1 }, (_, i) => entry({ claim: `c${i}` })) };
    expect(decodeRecord(encodeRecord(many)).problem).toBe('it has 5 runs, at most 4 are allowed');
  });

  it('is refused by an error of ours when it is too long, before it is sent', () => {
    expect(() => encodeRecord({ ...emptyRecord, triggers: ['x'.repeat(1_024)] })).toThrow(/ZK_INVARIANT.*1024/);
  });
});

describe('the room in a record', () => {
  it('is enough for as many runs and triggers as there may be, with the longest names of ours', () => {
    for (const isTrigger of [false, true]) {
      let record = LONGEST_RECORD;
      for (let n = 0; n < MAX_RUNNING; n += 1) {
        expect(hasRoomForRun(record, longestEntry(n, isTrigger)), `run ${n}`).toBe(true);
        record = { ...record, running: [...record.running, longestEntry(n, isTrigger)] };
      }
      for (let n = 0; n < MAX_WAITING_TRIGGERS; n += 1) {
        expect(hasRoomForTrigger(record, uuid(n + 50)), `trigger ${n}`).toBe(true);
        record = { ...record, triggers: [...record.triggers, uuid(n + 50)] };
      }
      expect(encodeRecord(record).length).toBeLessThanOrEqual(MAX_RECORD_BYTES);
      expect(hasRoomForRun(record, longestEntry(9, isTrigger))).toBe(false);
      expect(hasRoomForTrigger(record, 't')).toBe(false);
    }
  });

  it('is never overdrawn, whatever the names: what is let in fits beside the longest schedule and every instant', () => {
    const ids = fc.oneof(names, fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }), fc.constant('"'.repeat(36)));
    const steps = fc.array(fc.oneof(entries, ids), { maxLength: 12 });
    fc.assert(
      fc.property(steps, (wanted) => {
        let record = LONGEST_RECORD;
        for (const step of wanted) {
          if (typeof step !== 'string') {
            if (hasRoomForRun(record, step)) record = { ...record, running: [...record.running, step] };
          } else if (hasRoomForTrigger(record, step)) record = { ...record, triggers: [...record.triggers, step] };
        }
        expect(encodeAtAnySize(record).length).toBeLessThanOrEqual(MAX_RECORD_BYTES);
      }),
      { numRuns: 2_000 },
    );
  });

  it('always has a place for one run, however many triggers wait', () => {
    let record = LONGEST_RECORD;
    for (let n = 0; n < 10; n += 1) {
      const id = `${n}${'"'.repeat(35)}`;
      if (hasRoomForTrigger(record, id)) record = { ...record, triggers: [...record.triggers, id] };
    }
    expect(record.triggers.length).toBeGreaterThan(3);
    expect(hasRoomForRun(record, longestEntry(1, false))).toBe(true);
  });

  it('is kept for a run that was given back, so that it can be taken again', () => {
    const longId = (n: number): string => `${n}${'"'.repeat(35)}`;
    const running = Array.from({ length: MAX_RUNNING }, (_, n) => ({ ...longestEntry(n, true), holder: NOBODY }));
    let record = { ...LONGEST_RECORD, running };
    for (let n = 0; hasRoomForTrigger(record, longId(n)); n += 1) record = { ...record, triggers: [...record.triggers, longId(n)] };
    expect(record.triggers.length).toBeLessThan(MAX_WAITING_TRIGGERS);
    const taken = { ...record, running: Array.from({ length: MAX_RUNNING }, (_, n) => longestEntry(n, true)) };
    expect(encodeAtAnySize(taken).length).toBeLessThanOrEqual(MAX_RECORD_BYTES);
  });

  it('takes no trigger with an id of more than 36 bytes', () => {
    expect(hasRoomForTrigger(emptyRecord, 'x'.repeat(36))).toBe(true);
    expect(hasRoomForTrigger(emptyRecord, 'x'.repeat(37))).toBe(false);
    expect(hasRoomForTrigger(emptyRecord, '😀'.repeat(10))).toBe(false);
  });
});
