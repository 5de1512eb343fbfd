import { type DynamicModule, Module } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';

import { AccountsController } from './accounts/accounts.controller.js';
import { Ledger } from './accounts/ledger.js';
import { Outbox } from './accounts/outbox.js';
import type { AppConfig } from './app.config.js';
import { InterestJob } from './jobs/interest.job.js';
import { RatesJob } from './jobs/rates.job.js';
import { RunLog } from './jobs/run-log.js';
import { StatementsJob } from './jobs/statements.job.js';
import { MastershipLog } from './status/mastership-log.js';
import { JobsController } from './status/jobs.controller.js';
import { APP_CONFIG, StatusController } from './status/status.controller.js';
import { ZookeeperModule } from '../index.js';

/** The account service. */
@Module({})
export class AppModule {
  static forRoot(config: AppConfig): DynamicModule {
    return {
      module: AppModule,
      imports: [ScheduleModule.forRoot(), ZookeeperModule.forRoot(config.zookeeper)],
      controllers: [AccountsController, JobsController, StatusController],
      providers: [{ provide: APP_CONFIG, useValue: config }, Ledger, Outbox, RunLog, MastershipLog, InterestJob, StatementsJob, RatesJob],
    };
  }
}
