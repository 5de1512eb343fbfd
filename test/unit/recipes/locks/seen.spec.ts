// What the long runs of processes are judged by.
import { expect, it } from 'vitest';
import { crowds, overlaps, type LockHolder } from '../../../support/lock-holder/lock-holder.js';

type Seen = readonly [token: number, first: number, last: number, shares?: boolean];

function holder(address: string, ...seen: readonly Seen[]): LockHolder {
  const messages = seen.map(([token, first, last, shares = false]) => ({ k: 'held', token: String(token), first, last, shares }));
  return { address, process: { messages } } as unknown as LockHolder;
}

it('tells of two who held it at once, or in another order than that of their tokens, unless both share it', () => {
  expect(overlaps([holder('a', [1, 10, 20], [3, 40, 50]), holder('b', [2, 20, 40], [4, 50, 60])])).toEqual([]);
  expect(overlaps([holder('a', [1, 10, 30]), holder('b', [2, 20, 40])])).toEqual([expect.stringContaining('a with 1 was seen')]);
  expect(overlaps([holder('a', [2, 10, 20]), holder('b', [1, 30, 40])])).toHaveLength(1);
  const readers = [holder('a', [1, 10, 30, true]), holder('b', [2, 20, 40, true])];
  expect(overlaps(readers)).toEqual([]);
  expect(overlaps([...readers, holder('c', [3, 35, 50])])).toEqual([expect.stringContaining('b with 2')]);
  expect(
    overlaps([holder('c', [1, 5, 15]), ...readers.map(({ process }, index) => ({ address: `r${index}`, process }) as LockHolder)]),
  ).toEqual([]);
  expect(overlaps([holder('c', [1, 5, 15]), holder('r', [2, 12, 30, true])])).toEqual([expect.stringContaining('c with 1')]);
});

it('tells of more who held a permit at once than there are, of those of whom it is certain', () => {
  const two = [holder('a', [1, 10, 30]), holder('b', [2, 20, 40])];
  expect(crowds(two, 2)).toEqual([]);
  expect(crowds([...two, holder('c', [3, 31, 50])], 2)).toEqual([]);
  expect(crowds([...two, holder('c', [3, 25, 50])], 2)).toEqual(['a with 1, b with 2, c with 3 at once']);
  // Seen once: somewhere between the two.
  expect(crowds([...two, holder('c', [3, 26, 25])], 2)).toEqual([]);
});
