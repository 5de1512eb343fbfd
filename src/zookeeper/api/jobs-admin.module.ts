import { Controller, type DynamicModule, Module, UseFilters, UseGuards } from '@nestjs/common';
import { ClusterCronExceptionFilter } from './cluster-cron.filter.js';
import { ClusterJobsAdmin } from './jobs-admin.controller.js';
import { AdminGuard } from './jobs-admin.guard.js';
import { ADMIN_OPTIONS, checkAdminOptions, type ClusterJobsAdminOptions } from './jobs-admin.options.js';

const DEFAULT_PATH = 'cluster-jobs';

/**
 * `ClusterJobs` over HTTP, for whoever operates the service: `GET jobs`, `GET jobs/:job/verdicts` (`?limit=`),
 * `history` and `why` (`?tick=`), and `POST jobs/:job/trigger`, `pause`, `resume` and `reschedule`, below `path`. Any
 * replica answers. Closed by default: without `access` every request is refused (403), and boot says so. Errors have
 * their HTTP status, with `code` and `message`. Import it beside `ZookeeperModule`.
 *
 * A browser sends its cookies with requests that other sites make it send: where `access` goes by a cookie, that cookie
 * must be `SameSite`, or the application guarded against such requests otherwise.
 */
@Module({})
export class ClusterJobsAdminModule {
  /**
   * The routes, for the `imports` of a module beside `ZookeeperModule`. Without `access` each
   * of them refuses everybody.
   * @throws {TypeError} for options that it does not know, or that are of another type.
   */
  static forRoot(options: ClusterJobsAdminOptions = {}): DynamicModule {
    checkAdminOptions(options);

    @Controller(options.path ?? DEFAULT_PATH)
    @UseGuards(AdminGuard)
    @UseFilters(ClusterCronExceptionFilter)
    class ClusterJobsAdminController extends ClusterJobsAdmin {}

    return {
      module: ClusterJobsAdminModule,
      controllers: [ClusterJobsAdminController],
      providers: [{ provide: ADMIN_OPTIONS, useValue: options }],
    };
  }
}
