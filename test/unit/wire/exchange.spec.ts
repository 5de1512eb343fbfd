import { expect, it } from 'vitest';
import { Exchange, nextXid } from '../../../src/zookeeper/wire/exchange.js';
import { InFlight, MAX_IN_FLIGHT, MAX_IN_FLIGHT_BYTES } from '../../../src/zookeeper/wire/in-flight.js';
import type { Link } from '../../../src/zookeeper/wire/link.js';
import { Reader } from '../../../src/zookeeper/wire/reader.js';
import { MAX_XID, request } from '../../../src/zookeeper/wire/requests.js';

const waiting = (xid: number, bytes = 10) => ({ xid, type: 3, bytes, callback: () => {} });

it('numbers requests from 1, and begins again after the largest number', () => {
  expect([nextXid(0), nextXid(MAX_XID - 1), nextXid(MAX_XID)]).toEqual([1, MAX_XID, 1]);
});

it('answers a request also when its reply cannot be read', () => {
  const exchange = new Exchange('');
  const answers: unknown[] = [];
  exchange.send({ write: () => {} } as unknown as Link, request(4, null), (error) => answers.push(error));
  expect(() => exchange.reply(new Reader(Buffer.alloc(0)), 1, 5n, 0)).toThrow('4 bytes expected');
  expect(exchange.lastZxid).toBe(0n);
  exchange.lost('cut');
  expect(answers).toEqual([expect.objectContaining({ code: -4, sent: true, hint: 'cut' })]);
});

it('keeps the order of thousands of waiting requests', () => {
  const inFlight = new InFlight();
  let next = 0;
  let due = 0;
  for (let step = 0; step < 20_000; step++) {
    inFlight.push(waiting(next++));
    if (step % 3 === 0) continue;
    expect(inFlight.oldest()?.xid).toBe(due++);
    inFlight.shift();
  }
  expect(inFlight.size).toBe(next - due);
  expect(inFlight.drain().map(({ xid }) => xid)).toEqual(Array.from({ length: next - due }, (_, index) => due + index));
  expect([inFlight.size, inFlight.oldest(), inFlight.refusal()]).toEqual([0, undefined, undefined]);
});

it('is full at its limit of requests, and at its limit of bytes, until one is answered', () => {
  const many = new InFlight();
  for (let xid = 0; xid < MAX_IN_FLIGHT; xid++) many.push(waiting(xid));
  expect(many.refusal()).toContain(`${MAX_IN_FLIGHT} requests already wait`);
  many.shift();
  expect(many.refusal()).toBeUndefined();
  const large = new InFlight();
  large.push(waiting(1, MAX_IN_FLIGHT_BYTES));
  expect(large.refusal()).toContain(`the limit is ${MAX_IN_FLIGHT_BYTES}`);
  large.shift();
  expect(large.refusal()).toBeUndefined();
});
