import { expect, it } from 'vitest';
import { ProtocolError, Reader } from '../../../src/zookeeper/wire/reader.js';

const bytes = (length: number, ...rest: readonly number[]): Reader => {
  const buffer = Buffer.alloc(4 + rest.length);
  buffer.writeInt32BE(length);
  buffer.set(rest, 4);
  return new Reader(buffer);
};

it('takes -1 for null, and no other negative length', () => {
  expect([bytes(-1).buffer(), bytes(-1).string(), bytes(-1).strings()]).toEqual([Buffer.alloc(0), '', []]);
  for (const length of [-2, -7, -(2 ** 31)]) {
    expect(() => bytes(length, 1, 2, 3).buffer()).toThrow(ProtocolError);
    expect(() => bytes(length, 1, 2, 3).string()).toThrow(ProtocolError);
    expect(() => bytes(length, 1, 2, 3).strings()).toThrow(ProtocolError);
  }
});

it('hands out no text, data or list that is longer than the frame', () => {
  expect(bytes(3, 97, 98, 99).string()).toBe('abc');
  expect(() => bytes(4, 97, 98, 99).string()).toThrow('4 bytes expected, 3 left in the frame');
  expect(() => bytes(4, 97, 98, 99).buffer()).toThrow(ProtocolError);
  expect(() => bytes(2 ** 31 - 1, 0, 0, 0, 0).strings()).toThrow('a list of 2147483647 strings does not fit into 4 bytes');
  expect(() => bytes(7).long()).toThrow(ProtocolError);
});

it('copies data, so that a few bytes keep no network buffer alive', () => {
  const whole = Buffer.from([0, 0, 0, 1, 42]);
  const data = new Reader(whole).buffer();
  whole[4] = 7;
  expect(data).toEqual(Buffer.from([42]));
});
