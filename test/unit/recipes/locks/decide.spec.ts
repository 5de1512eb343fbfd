import { describe, expect, it } from 'vitest';
import { lineOf } from '../../../../src/zookeeper/recipes/locks/contenders.js';
import { decide, unprovenIn } from '../../../../src/zookeeper/recipes/locks/decide.js';
import {
  encodeRecord,
  NEVER_HELD,
  readRecord,
  type LockRecord,
  type RecordedHolder,
} from '../../../../src/zookeeper/recipes/locks/record.js';
import type { Stat } from '../../../../src/zookeeper/wire/operations.js';

const [first, second, gone] = ['0', '1', '2'].map((digit) => `${digit.repeat(8)}-0000-4000-8000-000000000000`) as [string, string, string];
const names = [`_c_${first}-lock-0000000005`, `_c_${second}-lock-0000000006`];
const line = lineOf(names);
const own = (index: number): { readonly name: string; readonly id: string } => ({
  name: names[index] ?? '',
  id: index === 0 ? first : second,
});
const stat = (version: number): Stat => ({ version, czxid: 9n }) as unknown as Stat;
const holder = (id: string, leaseMs = 1_000): RecordedHolder => ({ id, address: 'a:1', leaseMs });
const held = (id: string): LockRecord => ({ state: 'held', holder: holder(id), floor: 0n });
const shared = (...sharers: readonly RecordedHolder[]): LockRecord => ({ state: 'shared', sharers, floor: 0n });
const read = (record: LockRecord, version = 3): ReturnType<typeof readRecord> => readRecord(encodeRecord(record, version), stat(version));

it('waits behind the one before it, and is gone without its node', () => {
  expect(decide(line, own(1), read(NEVER_HELD))).toMatchObject({ kind: 'behind', before: { name: names[0] } });
  expect(decide(line, { name: 'absent', id: gone }, read(NEVER_HELD))).toEqual({ kind: 'gone' });
});

it('begins at once after a release, and under its own record', () => {
  for (const record of [NEVER_HELD, { state: 'released' as const, holder: holder(gone), floor: 0n }, held(first)]) {
    expect(decide(line, own(0), read(record))).toEqual({ kind: 'first' });
    expect(unprovenIn(line, first, read(record))).toEqual([]);
  }
});

it('waits for what a holder could believe that has gone without a release, and for the longest lease when nothing is known', () => {
  expect(unprovenIn(line, first, read(held(gone)))).toMatchObject([{ waitMs: 1_110 }]);
  for (const text of ['', 'x', '[]', '{"format":2}', encodeRecord(NEVER_HELD, 4).toString()]) {
    const unproven = unprovenIn(line, first, readRecord(Buffer.from(text), stat(3)));
    expect(unproven).toMatchObject([{ waitMs: expect.closeTo(5_550) as number }]);
  }
});

it('waits behind the holder that the record names, wherever its node stands', () => {
  expect(decide(line, own(0), read(held(second)))).toMatchObject({ kind: 'behind', before: { name: names[1] } });
});

it('begins to wait for somebody unknown when nobody stands before it, and anew when the record was written again', () => {
  const unknown = (version: number): ReturnType<typeof readRecord> => readRecord(Buffer.from('by hand'), stat(version));
  expect(unprovenIn(line, second, unknown(3))).toEqual([]);
  const [[before], [after]] = [unprovenIn(line, first, unknown(3)), unprovenIn(line, first, unknown(4))];
  expect(before).toBeDefined();
  expect(after?.what).not.toBe(before?.what);
});

describe('of readers and writers', () => {
  const id = (digit: string): string => `${digit.repeat(8)}-0000-4000-8000-000000000000`;
  const named = (...forms: readonly string[]): string[] => forms.map((form, index) => `_c_${id(String(index))}-${form}000000000${index}`);
  const stepOf = (names: readonly string[], rank: number, record: LockRecord = NEVER_HELD): unknown => {
    const step = decide(lineOf(names), { name: names[rank] ?? '', id: id(String(rank)) }, read(record));
    return step.kind === 'behind' ? names.indexOf(step.before.name) : step.kind;
  };
  const [R, W, M] = ['__READ__', '__WRIT__', 'lock-'];

  it('readers share; a writer waits for the last before it; a reader for the last writer before it, never for one behind', () => {
    const names = named(R, R, W, R, W, R, M, R);
    expect(names.map((_, rank) => stepOf(names, rank))).toEqual(['first', 'first', 1, 2, 3, 4, 5, 6]);
  });

  it('a reader does not wait for readers, wherever they are, but for a writer of the record that stands behind or has gone', () => {
    const names = named(R, W);
    expect(stepOf(named(R, R), 0, shared(holder(id('1')), holder(id('9'))))).toBe('first');
    expect(stepOf(names, 0, held(id('1')))).toBe(1);
    expect(unprovenIn(lineOf(names), id('0'), read(shared(holder(id('9')))))).toEqual([]);
    expect(unprovenIn(lineOf(names), id('0'), read(held(id('9'))))).toMatchObject([{ waitMs: 1_110 }]);
  });

  it('a writer waits for each reader of the record: those in the line, and those that have gone, for as long as each may believe', () => {
    const names = named(W, R);
    expect(stepOf(names, 0, shared(holder(id('1'))))).toBe(1);
    const gone = [holder(id('1')), holder(id('8'), 2_000), holder(id('9'), 3_000)];
    const unproven = unprovenIn(lineOf(names), id('0'), read(shared(...gone)));
    expect(unproven).toMatchObject([{ what: `sharer ${id('8')}` }, { what: `sharer ${id('9')}` }]);
    expect(unproven.map(({ waitMs }) => waitMs)).toEqual([2_220, expect.closeTo(3_330)]);
    // The same end, whatever other readers have done meanwhile.
    expect(unprovenIn(lineOf(names), id('0'), read(shared(...gone), 7))).toEqual(unproven);
  });

  it('without a record each of them waits once nobody excludes it any more', () => {
    const names = named(R, R, W, R);
    const unknown = readRecord(Buffer.from('by hand'), stat(3));
    expect(names.map((_, rank) => unprovenIn(lineOf(names), id(String(rank)), unknown).length)).toEqual([1, 1, 0, 0]);
  });

  it('what is kept of readers is read as it was written, and refused when it is not', () => {
    const record = shared(holder(id('1')), { id: id('2'), address: 'b:1', leaseMs: 5_000 });
    expect(read(record).record).toEqual(record);
    for (const sharers of ['x', [1], [['a', 'b']], [['a', 'b', 30_000]], [['a', 'b', 1], null]]) {
      const data = Buffer.from(JSON.stringify({ format: 1, version: 3, state: 'shared', sharers, floor: '0' }));
      expect(readRecord(data, stat(3)).record).toBeUndefined();
    }
  });
});
