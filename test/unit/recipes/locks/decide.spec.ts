import { expect, it } from 'vitest';
import { lineOf } from '../../../../src/zookeeper/recipes/locks/contenders.js';
import { decide, unprovenIn } from '../../../../src/zookeeper/recipes/locks/decide.js';
import { encodeRecord, NEVER_HELD, readRecord, type LockRecord } from '../../../../src/zookeeper/recipes/locks/record.js';
import type { Stat } from '../../../../src/zookeeper/wire/operations.js';

const [first, second, gone] = ['0', '1', '2'].map((digit) => `${digit.repeat(8)}-0000-4000-8000-000000000000`) as [string, string, string];
const names = [`_c_${first}-lock-0000000005`, `_c_${second}-lock-0000000006`];
const line = lineOf(names);
const own = (index: number): { readonly name: string; readonly id: string } => ({
  name: names[index] ?? '',
  id: index === 0 ? first : second,
});
const stat = (version: number): Stat => ({ version, czxid: 9n }) as unknown as Stat;
const held = (holder: string): LockRecord => ({ state: 'held', holder, address: 'a:1', leaseMs: 1_000, floor: 0n });
const read = (record: LockRecord, version = 3): ReturnType<typeof readRecord> => readRecord(encodeRecord(record, version), stat(version));

it('waits behind the one before it, and is gone without its node', () => {
  expect(decide(line, own(1), read(NEVER_HELD))).toMatchObject({ kind: 'behind', before: { name: names[0] } });
  expect(decide(line, { name: 'absent', id: gone }, read(NEVER_HELD))).toEqual({ kind: 'gone' });
});

it('begins at once after a release, and under its own record', () => {
  for (const record of [NEVER_HELD, { ...held(gone), state: 'released' as const }, held(first)])
    expect(decide(line, own(0), read(record))).toEqual({ kind: 'first', unproven: undefined });
});

it('waits for what a holder could believe that has gone without a release, and for the longest lease when nothing is known', () => {
  expect(decide(line, own(0), read(held(gone)))).toMatchObject({ kind: 'first', unproven: { waitMs: 1_110 } });
  for (const text of ['', 'x', '[]', '{"format":2}', encodeRecord(NEVER_HELD, 4).toString()]) {
    const step = decide(line, own(0), readRecord(Buffer.from(text), stat(3)));
    expect(step).toMatchObject({ kind: 'first', unproven: { waitMs: expect.closeTo(5_550) as number } });
  }
});

it('waits behind the holder that the record names, wherever its node stands', () => {
  expect(decide(line, own(0), read(held(second)))).toMatchObject({ kind: 'behind', before: { name: names[1] } });
});

it('begins to wait for somebody unknown when nobody stands before it, and anew when the record was written again', () => {
  const unknown = (version: number): ReturnType<typeof readRecord> => readRecord(Buffer.from('by hand'), stat(version));
  expect(unprovenIn(line, second, unknown(3))).toBeUndefined();
  const [before, after] = [unprovenIn(line, first, unknown(3)), unprovenIn(line, first, unknown(4))];
  expect(before).toBeDefined();
  expect(after?.what).not.toBe(before?.what);
});
