import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parsePlace, sortedPlaces } from '../../../src/zookeeper/recipes/line/line.js';

/** As the server writes a sequence number: Java's `%010d`. */
function decimal10(sequence: number): string {
  return sequence < 0 ? `-${String(-sequence).padStart(9, '0')}` : String(sequence).padStart(10, '0');
}

it('reads address, id and sequence number from the name of a place', () => {
  expect(parsePlace('10.0.0.1:80~ab12-0000000042')).toEqual({
    name: '10.0.0.1:80~ab12-0000000042',
    address: '10.0.0.1:80',
    id: 'ab12',
    sequence: 42,
  });
});

it('reads addresses with any character, and ids that are UUIDs', () => {
  const id = '6f1c1a5e-2b3c-4d5e-8f90-123456789abc';
  for (const address of ['[::1]:9090', 'host~with~tildes:1', 'a-b-0000000001:2', 'ünïcode:3', ':0']) {
    expect(parsePlace(`${address}~${id}-0000000007`), address).toMatchObject({ address, id, sequence: 7 });
  }
});

it('reads back any address and id', () => {
  const addresses = fc.string({ unit: 'binary', minLength: 1 });
  fc.assert(
    fc.property(addresses, fc.uuid(), fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), (address, id, sequence) => {
      expect(parsePlace(`${address}~${id}-${decimal10(sequence)}`)).toMatchObject({ address, id, sequence });
    }),
  );
});

it('passes over names that are no place', () => {
  for (const name of ['', 'x', 'x-0000000001', 'a~b', 'a~b-1', '~b-0000000001', 'a~-0000000001', 'a~b-00000x0001', 'tenure-a']) {
    expect(parsePlace(name), name).toBeUndefined();
  }
  fc.assert(
    fc.property(fc.string({ maxLength: 10 }), (name) => {
      expect(sortedPlaces([name])).toEqual([]);
    }),
  );
});

it('sorts by the sequence number alone, whatever the addresses', () => {
  const places = sortedPlaces(['z:1~a-0000000003', 'junk', 'a:1~z-0000000010', 'm:1~m-0000000001']);
  expect(places.map((place) => place.sequence)).toEqual([1, 3, 10]);
});

it('puts the newcomers first once the counter has wrapped to negative numbers, and loses nobody', () => {
  const places = sortedPlaces(['a:1~a-2147483647', 'b:1~b--2147483648']);
  expect(places.map((place) => place.sequence)).toEqual([-2_147_483_648, 2_147_483_647]);
});
