import { Controller, Get, Injectable } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  ClusterCronExceptionFilter,
  JobSetupError,
  type Lock,
  LockBusyError,
  Locks,
  WithLock,
  ZookeeperModule,
} from '../../../src/index.js';
import { ZookeeperTestingModule } from '../../../src/testing.js';
import { deferred, eventually, failureOf, within } from '../../support/eventually.js';
import { startServer, type ZooKeeperServer } from '../../support/zookeeper.js';
import { boot, closeAll } from './app.js';

let server: ZooKeeperServer;
beforeAll(async () => void (server = await startServer()));
afterAll(async () => await server?.dispose());
afterEach(closeAll);

@Injectable()
class Accounts {
  /** Who is in the method now, over all applications. */
  static readonly inside: string[] = [];
  static gate = deferred<void>();

  @WithLock((account: string) => `account-${account}`)
  async book(account: string, amount: number): Promise<string> {
    Accounts.inside.push(account);
    await Accounts.gate.promise;
    Accounts.inside.splice(Accounts.inside.indexOf(account), 1);
    return `${this.constructor.name} ${account} ${amount}`;
  }

  @WithLock('account-a', { onBusy: 'skip' })
  async skip(): Promise<string> {
    return 'ran';
  }

  @WithLock('account-a', { onBusy: 'throw' })
  async refuse(): Promise<string> {
    return 'ran';
  }

  @WithLock('account-b', { onBusy: 'skip' })
  async busyItself(): Promise<never> {
    throw new LockBusyError('another', 0, undefined);
  }
}

@Controller()
class Door {
  constructor(private readonly accounts: Accounts) {}

  @Get('refuse')
  refuse(): Promise<string> {
    return this.accounts.refuse();
  }
}

async function replica(address: string): Promise<{ accounts: Accounts; locks: Locks; url: () => Promise<string> }> {
  const options = { connectString: server.connectString, service: 'bank', version: '1', address };
  const { app } = await boot({
    imports: [ZookeeperModule.forRoot(options)],
    providers: [Accounts, { provide: APP_FILTER, useClass: ClusterCronExceptionFilter }],
    controllers: [Door],
  });
  return { accounts: app.get(Accounts), locks: app.get(Locks), url: () => app.listen(0, '127.0.0.1').then(() => app.getUrl()) };
}

describe('in applications on one ensemble', () => {
  it('@WithLock runs one call in the cluster at a time for each name, and waits, skips or throws when it is busy', async () => {
    const [one, two] = await Promise.all([replica('10.0.0.1:1'), replica('10.0.0.2:1')]);
    const first = one.accounts.book('a', 1);
    await eventually(() => expect(Accounts.inside).toEqual(['a']), { what: 'the first call' });
    const second = two.accounts.book('a', 2);
    const other = two.accounts.book('b', 3);
    await eventually(async () => expect((await one.locks.inspect('account-a')).waitingCount).toBe(1), { what: 'the second to wait' });
    await eventually(() => expect(Accounts.inside).toEqual(['a', 'b']), { what: 'the other account' });
    expect(await two.accounts.skip()).toBeUndefined();
    expect(await failureOf(two.accounts.refuse())).toMatchObject({ code: 'ZK_LOCK_BUSY', lock: 'account-a', holder: '10.0.0.1:1' });
    const response = await fetch(`${await two.url()}/refuse`);
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([503, 'ZK_LOCK_BUSY']);
    Accounts.gate.resolve();
    expect(await within(Promise.all([first, second, other]), 'all calls')).toEqual(['Accounts a 1', 'Accounts a 2', 'Accounts b 3']);
    expect(await within(one.accounts.skip(), 'a free lock')).toBe('ran');
    // What the method itself throws is not taken for a busy lock.
    expect(await failureOf(one.accounts.busyItself())).toMatchObject({ lock: 'another' });
  });

  it('Locks hands out one lock at a time, and all is gone when the application has stopped', async () => {
    const [one, two] = await Promise.all([replica('10.0.0.1:1'), replica('10.0.0.2:1')]);
    let seen: Lock | undefined;
    const answer = await one.locks.withLock('ledger', async (lock) => {
      seen = lock;
      expect([lock.held, lock.signal.aborted]).toEqual([true, false]);
      expect(await two.locks.tryAcquire('ledger')).toBeUndefined();
      return lock.fencingToken;
    });
    expect(answer).toBe(seen?.fencingToken);
    expect(seen?.held).toBe(false);
    const held = await two.locks.acquire('ledger');
    expect(held.fencingToken).toBeGreaterThan(answer);
    await closeAll();
    expect(held.held).toBe(false);
    expect(await failureOf(one.locks.acquire('ledger'))).toMatchObject({ code: 'ZK_NOT_CONNECTED' });
  });
});

describe.each([
  ['standalone', () => ZookeeperModule.forRoot({ service: 'bank', version: '1', standalone: true })],
  ['the testing kit', () => ZookeeperTestingModule.forRoot({ master: false })],
] as const)('with %s', (_name, module) => {
  it('locks are of this process: fair, and with tokens that grow', async () => {
    const { app } = await boot({ imports: [module()], providers: [Accounts] });
    const locks = app.get(Locks);
    const first = await locks.acquire('a');
    const order: number[] = [];
    const waiting = [1, 2].map((number) => locks.withLock('a', ({ fencingToken }) => (order.push(number), fencingToken)));
    expect(await locks.inspect('a')).toMatchObject({ holder: { token: first.fencingToken }, waitingCount: 2 });
    expect(await locks.tryAcquire('a')).toBeUndefined();
    expect(await failureOf(locks.acquire('a', { waitMs: 20 }))).toMatchObject({ code: 'ZK_LOCK_BUSY' });
    expect(await failureOf(locks.acquire('a', { signal: AbortSignal.abort(new Error('enough')) }))).toMatchObject({ message: 'enough' });
    await first.release();
    const [second = 0n, third = 0n] = await Promise.all(waiting);
    expect(order).toEqual([1, 2]);
    expect([first.held, second > first.fencingToken, third > second]).toEqual([false, true, true]);
    expect(await locks.inspect('a')).toMatchObject({ holder: undefined, waitingCount: 0 });
    expect(await app.get(Accounts).skip()).toBe('ran');
  });
});

describe('what cannot be', () => {
  it('is refused where it is written', () => {
    const decorate = (options: object, descriptor: object = { value: async () => undefined }): unknown =>
      (WithLock('a', options) as unknown as (target: object, key: string, descriptor: object) => void)({}, 'method', descriptor);
    expect(() => decorate({ onBusy: 'retry' })).toThrow(JobSetupError);
    expect(() => decorate({ wait: 5 })).toThrow('there is no option "wait"');
    expect(() => decorate({}, { value: 1 })).toThrow('only methods');
    expect(() =>
      (WithLock('a') as unknown as (target: object, key: string, descriptor: object) => void)(Accounts, 'x', { value: decorate }),
    ).toThrow('a static method');
  });

  it('is refused where it is called', async () => {
    const { app } = await boot({ imports: [ZookeeperModule.forRoot({ service: 'bank', version: '1', standalone: true })] });
    const locks = app.get(Locks);
    for (const name of ['', 'a/b', 'x'.repeat(201), { path: 'relative' }, { path: '/a//b' }, { path: `/${'x/'.repeat(600)}y` }, 7 as never])
      expect(await failureOf(locks.acquire(name))).toMatchObject({ code: 'ZK_BAD_LOCK' });
    for (const waitMs of [-1, NaN, 2 ** 31]) expect(await failureOf(locks.acquire('a', { waitMs }))).toMatchObject({ code: 'ZK_BAD_LOCK' });
    expect(await failureOf(locks.acquire('a', { signal: {} as AbortSignal }))).toMatchObject({ code: 'ZK_BAD_LOCK' });
    expect(await failureOf(new Accounts().skip())).toBeInstanceOf(JobSetupError);
  });
});
