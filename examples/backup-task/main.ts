// One server of the backup task. Environment: ZOOKEEPER_CONNECT, SERVER_ADDRESS (host:port), BACKUP_SOURCE,
// BACKUP_COPY; BACKUP_STEP_BYTES (default 65536), ZOOKEEPER_SESSION_TIMEOUT_MS (default 10000).
import 'reflect-metadata';
import { ConsoleLogger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ScheduleModule } from '@nestjs/schedule';
import { ZookeeperModule } from 'nestjs-cluster-cron';
import { BACKUP_FILES, BackupJob } from './backup.job.js';
import { Monitor } from './monitor.js';

const { env } = process;

@Module({
  imports: [
    ScheduleModule.forRoot(),
    ZookeeperModule.forRoot({
      connectString: env['ZOOKEEPER_CONNECT'],
      service: 'BackupService',
      version: '1.0.0',
      address: env['SERVER_ADDRESS'],
      sessionTimeoutMs: Number(env['ZOOKEEPER_SESSION_TIMEOUT_MS'] ?? 10_000),
    }),
  ],
  providers: [
    {
      provide: BACKUP_FILES,
      useValue: { source: env['BACKUP_SOURCE'], copy: env['BACKUP_COPY'], stepBytes: Number(env['BACKUP_STEP_BYTES'] ?? 65_536) },
    },
    BackupJob,
    Monitor,
  ],
})
class BackupModule {}

async function start(): Promise<void> {
  const app = await NestFactory.createApplicationContext(BackupModule, { logger: new ConsoleLogger({ json: true, flattenParams: true }) });
  app.enableShutdownHooks(['SIGTERM', 'SIGINT'], { useProcessExit: true });
}

void start();
