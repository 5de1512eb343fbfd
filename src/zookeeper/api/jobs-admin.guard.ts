import { type CanActivate, type ExecutionContext, ForbiddenException, Inject, Injectable } from '@nestjs/common';
import { ADMIN_OPTIONS, type ClusterJobsAdminOptions } from './jobs-admin.options.js';

/**
 * Lets a request through only if `access` says so, in one of the words that it has: anything else that it
 * answers refuses, `true` too.
 */
@Injectable()
export class AdminGuard implements CanActivate {
  constructor(@Inject(ADMIN_OPTIONS) private readonly options: ClusterJobsAdminOptions) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<{ readonly method?: unknown }>();
    const access: unknown = await this.options.access?.(request);
    if (access === 'all') return true;
    if (access !== 'read-only') throw new ForbiddenException('You have no access to the jobs.');
    // The routes are found by this very method: one that looks answers GET, and HEAD, alone.
    if (request.method === 'GET' || request.method === 'HEAD') return true;
    throw new ForbiddenException('You may only look at the jobs.');
  }
}
