import { Test } from '@nestjs/testing';
import { expect, it } from 'vitest';
import { Counters, ZookeeperModule, type ZookeeperModuleOptions } from '../../../src/index.js';
import { ZookeeperTestingModule } from '../../../src/testing.js';
import { failureOf } from '../../support/eventually.js';
import { startServer } from '../../support/zookeeper.js';
import { patient } from '../recipes/counters/clients.js';

const SERVICE = { service: 'Numbers', version: '1', address: 'numbers:1' } as const;

async function applicationOf(options: Partial<ZookeeperModuleOptions>) {
  const module = ZookeeperModule.forRoot({ ...SERVICE, ...options });
  const app = (await Test.createTestingModule({ imports: [module] }).compile()).createNestApplication();
  await app.init();
  return app;
}

it('injects counters of the ensemble, which two applications share', async () => {
  await using server = await startServer();
  const { connectString } = server;
  const first = await applicationOf({ connectString });
  const second = await applicationOf({ connectString, service: 'Other' });
  try {
    expect(await patient(first.get(Counters)).counter('shared').increment()).toBe(1n);
    expect(await patient(second.get(Counters)).counter('shared').increment()).toBe(2n);
    expect(await patient(first.get(Counters)).ids('order').next()).toBe(1n);
    expect(await patient(second.get(Counters)).ids('order').nextName()).toBe('order-0000000002');
  } finally {
    await first.close();
    await second.close();
  }
  expect(await failureOf(patient(first.get(Counters)).counter('shared').increment())).toMatchObject({ code: 'ZK_NOT_CONNECTED' });
});

it.each([
  ['standalone', () => applicationOf({ standalone: true })],
  [
    'the testing kit',
    async () => {
      const app = (
        await Test.createTestingModule({ imports: [ZookeeperTestingModule.forRoot({ master: true })] }).compile()
      ).createNestApplication();
      await app.init();
      return app;
    },
  ],
])('counts within the process with %s', async (_, start) => {
  const app = await start();
  try {
    const counters = app.get(Counters);
    const counter = counters.counter('local');
    expect([await counter.get(), await counter.increment(), await counter.add(-3)]).toEqual([0n, 1n, -2n]);
    expect(await counter.compareAndSet(5, 6)).toBe(false);
    expect(await failureOf(counters.counter('small', { format: 'int32' }).set(2 ** 31))).toMatchObject({ code: 'ZK_COUNTER_RANGE' });
    expect(await failureOf(counter.increment({ signal: AbortSignal.abort(new Error('no')) }))).toMatchObject({ message: 'no' });
    expect(await Promise.all([1, 2, 3].map(() => counters.ids('id', { block: 2 }).next()))).toEqual([1n, 2n, 3n]);
    expect(() => counters.counter('')).toThrow(expect.objectContaining({ code: 'ZK_BAD_COUNTER' }));
  } finally {
    await app.close();
  }
});
