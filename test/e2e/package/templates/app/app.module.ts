import { Module } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import { ZookeeperModule } from 'nestjs-cluster-cron';
import { Jobs, Ledger } from './jobs.js';

@Module({
  imports: [
    ScheduleModule.forRoot(),
    ZookeeperModule.forRootAsync({
      useFactory: () => ({
        connectString: process.env['CONNECT'] ?? '127.0.0.1:1',
        service: 'ScratchService',
        version: '1.0.0',
        rootPath: process.env['ROOT'],
        address: process.env['ADDRESS'] ?? '127.0.0.1:9090',
      }),
    }),
  ],
  providers: [Jobs, Ledger],
})
export class AppModule {}

/** The mistake of forgetting ZookeeperModule. */
@Module({ imports: [ScheduleModule.forRoot()], providers: [Jobs, Ledger] })
export class ForgetfulModule {}
