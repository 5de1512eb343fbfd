// One replica that counts in a file, which knows no transactions: a lock lets one replica in at a time.
// Environment: ZOOKEEPER_CONNECT, SERVICE_ADDRESS (host:port), COUNTER_FILE.
import 'reflect-metadata';
import { appendFile, readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { Injectable, Module, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ScheduleModule } from '@nestjs/schedule';
import { type Lock, Locks, ZookeeperModule } from 'nestjs-cluster-cron';

const { env } = process;
const FILE = env['COUNTER_FILE'] ?? 'counter.txt';

@Injectable()
class Counter implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly stopping = new AbortController();
  private counting: Promise<void> | undefined;

  constructor(private readonly locks: Locks) {}

  // Not awaited: the locks are there once the application has started.
  onApplicationBootstrap(): void {
    this.counting = this.countUntilStopped();
  }

  // The session may have ended by now, and the lock with it: then the last look has found that out.
  async onModuleDestroy(): Promise<void> {
    this.stopping.abort(new Error('the application stops'));
    await this.counting;
  }

  private async countUntilStopped(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      try {
        await this.locks.withLock('counter', (lock) => this.countOne(lock), { signal });
      } catch (thrown) {
        if (!signal.aborted) console.error(String(thrown));
      }
      await pause(20);
    }
  }

  private async countOne(lock: Lock): Promise<void> {
    const lines = await linesOf(FILE);
    const next = Number(lines.at(-1)?.split(' ')[0] ?? 0) + 1;
    // Work takes its time, in which another replica must not read the same number.
    await pause(5);
    // The last look before what cannot be undone.
    lock.assertHeld();
    await appendFile(FILE, `${next} ${lock.fencingToken} ${env['SERVICE_ADDRESS']}\n`);
    console.log(`counted ${next}`);
  }
}

async function linesOf(file: string): Promise<readonly string[]> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.split('\n').filter((line) => line !== '');
}

@Module({
  imports: [
    ScheduleModule.forRoot(),
    ZookeeperModule.forRoot({
      connectString: env['ZOOKEEPER_CONNECT'] ?? '127.0.0.1:2181',
      service: 'CounterService',
      version: '1.0.0',
      address: env['SERVICE_ADDRESS'],
    }),
  ],
  providers: [Counter],
})
class AppModule {}

const app = await NestFactory.createApplicationContext(AppModule);
app.enableShutdownHooks();
