import { expect, it } from 'vitest';
import { ProcessLocks } from '../../../../src/zookeeper/recipes/locks/process-locks.js';
import { systemClock } from '../../../../src/zookeeper/support/clock.js';

it('tells of each lock its own token', async () => {
  const locks = new ProcessLocks(systemClock, 'h:1', '/soa');
  const first = await locks.acquire('first', {});
  const second = await locks.acquire('second', {});
  expect((await locks.inspect('first')).holder?.token).toBe(first.fencingToken);
  expect((await locks.inspect('second')).holder?.token).toBe(second.fencingToken);
});
