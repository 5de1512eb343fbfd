import { Module } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import { ClusterJobsAdminModule, ZookeeperModule } from 'nestjs-cluster-cron';
import { CacheController } from './cache.controller';
import { CleanupJob } from './cleanup.job';

const { env } = process;

/** Of an Express request, what is looked at. */
interface Request {
  readonly headers: { readonly authorization?: string };
}

const isAdmin = ({ headers }: Request): boolean =>
  env['ADMIN_TOKEN'] !== undefined && headers.authorization === `Bearer ${env['ADMIN_TOKEN']}`;

/** The same for both kinds of process: a web process has the jobs in its code, too, and never runs them. */
@Module({
  imports: [
    ScheduleModule.forRoot(),
    ZookeeperModule.forRoot({
      connectString: env['ZOOKEEPER_CONNECT'] ?? '127.0.0.1:2181',
      service: 'ShopService',
      version: '1.0.0',
      address: env['SERVICE_ADDRESS'],
      // Web processes come and go with the load, and are busy: they look, and never become master.
      candidate: env['ROLE'] === 'worker',
    }),
    // Below /cluster-jobs. Without `access` it refuses everybody.
    ClusterJobsAdminModule.forRoot({ access: (request: Request) => (isAdmin(request) ? 'all' : false), by: () => 'the admin page' }),
  ],
  controllers: [CacheController],
  providers: [CleanupJob],
})
export class AppModule {}
