import { describe, expect, it } from 'vitest';
import { readWriteOf } from '../../../../src/zookeeper/recipes/locks/lock-source.js';
import { ProcessLocks } from '../../../../src/zookeeper/recipes/locks/process-locks.js';
import { semaphoreOf } from '../../../../src/zookeeper/recipes/locks/semaphore.js';
import { systemClock } from '../../../../src/zookeeper/support/clock.js';
import { failureOf } from '../../../support/eventually.js';

it('tells of each lock its own token', async () => {
  const locks = new ProcessLocks(systemClock, 'h:1', '/soa');
  const first = await locks.acquire('first', {});
  const second = await locks.acquire('second', {});
  expect((await locks.inspect('first')).holder?.token).toBe(first.fencingToken);
  expect((await locks.inspect('second')).holder?.token).toBe(second.fencingToken);
});

it('asks whoever holds it, and nobody else, to release it', async () => {
  const locks = new ProcessLocks(systemClock, 'h:1', '/soa');
  expect(await locks.requestRevocation('x')).toBe(0);
  const held = await locks.acquire('x', {});
  const waiting = locks.acquire('x', {});
  const inner = held.reenter();
  expect(await locks.requestRevocation('x')).toBe(1);
  expect([held.revocationRequested.aborted, inner.revocationRequested.aborted, held.held]).toEqual([true, true, true]);
  expect(held.revocationRequested.reason).toMatchObject({ code: 'ZK_LOCK_REVOCATION', lock: 'x' });
  await held.release();
  expect(inner.held).toBe(true);
  await inner.release();
  expect((await waiting).revocationRequested.aborted).toBe(false);
});

describe('of readers and writers', () => {
  const scene = () => {
    const locks = new ProcessLocks(systemClock, 'h:1', '/soa');
    return { locks, lock: readWriteOf(locks, 'x') };
  };

  it('readers share, a writer is alone, and readers behind a writer wait for it', async () => {
    const { lock, locks } = scene();
    const [a, b] = [await lock.read(), await lock.read()];
    expect(await lock.tryWrite()).toBeUndefined();
    expect(await failureOf(lock.write({ waitMs: 0 }))).toMatchObject({ code: 'ZK_LOCK_BUSY' });
    const writing = lock.write();
    expect(await lock.tryRead()).toBeUndefined();
    const reading = [lock.read(), lock.read()];
    expect(await locks.inspect('x')).toMatchObject({ holders: [{ shares: true }, { shares: true }], waitingCount: 3 });
    await a.release();
    await b.release();
    const writer = await writing;
    expect(writer.fencingToken).toBeGreaterThan(b.fencingToken);
    expect(await locks.tryAcquire('x')).toBeUndefined();
    await writer.release();
    for (const reader of await Promise.all(reading)) await reader.release();
    expect(await locks.inspect('x')).toMatchObject({ holder: undefined, waitingCount: 0 });
  });

  it('a writer goes on as a reader, and readers behind it come in, but no writer', async () => {
    const { lock } = scene();
    const writer = await lock.write();
    const [reading, writing, late] = [lock.read(), lock.write(), lock.read()];
    const reader = await writer.downgrade();
    expect([writer.held, writer.signal.aborted, reader.held]).toEqual([false, true, true]);
    await writer.release();
    expect(reader.held).toBe(true);
    expect(reader.fencingToken).toBeGreaterThan(writer.fencingToken);
    await (await reading).release();
    expect(await lock.tryRead()).toBeUndefined();
    await reader.release();
    await (await writing).release();
    await (await late).release();
    expect(await failureOf(writer.downgrade())).toMatchObject({ code: 'ZK_LOCK_LOST' });
  });

  it('one who waits and gives up does not hold those behind it up', async () => {
    const { lock } = scene();
    await using _ = await lock.read();
    const controller = new AbortController();
    const writing = failureOf(lock.write({ signal: controller.signal }));
    const reading = lock.read();
    controller.abort(new Error('enough'));
    expect(await writing).toMatchObject({ message: 'enough' });
    await (await reading).release();
  });

  it('answers what the work answers', async () => {
    const { lock } = scene();
    expect(await lock.withRead(({ held }) => held)).toBe(true);
    expect(await lock.withWrite(async (writer) => (await writer.downgrade()).held)).toBe(true);
  });
});

describe('of permits', () => {
  const scene = (permits = 2) => semaphoreOf(new ProcessLocks(systemClock, 'h:1', '/soa'), 'x', permits);

  it('so many hold one, others wait in the order of their calls, also for several at once', async () => {
    const semaphore = scene();
    const [a, b] = [await semaphore.acquire(), await semaphore.acquire()];
    expect(await semaphore.tryAcquire()).toBeUndefined();
    expect(await failureOf(semaphore.acquire({ waitMs: 0 }))).toMatchObject({ code: 'ZK_LOCK_BUSY' });
    const both = semaphore.acquireMany(2);
    const last = semaphore.acquire();
    expect(await semaphore.inspect()).toMatchObject({ heldCount: 2, waitingCount: 2 });
    await a.release();
    await a.release();
    expect(await semaphore.inspect()).toMatchObject({ heldCount: 1, waitingCount: 2 });
    await b.release();
    const set = await both;
    expect([set.held, set.locks.length]).toEqual([true, 2]);
    await set.locks[0]?.release();
    await (await last).release();
    await set.release();
    expect(await semaphore.inspect()).toEqual({ holders: [], heldCount: 0, waiting: [], waitingCount: 0 });
    expect(await semaphore.withPermit(({ held }) => held)).toBe(true);
  });

  it('whoever waits gets one when there are more, and who gives up holds nobody up', async () => {
    const semaphore = scene(1);
    await using _ = await semaphore.acquire();
    const controller = new AbortController();
    const given = failureOf(semaphore.acquire({ signal: controller.signal }));
    const waiting = semaphore.acquire();
    controller.abort(new Error('enough'));
    expect(await given).toMatchObject({ message: 'enough' });
    semaphore.resize(2);
    expect(semaphore.permits).toBe(2);
    await (await waiting).release();
  });

  it.each([0, 501, 1.5, '3' as never])('refuses %s permits', (permits) => {
    expect(() => scene(permits)).toThrow(expect.objectContaining({ code: 'ZK_BAD_LOCK' }));
    expect(() => scene().resize(permits)).toThrow(expect.objectContaining({ code: 'ZK_BAD_LOCK' }));
  });

  it('refuses to take none at once, or more than there are', async () => {
    for (const count of [0, 3, 1.5]) expect(await failureOf(scene().acquireMany(count))).toMatchObject({ code: 'ZK_BAD_LOCK' });
  });
});
