import { beforeEach, expect, it } from 'vitest';
import { HeldLock } from '../../../../src/zookeeper/recipes/locks/held-lock.js';
import { LockHandle } from '../../../../src/zookeeper/recipes/locks/lock-handle.js';
import type { LeaseKeeper } from '../../../../src/zookeeper/session/lease.js';
import { believable, type Lease } from '../../../../src/zookeeper/session/lease.js';
import type { Session } from '../../../../src/zookeeper/session/session.js';
import { HandClock } from '../../mastership/hand-clock.js';

let clock: HandClock;
let hold: HeldLock;
let lock: LockHandle;
let told: number;
let released: number;

const leaseFromNow = (): Lease => ({ sentAtMs: clock.monotonicMs(), sentWallMs: clock.wallMs(), lengthMs: 1_000 });

beforeEach(() => {
  clock = new HandClock();
  const keeper = {
    hold: () => () => undefined,
    next: () => 1,
    renewNow: () => undefined,
    isBelievable: (lease: Lease) => believable(lease, clock.monotonicMs(), clock.wallMs()),
  } as unknown as LeaseKeeper;
  const session = { ended: new AbortController().signal, get: () => new Promise(() => undefined), unwatch: () => undefined };
  const place = { name: 'a', path: '/a', root: undefined, nodes: ['/a'] };
  released = 0;
  const giveUp = async (): Promise<void> => void (released += 1);
  const won = { place, path: '/a/b', fencingToken: 1n, lease: leaseFromNow(), giveUp };
  const parts = { clock, observer: { observe: () => undefined }, sightings: {} as never, address: 'a:1' };
  hold = new HeldLock(won, keeper, session as unknown as Session, parts);
  lock = new LockHandle(hold);
  told = 0;
  lock.signal.addEventListener('abort', () => (told += 1));
});

it('stays lost when a renewal is acknowledged in the moment after its lease, before any timer has run', () => {
  clock.pass(900);
  hold.renewed(leaseFromNow());
  clock.stall(999);
  expect(lock.held).toBe(true);
  clock.stall(1);
  expect(lock.held).toBe(false);
  hold.renewed(leaseFromNow());
  expect([lock.held, told]).toEqual([false, 1]);
});

it.each([
  ['held', () => lock.held],
  ['its signal', () => !lock.signal.aborted],
  ['assertHeld', () => lock.assertHeld()],
])('is lost for good once "no" was heard from the wall clock alone, by %s: held and signal agree ever after', (_, ask) => {
  clock.setWall(1_000);
  try {
    expect(ask()).toBe(false);
  } catch (thrown) {
    expect(thrown).toMatchObject({ code: 'ZK_LOCK_LOST', why: expect.stringContaining('suspended') as string });
  }
  clock.pass(1);
  hold.renewed(leaseFromNow());
  expect([lock.held, lock.signal.aborted, told]).toEqual([false, true, 1]);
});

it('goes on when the wall clock was set and nobody has asked before ZooKeeper has answered', () => {
  clock.setWall(5_000);
  clock.pass(1);
  hold.renewed(leaseFromNow());
  expect([lock.held, lock.signal.aborted, told]).toEqual([true, false, 0]);
});

it('is given up once, however often its handle is released', async () => {
  await Promise.all([lock.release(), lock.release()]);
  await lock.release();
  expect([released, lock.held, told]).toEqual([1, false, 1]);
});

it('is given up when the last of its handles is released, each of which holds until it is released itself', async () => {
  const inner = lock.reenter();
  const again = inner.reenter();
  await lock.release();
  expect([lock.held, lock.signal.aborted, inner.held, inner.signal.aborted, again.held, released]).toEqual([
    false,
    true,
    true,
    false,
    true,
    0,
  ]);
  expect(() => lock.assertHeld()).toThrow(expect.objectContaining({ code: 'ZK_LOCK_LOST', why: 'it was released' }));
  expect(() => lock.reenter()).toThrow(expect.objectContaining({ code: 'ZK_LOCK_LOST' }));
  await lock.release();
  await again.release();
  expect([inner.held, released]).toEqual([true, 0]);
  await inner.release();
  expect([inner.held, inner.fencingToken, released]).toEqual([false, 1n, 1]);
});

it('is lost for all of its handles at once', () => {
  const inner = lock.reenter();
  clock.pass(1_000);
  expect([lock.held, inner.held, lock.signal.aborted, inner.signal.aborted, told]).toEqual([false, false, true, true, 1]);
  expect(() => lock.reenter()).toThrow(expect.objectContaining({ code: 'ZK_LOCK_LOST' }));
});
