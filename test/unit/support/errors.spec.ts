import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { MastershipLostError } from '../../../src/zookeeper/mastership/election/errors.js';
import { messageOf, stackOf } from '../../../src/zookeeper/support/errors.js';

const refused = (host: string): Error => Object.assign(new Error(`connect ECONNREFUSED ${host}:5432`), { code: 'ECONNREFUSED' });

describe('what was thrown, in words', () => {
  it.each<[string, unknown, string]>([
    ['an error', new Error('no paper'), 'no paper'],
    [
      'an aggregate without a message',
      new AggregateError([refused('::1'), refused('127.0.0.1')], ''),
      'AggregateError (connect ECONNREFUSED ::1:5432; connect ECONNREFUSED 127.0.0.1:5432)',
    ],
    [
      'an error whose cause says what is wrong',
      new TypeError('fetch failed', { cause: refused('::1') }),
      'fetch failed (cause: connect ECONNREFUSED ::1:5432)',
    ],
    ['a chain of causes', new Error('a', { cause: new Error('b', { cause: 'c' }) }), 'a (cause: b (cause: c))'],
    [
      'a cause that is an aggregate',
      new Error('x', { cause: new AggregateError([refused('::1')], '') }),
      'x (cause: AggregateError (connect ECONNREFUSED ::1:5432))',
    ],
    ['a cause that is no error', new Error('x', { cause: { status: 503 } }), 'x (cause: { status: 503 })'],
    ['a cause that the message tells already', new Error('x: boom', { cause: new Error('boom') }), 'x: boom'],
    ['a code that the message does not name', Object.assign(new Error('duplicate key'), { code: '23505' }), 'duplicate key [23505]'],
    ['many equal errors', new AggregateError([new Error('e'), new Error('e')], 'all failed'), 'all failed'],
    [
      'many errors',
      new AggregateError(
        [1, 2, 3, 4, 5, 6, 7].map((each) => new Error(`no ${each}`)),
        'x',
      ),
      'x (no 1; no 2; no 3; no 4; no 5; and 2 more errors)',
    ],
    ['an error without a message', new RangeError(''), 'RangeError'],
    ['an error of another realm', runInNewContext('new Error("far away", { cause: new Error("here") })'), 'far away (cause: here)'],
    ['undefined', undefined, 'undefined'],
    ['null', null, 'null'],
    ['a text', 'boom', 'boom'],
    ['an empty text', '', "''"],
    ['an object', { status: 503 }, '{ status: 503 }'],
    ['a symbol', Symbol('x'), 'Symbol(x)'],
  ])('%s', (_what, thrown, text) => {
    expect(messageOf(thrown)).toBe(text);
  });

  it('never goes round in circles, and follows no chain without an end', () => {
    const round = new Error('round');
    round.cause = new Error('and', { cause: round });
    expect(messageOf(round)).toBe('round (cause: and)');
    let deep = new Error('level 100');
    for (let level = 99; level >= 0; level -= 1) deep = new Error(`level ${level}`, { cause: deep });
    expect(messageOf(deep)).toMatch(/^level 0 \(cause: level 1 .*level 4/);
    expect(messageOf(deep)).not.toContain('level 10');
  });

  it('is cut to size, with room for the inner errors, and never within a character', () => {
    const long = new Error('a'.repeat(5_000), { cause: refused('::1') });
    expect(messageOf(long)).toHaveLength(4_000);
    expect(messageOf(long, 400)).toMatch(/^a{200,} \(cause: connect ECONNREFUSED ::1:5432\)$/);
    expect(messageOf('x'.repeat(399) + '\u{1F600}', 400)).toBe('x'.repeat(399));
    expect(messageOf(new Error('x', { cause: new Error('b'.repeat(10_000)) }), 400).length).toBeLessThanOrEqual(400);
  });

  it('survives whatever was thrown', () => {
    const hostile = new Proxy(new Error('x'), {
      get: () => {
        throw new Error('no');
      },
    });
    expect(messageOf(hostile)).not.toBe('');
    expect(messageOf(Object.create(null))).not.toBe('');
    expect(() => stackOf(hostile)).not.toThrow();
  });

  it('has the stacks of the inner errors in the stack for the log', () => {
    const stack = stackOf(new AggregateError([refused('::1')], '', { cause: new Error('inner') }));
    expect(stack).toMatch(/ECONNREFUSED ::1:5432\n\s+at /);
    expect(stack).toMatch(/Error: inner\n\s+at /);
  });
});

it('writes an error of this library as JSON, with its facts, also where one is a bigint', () => {
  expect(JSON.parse(JSON.stringify(new MastershipLostError('Bank:1', 7n, 'x')))).toEqual({
    name: 'MastershipLostError',
    code: 'ZK_MASTERSHIP_LOST',
    message: expect.stringContaining('ZK_MASTERSHIP_LOST: The mastership of "Bank:1"') as string,
    election: 'Bank:1',
    token: '7',
  });
});
