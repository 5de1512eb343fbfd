import { Readable } from 'node:stream';
import { BehaviorSubject, concat, defer, from, map, NEVER, of, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { settle } from '../../../src/zookeeper/gate/outcome.js';

const { signal } = new AbortController();
const done: string[] = [];
class Query {
  // oxlint-disable-next-line unicorn/no-thenable -- this is what query builders are
  then(resolve: (value: unknown) => void): void {
    done.push('a');
    resolve('a');
  }
}
const later = async (what: string): Promise<string> => {
  await Promise.resolve();
  done.push(what);
  return what;
};

describe('a result that stands for work still to be done is worked off', () => {
  it.each<[string, () => unknown, readonly string[]]>([
    ['a promise', () => later('a'), ['a']],
    ['an Observable', () => from(['a', 'b']).pipe(map((each) => void done.push(each))), ['a', 'b']],
    ['a promise of an Observable', async () => defer(() => later('a')), ['a']],
    ['an array of promises', () => ['a', 'b'].map(later), ['a', 'b']],
    ['an array of Observables', () => [defer(() => later('a')), 'b'], ['a']],
    [
      'a generator',
      function* () {
        done.push('a');
        yield;
        done.push('b');
      },
      ['a', 'b'],
    ],
    [
      'an async generator',
      async function* () {
        yield await later('a');
        yield await later('b');
      },
      ['a', 'b'],
    ],
    ['a stream', () => Readable.from(['a', 'b']).map((each: string) => later(each)), ['a', 'b']],
    // They begin when somebody waits.
    ['a query builder', () => new Query(), ['a']],
  ])('%s', async (_, make, expected) => {
    done.length = 0;
    const settled = settle(make(), signal);
    expect(settled).toBeInstanceOf(Promise);
    await settled;
    expect(done).toEqual(expected);
  });

  it.each<[string, () => unknown]>([
    [
      'an Observable',
      () =>
        concat(
          of(1),
          throwError(() => new Error('no')),
        ),
    ],
    [
      'a generator',
      function* () {
        yield 1;
        throw new Error('no');
      },
    ],
    ['one of an array, when all have settled', () => [Promise.reject(new Error('no')), later('after')]],
  ])('and fails as it does: %s', async (_, make) => {
    done.length = 0;
    await expect(settle(make(), signal)).rejects.toThrow('no');
    if (_.startsWith('one')) expect(done).toEqual(['after']);
  });

  it('until the signal aborts, which ends the subscription, and the generator at its next step', async () => {
    const controller = new AbortController();
    const subject = new BehaviorSubject(1);
    let steps = 0;
    async function* forever(): AsyncGenerator<number> {
      for (;;) {
        await new Promise(setImmediate);
        yield (steps += 1);
      }
    }
    const results = [settle(NEVER, controller.signal), settle(subject, controller.signal), settle(forever(), controller.signal)];
    expect(subject.observed).toBe(true);
    controller.abort(new Error('stop'));
    for (const result of results) await expect(result).rejects.toThrow('stop');
    expect(subject.observed).toBe(false);
    expect(steps).toBeLessThanOrEqual(1);
  });
});

it.each([undefined, 0, 'text', { a: 1 }, ['a'], new Map([[1, 2]]), Buffer.from('a')])('%j is done, and comes back as it is', (value) => {
  expect(settle(value, signal)).toBe(value);
});

it('refuses a function: nobody would call it', async () => {
  expect(() => settle(() => later('a'), signal)).toThrow('ZK_RUN_UNFINISHED');
  await expect(
    settle(
      Promise.resolve(() => later('a')),
      signal,
    ),
  ).rejects.toThrow('ZK_RUN_UNFINISHED');
});
