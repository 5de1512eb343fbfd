// One replica. Environment: ZOOKEEPER_CONNECT, SERVICE_ADDRESS (host:port of this replica),
// LISTEN_PORT (the same for all).
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ScheduleModule } from '@nestjs/schedule';
import { ZookeeperModule } from 'nestjs-cluster-cron';
import { Receiver } from './receiver.js';

@Module({
  imports: [
    ScheduleModule.forRoot(),
    ZookeeperModule.forRoot({
      connectString: process.env['ZOOKEEPER_CONNECT'] ?? '127.0.0.1:2181',
      service: 'ReceiverService',
      version: '1.0.0',
      address: process.env['SERVICE_ADDRESS'],
    }),
  ],
  providers: [Receiver],
})
class AppModule {}

const app = await NestFactory.createApplicationContext(AppModule);
app.enableShutdownHooks();
