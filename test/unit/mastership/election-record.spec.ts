import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  encodeRecord,
  isAsWritten,
  provesEnd,
  readRecordFrom,
  type ElectionRecord,
} from '../../../src/zookeeper/mastership/election/election-record.js';
import { LONGEST_OLD_LEASE_MS, waitMsFor } from '../../../src/zookeeper/session/lease-length.js';
import { statOf } from './stats.js';

const decodeRecord = (data: Buffer): ElectionRecord | undefined => readRecordFrom(data, statOf({})).record;

const record: ElectionRecord = { tenure: 't1', address: '10.0.0.1:80', state: 'held', leaseMs: 3_333.25, unprovenMs: 0, floor: 0n };

describe('the record', () => {
  it('reads back what was written', () => {
    const durations = fc.double({ min: 0, max: LONGEST_OLD_LEASE_MS, noNaN: true, noDefaultInfinity: true }).map((ms) => ms + 0);
    const records = fc.record({
      tenure: fc.string(),
      address: fc.string({ unit: 'grapheme' }),
      state: fc.constantFrom('held' as const, 'resigned' as const),
      leaseMs: durations,
      unprovenMs: durations,
      floor: fc.bigInt({ min: 0n, max: 10n ** 40n - 1n }),
    });
    const successors = fc.option(fc.record({ address: fc.string(), after: fc.string() }), { nil: undefined });
    fc.assert(
      fc.property(records, successors, (one, successor) => {
        const whole: ElectionRecord = successor === undefined ? one : { ...one, successor };
        expect(decodeRecord(encodeRecord(whole, 1))).toEqual(whole);
      }),
    );
  });

  it('is unknown, and no error, for any bytes that no master wrote', () => {
    const garbage = fc.oneof(
      fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
      fc.jsonValue().map((value) => Buffer.from(JSON.stringify(value))),
    );
    fc.assert(
      fc.property(garbage, (data) => {
        expect(decodeRecord(data)).toBeUndefined();
      }),
    );
    for (const text of ['', '{}', 'null', '[]', '{"tenure":"a"}', '"held"', '10.0.0.1:80', '\u0000']) {
      expect(decodeRecord(Buffer.from(text)), text).toBeUndefined();
    }
  });

  const edits: ReadonlyArray<readonly [string, Record<string, unknown>]> = [
    ['a tenure that is no text', { tenure: 5 }],
    ['an address that is no text', { address: null }],
    ['an unknown state', { state: 'free' }],
    ['a negative lease', { leaseMs: -1 }],
    ['a lease that is no number', { leaseMs: '3000' }],
    ['a lease that is no longer a number', { leaseMs: null }],
    ['a negative inherited wait', { unprovenMs: -0.5 }],
    ['a missing inherited wait', { unprovenMs: undefined }],
    ['a floor that is a number', { floor: 5 }],
    ['a negative floor', { floor: '-5' }],
    ['a floor with a fraction', { floor: '5.5' }],
    ['an empty floor', { floor: '' }],
    ['a floor of more than 40 digits', { floor: '9'.repeat(41) }],
  ];
  for (const [what, edit] of edits) {
    it(`is unknown with ${what}`, () => {
      const { floor, ...rest } = record;
      expect(decodeRecord(Buffer.from(JSON.stringify({ ...rest, floor: String(floor), ...edit })))).toBeUndefined();
    });
  }

  it('can make nobody wait longer than for the longest lease, whatever was written into it', () => {
    const read = decodeRecord(encodeRecord({ ...record, leaseMs: 1e15, unprovenMs: Number.MAX_VALUE }, 1));
    expect(read).toMatchObject({ leaseMs: LONGEST_OLD_LEASE_MS, unprovenMs: waitMsFor(LONGEST_OLD_LEASE_MS) });
  });

  it('of a master that has died is one of a resignation to a version of this library that knows of no crash guard', () => {
    const data = encodeRecord({ ...record, state: 'died' }, 1);
    expect(decodeRecord(data)).toEqual({ ...record, state: 'died' });
    expect(JSON.parse(data.toString())).toMatchObject({ state: 'resigned' });
    expect(decodeRecord(encodeRecord({ ...record, state: 'resigned' }, 1))?.state).toBe('resigned');
  });

  it('leaves a successor out that is malformed', () => {
    for (const successor of [5, null, 'x:1', {}, { address: 'x:1' }, { address: 5, after: 't' }]) {
      const data = Buffer.from(JSON.stringify({ ...record, floor: '0', successor }));
      expect(decodeRecord(data)).toEqual(record);
    }
  });
});

describe('a record is as it was written', () => {
  const whether = (writtenAs: number | undefined, version: number): boolean =>
    isAsWritten(readRecordFrom(encodeRecord(record, writtenAs), statOf({ version })));

  it('when its node has the version that its writer made', () => {
    expect(whether(7, 7)).toBe(true);
  });

  it('and not when it was edited, put back, copied to a new node, or written by an older version of this library', () => {
    expect([whether(7, 8), whether(7, 6), whether(1, 0), whether(undefined, 7)]).toEqual([false, false, false, false]);
  });

  it('and not when it is none', () => {
    expect(isAsWritten(readRecordFrom(Buffer.from('{"writtenAs":7}'), statOf({ version: 7 })))).toBe(false);
  });
});

describe('a resignation', () => {
  const resigned: ElectionRecord = { ...record, state: 'resigned' };

  it('is proven by the transaction that wrote it and took the tenure node away', () => {
    expect(provesEnd({ writtenAs: 3, record: resigned, stat: statOf({ czxid: 1n, mzxid: 9n, pzxid: 9n }) }, 20n)).toBe(true);
  });

  it('is not proven by an edit of the record by hand, before or after the tenure node went', () => {
    expect(provesEnd({ writtenAs: 3, record: resigned, stat: statOf({ czxid: 1n, mzxid: 9n, pzxid: 5n }) }, 20n)).toBe(false);
    expect(provesEnd({ writtenAs: 3, record: resigned, stat: statOf({ czxid: 1n, mzxid: 9n, pzxid: 12n }) }, 20n)).toBe(false);
  });

  it('is not proven by a record that was created with the word in it', () => {
    expect(provesEnd({ writtenAs: 3, record: resigned, stat: statOf({ czxid: 9n, mzxid: 9n, pzxid: 9n }) }, 20n)).toBe(false);
  });

  it('is not proven by a record of a tenure in force, nor by garbage', () => {
    const stat = statOf({ czxid: 1n, mzxid: 9n, pzxid: 9n });
    expect(provesEnd({ writtenAs: 3, record, stat }, 20n)).toBe(false);
    expect(provesEnd({ writtenAs: 3, record: undefined, stat }, 20n)).toBe(false);
  });

  it('is not proven when it comes from an earlier epoch of the ensemble: it may be a snapshot put back', () => {
    const stat = statOf({ czxid: 1n, mzxid: 9n, pzxid: 9n });
    expect(provesEnd({ writtenAs: 3, record: resigned, stat }, (1n << 32n) + 20n)).toBe(false);
  });
});
