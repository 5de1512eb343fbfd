// A service with one job, without ZooKeeper: this process is master of everything. See README.md for the
// two lines that change that.
import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Cron, ScheduleModule } from '@nestjs/schedule';
import { type JobRun, MasterOnly, ZookeeperModule } from 'nestjs-cluster-cron';

@Injectable()
class GreetingJob {
  @Cron('* * * * * *', { name: 'greeting' })
  @MasterOnly()
  greet(run: JobRun): void {
    console.log(`good day, for the tick of ${run.scheduledTime?.toISOString()}`);
  }
}

@Module({
  imports: [ScheduleModule.forRoot(), ZookeeperModule.forRoot({ service: 'GreetingService', version: '1.0.0', standalone: true })],
  providers: [GreetingJob],
})
class AppModule {}

const app = await NestFactory.createApplicationContext(AppModule);
app.enableShutdownHooks();
