import { expect, it } from 'vitest';
import {
  decodeEntry,
  decodeFloor,
  encodeEntry,
  encodeFloor,
  holdIn,
  type Entry,
  type Hold,
} from '../../../../src/zookeeper/recipes/lock-store/entry.js';

const last: Hold = { owner: 'a', id: 'first', token: 7n, untilMs: 1_000 };
const taken = { kind: 'take', owner: 'b', id: 'second', ttlMs: 500, floor: 100n } as const;
const at = (mtimeMs: number) => ({ mtimeMs, mzxid: 9n });

it('a key without a lock is taken, with a token above the floor', () => {
  expect(holdIn({ last: undefined, change: taken }, at(50))).toEqual({ owner: 'b', id: 'second', token: 109n, untilMs: 550 });
});

it('a take that ZooKeeper has carried out before the end of the last lock changes nothing; from the end on it counts', () => {
  const entry: Entry = { last, change: taken };
  expect(holdIn(entry, at(999))).toEqual(last);
  expect(holdIn(entry, at(1_000))).toMatchObject({ owner: 'b', untilMs: 1_500 });
});

it('a renewal counts before the end, keeps the token, and revives nothing', () => {
  const entry: Entry = { last, change: { kind: 'renew', ttlMs: 500 } };
  expect(holdIn(entry, at(999))).toEqual({ ...last, untilMs: 1_499 });
  expect(holdIn(entry, at(1_000))).toEqual(last);
});

it('what is written is read again, with whatever text and large numbers are in it', () => {
  const entries: Entry[] = [
    { last: undefined, change: taken },
    { last: { ...last, owner: '\ud800"é' }, change: { ...taken, floor: 2n ** 70n } },
    { last, change: { kind: 'renew', ttlMs: 0 } },
  ];
  for (const entry of entries) expect(decodeEntry(encodeEntry('key', entry))).toEqual(entry);
  expect(decodeFloor(encodeFloor(2n ** 70n))).toBe(2n ** 70n);
});

it.each([
  '',
  'null',
  '{}',
  '[]',
  '{"format":2,"change":{"kind":"take","owner":"a","id":"b","ttlMs":1,"floor":"0"}}',
  '{"format":1,"change":{"kind":"take","owner":"a","id":"b","ttlMs":-1,"floor":"0"}}',
  '{"format":1,"change":{"kind":"take","owner":"a","id":"b","ttlMs":1,"floor":"x"}}',
  '{"format":1,"change":{"kind":"take","owner":1,"id":"b","ttlMs":1,"floor":"0"}}',
  '{"format":1,"change":{"kind":"renew","ttlMs":1}}',
  '{"format":1,"last":{"owner":"a"},"change":{"kind":"renew","ttlMs":1}}',
])('data that nobody of us has written is no entry: %s', (text) => {
  expect(decodeEntry(Buffer.from(text))).toBeUndefined();
  expect(decodeFloor(Buffer.from(text))).toBe(0n);
});
