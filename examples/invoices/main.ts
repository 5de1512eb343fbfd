// One replica. Environment: ZOOKEEPER_CONNECT, SERVICE_ADDRESS (host:port of this replica), INVOICES_FILE (shared by
// all replicas), ZOOKEEPER_SESSION_TIMEOUT_MS (default 10000).
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ScheduleModule } from '@nestjs/schedule';
import { ZookeeperModule } from 'nestjs-cluster-cron';
import { Invoices } from './database.js';
import { InvoiceJob } from './invoice.job.js';

const { env } = process;

@Module({
  imports: [
    ScheduleModule.forRoot(),
    ZookeeperModule.forRoot({
      connectString: env['ZOOKEEPER_CONNECT'] ?? '127.0.0.1:2181',
      service: 'InvoiceService',
      version: '1.0.0',
      address: env['SERVICE_ADDRESS'],
      sessionTimeoutMs: Number(env['ZOOKEEPER_SESSION_TIMEOUT_MS'] ?? 10_000),
    }),
  ],
  providers: [Invoices, InvoiceJob],
})
class AppModule {}

const app = await NestFactory.createApplicationContext(AppModule);
app.enableShutdownHooks();
