import { expect, it } from 'vitest';
import { ProcessBarriers } from '../../../../src/zookeeper/recipes/barriers/process-barriers.js';
import { systemClock } from '../../../../src/zookeeper/support/clock.js';
import { failureOf, within } from '../../../support/eventually.js';

const barriers = (): ProcessBarriers => new ProcessBarriers(systemClock, '/soa');

it('a barrier holds back from when it is set until it is opened', async () => {
  const barrier = barriers().barrier('b');
  await barrier.wait();
  await barrier.set();
  expect(await failureOf(barrier.wait({ waitMs: 5 }))).toMatchObject({ code: 'ZK_BARRIER_TIMEOUT', barrier: 'b' });
  const waiting = [barrier.wait(), barrier.wait()];
  await barrier.open();
  await within(Promise.all(waiting), 'it to open');
});

it('a gathering opens when the last has come, again and again', async () => {
  const source = barriers();
  for (let round = 0; round < 3; round += 1) {
    await within(Promise.all([1, 2, 3].map(() => source.gather('g', { members: 3 }))), 'all to come');
  }
  expect(await failureOf(source.gather('g', { members: 3, waitMs: 5 }))).toMatchObject({ code: 'ZK_BARRIER_TIMEOUT' });
  const controller = new AbortController();
  const waiting = failureOf(source.gather('g', { members: 3, signal: controller.signal }));
  controller.abort(new Error('enough'));
  expect(await waiting).toMatchObject({ message: 'enough' });
});

it('a double barrier is entered and left together, by as many as it has members', async () => {
  const source = barriers();
  const [a, b, c] = [source.double('d', 2), source.double('d', 2), source.double('d', 2)];
  for (let round = 0; round < 2; round += 1) {
    const first = a.enter();
    await within(Promise.all([first, b.enter()]), 'both to enter');
    expect(await failureOf(c.enter())).toMatchObject({ code: 'ZK_BARRIER_FULL' });
    expect(await failureOf(a.enter())).toMatchObject({ code: 'ZK_BAD_BARRIER' });
    const leaving = a.leave();
    expect(await failureOf(c.enter({ waitMs: 5 }))).toMatchObject({ code: 'ZK_BARRIER_TIMEOUT' });
    await within(Promise.all([leaving, b.leave()]), 'both to leave');
    expect(await failureOf(a.leave())).toMatchObject({ code: 'ZK_BAD_BARRIER' });
  }
});
