import { expect, it } from 'vitest';
import { HeldLock } from '../../../../src/zookeeper/recipes/locks/held-lock.js';
import type { LeaseKeeper } from '../../../../src/zookeeper/session/lease.js';
import { believable, type Lease } from '../../../../src/zookeeper/session/lease.js';
import type { Session } from '../../../../src/zookeeper/session/session.js';
import { HandClock } from '../../mastership/hand-clock.js';

it('stays lost when a renewal is acknowledged in the moment after its lease, before any timer has run', () => {
  const clock = new HandClock();
  const leaseFromNow = (): Lease => ({ sentAtMs: clock.monotonicMs(), sentWallMs: clock.wallMs(), lengthMs: 1_000 });
  const keeper = {
    hold: () => () => undefined,
    next: () => 1,
    isBelievable: (lease: Lease) => believable(lease, clock.monotonicMs(), clock.wallMs()),
  } as unknown as LeaseKeeper;
  const session = { ended: new AbortController().signal, get: () => new Promise(() => undefined), unwatch: () => undefined };
  const place = { name: 'a', path: '/a', root: undefined };
  const won = { place, path: '/a/b', fencingToken: 1n, lease: leaseFromNow(), giveUp: () => Promise.resolve() };
  const lock = new HeldLock(won, keeper, session as unknown as Session, {
    clock,
    observer: { observe: () => undefined },
    sightings: {} as never,
    address: 'a:1',
  });
  let told = 0;
  lock.signal.addEventListener('abort', () => (told += 1));
  clock.pass(900);
  lock.renewed(leaseFromNow());
  clock.stall(999);
  expect(lock.held).toBe(true);
  clock.stall(1);
  expect(lock.held).toBe(false);
  lock.renewed(leaseFromNow());
  expect([lock.held, told]).toEqual([false, 1]);
});
