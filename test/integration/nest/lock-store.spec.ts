import type { BeforeApplicationShutdown, OnModuleDestroy } from '@nestjs/common';
import { Injectable, Module } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { ZookeeperClient, ZookeeperModule } from '../../../src/index.js';
import { ZookeeperLockStore } from '../../../src/locks.js';
import { ZookeeperTestingModule } from '../../../src/testing.js';
import * as nestLocks from '../../support/nest-locks.js';
import { startProxy } from '../../support/proxy.js';
import { startAdmin } from '../../support/admin.js';
import { startServer, type ZooKeeperServer } from '../../support/zookeeper.js';
import { boot, closeAll } from './app.js';

let server: ZooKeeperServer;
beforeAll(async () => void (server = await startServer()));
afterAll(async () => await server?.dispose());
afterEach(closeAll);

/** Gives back at the times at which `@nestjs/locks` does, as its documentation says. */
@Injectable()
class LocksStorage extends nestLocks.LocksStorage implements OnModuleDestroy, BeforeApplicationShutdown {
  readonly given: unknown[] = [];

  async onModuleDestroy(): Promise<void> {
    this.given.push(await this.store?.release('lease', 'me'));
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.given.push(await this.store?.release('run', 'me'));
  }
}

@Module({ providers: [LocksStorage], exports: [LocksStorage] })
class StandInForLocksModule {}

const application = (connectString = server.connectString): ReturnType<typeof ZookeeperModule.forRoot> =>
  ZookeeperModule.forRoot({ connectString, service: 'Shop', version: '1', address: '127.0.0.1:1', candidate: false });
const providers = [ZookeeperLockStore.registeredIn(LocksStorage)];

it('registers itself, and serves until the locks were given back at the shutdown of the application', async () => {
  await using admin = await startAdmin(server.connectString);
  const { app } = await boot({ imports: [application(), StandInForLocksModule], providers });
  const storage = app.get(LocksStorage);
  expect(storage.store).toBe(app.get(ZookeeperLockStore));
  for (const key of ['lease', 'run']) expect(await storage.store?.acquire(key, 'me', 600_000)).toMatchObject({ acquired: true });
  const { app: other } = await boot({ imports: [application(), StandInForLocksModule], providers });
  expect(await other.get(ZookeeperLockStore).acquire('lease', 'other', 600_000)).toEqual({ acquired: false });
  expect(await admin.children('/soa/lock-store')).toEqual(['=lease', '=run']);
  await app.close();
  expect(storage.given).toEqual([true, true]);
  expect(await admin.children('/soa/lock-store')).toEqual([]);
  await expect(storage.store?.acquire('late', 'me', 1)).rejects.toMatchObject({ code: 'ZK_NOT_CONNECTED' });
});

it('makes no session before its first call', async () => {
  await using link = await startProxy(server);
  const { app } = await boot({ imports: [application(link.connectString), StandInForLocksModule], providers });
  await app.get(ZookeeperClient).exists('/');
  expect(link.connections.accepted).toBe(1);
  await app.get(ZookeeperLockStore).renew('key', 'me', 1);
  expect(link.connections.accepted).toBe(2);
  // Before the link goes.
  await closeAll();
});

it.each([
  ['standalone', () => ZookeeperModule.forRoot({ standalone: true, service: 'Shop', version: '1' })],
  ['in the testing kit', () => ZookeeperTestingModule.forRoot({ master: true })],
])('is of this process %s', async (_, imported) => {
  const { app } = await boot({ imports: [imported(), StandInForLocksModule], providers });
  const store = app.get(ZookeeperLockStore);
  const first = await store.acquire('key', 'a', 60_000);
  expect(first).toMatchObject({ acquired: true });
  expect(await store.acquire('key', 'b', 60_000)).toEqual({ acquired: false });
  expect([await store.renew('key', 'a', 60_000), await store.release('key', 'a')]).toEqual([true, true]);
});
