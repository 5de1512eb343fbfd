import { expect, it } from 'vitest';
import { arrival, decodeReady, encodeReady, type ArrivalView } from '../../../../src/zookeeper/recipes/barriers/arrival.js';

const view = (given: Partial<ArrivalView>): ArrivalView => ({
  own: { name: 'b', czxid: 20n },
  names: new Set(['b']),
  members: ['a', 'b'],
  ready: undefined,
  wasReady: false,
  limit: 2,
  ...given,
});

it('waits until the number is there, and then says so for them', () => {
  expect(arrival(view({ limit: 3 }))).toEqual({ kind: 'wait' });
  expect(arrival(view({}))).toEqual({ kind: 'open', for: ['a', 'b'] });
});

it('who is not among the first is one too many', () => {
  expect(arrival(view({ members: ['a', 'c', 'b'] }))).toEqual({ kind: 'full' });
  expect(arrival(view({ members: ['a', 'c', 'b'], ready: { czxid: 30n, admitted: undefined } }))).toEqual({ kind: 'full' });
  expect(arrival(view({ ready: { czxid: 30n, admitted: ['a', 'c'] } }))).toEqual({ kind: 'full' });
});

it('who is named in it has entered, by whatever node it had, and also when the others have left', () => {
  expect(arrival(view({ ready: { czxid: 30n, admitted: ['a', 'b'] }, members: ['b'] }))).toEqual({
    kind: 'entered',
    with: ['a', 'b'],
    ready: 30n,
  });
  const earlier = view({ names: new Set(['x', 'b']), own: undefined, ready: { czxid: 15n, admitted: ['a', 'x'] } });
  expect(arrival(earlier)).toEqual({ kind: 'entered', with: ['a', 'x'], ready: 15n });
});

it("of a neighbour's `ready` the time counts: it must have been made since", () => {
  expect(arrival(view({ ready: { czxid: 30n, admitted: undefined } }))).toEqual({ kind: 'entered', with: ['a', 'b'], ready: 30n });
  expect(arrival(view({ ready: { czxid: 10n, admitted: undefined } }))).toEqual({ kind: 'too late' });
  expect(arrival(view({ ready: { czxid: 10n, admitted: ['x', 'y'] } }))).toEqual({ kind: 'too late' });
});

it('a `ready` that was there for a moment counts', () => {
  expect(arrival(view({ members: ['b'], wasReady: true }))).toEqual({ kind: 'entered', with: ['b'], ready: undefined });
});

it('without its node it is not there', () => {
  expect(arrival(view({ own: undefined, members: ['a', 'c'] }))).toEqual({ kind: 'gone' });
  expect(arrival(view({ own: undefined, ready: { czxid: 10n, admitted: ['x'] } }))).toEqual({ kind: 'gone' });
});

it('what is written is read, and what others have written is not', () => {
  expect(decodeReady(encodeReady(['a', 'b']))).toEqual(['a', 'b']);
  for (const text of ['', 'null', '[]', '127.0.0.1', '{"format":1}', '{"format":2,"admitted":[]}', '{"format":1,"admitted":[1]}'])
    expect(decodeReady(Buffer.from(text))).toBeUndefined();
});
