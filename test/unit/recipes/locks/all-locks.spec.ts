import { beforeEach, expect, it } from 'vitest';
import { acquireAll } from '../../../../src/zookeeper/recipes/locks/all-locks.js';
import type { LockName, LockSet, LockWait } from '../../../../src/zookeeper/recipes/locks/lock.js';
import { ProcessLocks } from '../../../../src/zookeeper/recipes/locks/process-locks.js';
import { systemClock } from '../../../../src/zookeeper/support/clock.js';
import { failureOf } from '../../../support/eventually.js';

let locks: ProcessLocks;

beforeEach(() => (locks = new ProcessLocks(systemClock, 'h:1', '/soa')));

const all = (names: readonly LockName[], wait: LockWait = {}): Promise<LockSet> => acquireAll(locks, systemClock, names, wait);
const isFree = async (name: LockName): Promise<boolean> => (await locks.inspect(name)).holder === undefined;

it('holds all of them, in the order in which they were named, until they are released', async () => {
  const set = await all(['b', { path: '/a' }, 'a']);
  expect(set.locks.map(({ name }) => name)).toEqual(['b', '/a', 'a']);
  expect([set.held, set.signal.aborted, await isFree('a'), await isFree({ path: '/a' })]).toEqual([true, false, false, false]);
  await set.release();
  await set.release();
  expect([set.held, set.signal.aborted, await isFree('a'), await isFree('b')]).toEqual([false, true, true, true]);
  expect(() => set.assertHeld()).toThrow(expect.objectContaining({ code: 'ZK_LOCK_LOST' }));
});

it('takes them in the order of their paths, so that two who name them in different orders both get them', async () => {
  const taken: string[] = [];
  const { acquire } = locks;
  locks.acquire = (name, wait) => {
    taken.push(JSON.stringify(name));
    return acquire.call(locks, name, wait);
  };
  const both = [all(['c', 'a', 'b']), all(['b', 'c', 'a'])];
  for (const set of both) await (await set).release();
  expect(taken.filter((_, index) => taken.indexOf(taken[index] ?? '') === index)).toEqual(['"a"', '"b"', '"c"']);
});

it('gives all back when one refuses, and tells of that one', async () => {
  await using _ = await locks.acquire('b', {});
  expect(await failureOf(all(['c', 'b', 'a'], { waitMs: 0 }))).toMatchObject({ code: 'ZK_LOCK_BUSY', lock: 'b' });
  expect(await failureOf(all(['c', 'b', 'a'], { waitMs: 10 }))).toMatchObject({ code: 'ZK_LOCK_BUSY', lock: 'b' });
  expect([await isFree('a'), await isFree('c')]).toEqual([true, true]);
});

it('gives all back when it is aborted while it waits', async () => {
  await using _ = await locks.acquire('b', {});
  const controller = new AbortController();
  const waiting = failureOf(all(['a', 'b'], { signal: controller.signal }));
  controller.abort(new Error('enough'));
  expect(await waiting).toMatchObject({ message: 'enough' });
  expect(await isFree('a')).toBe(true);
  expect(await failureOf(all(['a'], { signal: controller.signal }))).toMatchObject({ message: 'enough' });
});

it('is not held any more once one of them is released, and tells so', async () => {
  await using set = await all(['a', 'b']);
  let told: unknown;
  set.signal.addEventListener('abort', () => (told = set.signal.reason));
  await set.locks[1]?.release();
  expect([set.held, set.signal.aborted]).toEqual([false, true]);
  expect(told).toMatchObject({ code: 'ZK_LOCK_LOST', lock: 'b' });
  expect(set.locks[0]?.held).toBe(true);
});

it('gives all back at the end of the block', async () => {
  {
    await using set = await all(['a', 'b']);
    expect(set.held).toBe(true);
  }
  expect([await isFree('a'), await isFree('b')]).toEqual([true, true]);
});

it.each([
  ['no list', 'a' as never, {}],
  ['an empty list', [], {}],
  ['too many', Array.from({ length: 101 }, (_, i) => `n-${i}`), {}],
  ['one twice', ['a', { path: '/soa/locks/../locks/a' }], {}],
  ['one twice by its name', ['a', 'b', 'a'], {}],
  ['a name that cannot be used', ['a', ''], {}],
  ['a wait that cannot be used', ['a'], { waitMs: -1 }],
])('refuses %s, and takes nothing', async (_, names, wait) => {
  expect(await failureOf(all(names, wait))).toMatchObject({ code: 'ZK_BAD_LOCK' });
  expect(await isFree('a')).toBe(true);
});
