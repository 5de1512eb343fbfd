import { Controller, Get, Param, UseFilters } from '@nestjs/common';
import { afterEach, expect, it } from 'vitest';
import { ClusterCronExceptionFilter, ClusterJobs, JobRunningError, MasterOnly, ZookeeperModule } from '../../../src/index.js';
import { boot, closeAll } from './app.js';

afterEach(closeAll);

@Controller()
@UseFilters(ClusterCronExceptionFilter)
class Orders {
  constructor(private readonly jobs: ClusterJobs) {}

  @Get('pause/:job')
  pause(@Param('job') job: string): Promise<boolean> {
    return this.jobs.pause(job, { timeoutMs: 1 });
  }

  @Get('limit')
  limit(): Promise<unknown> {
    return this.jobs.verdicts('report', { limit: -1 });
  }

  @Get('guarded')
  @MasterOnly()
  guarded(): string {
    return 'done';
  }

  @Get('running')
  running(): string {
    throw new JobRunningError('report', 'skip');
  }

  @Get('bug')
  bug(): string {
    throw new TypeError('secret');
  }
}

async function answers(
  options: { readonly standalone: true } | { readonly connectString: string },
  ...paths: string[]
): Promise<unknown[]> {
  const settings = { service: 'Filtered', version: '1.0', address: '10.0.0.1:10', ...options };
  const { app } = await boot({ imports: [ZookeeperModule.forRoot(settings)], controllers: [Orders] });
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  const get = async (path: string): Promise<unknown> => {
    const response = await fetch(`${url}/${path}`);
    return { status: response.status, body: await response.json() };
  };
  return Promise.all(paths.map(get));
}

it('answers what the caller can do about an error, and not 500 for each', async () => {
  expect(await answers({ standalone: true }, 'pause/none', 'limit', 'running', 'bug')).toMatchObject([
    { status: 404, body: { statusCode: 404, code: 'ZK_UNKNOWN_JOB', message: expect.stringMatching(/^The service has no job "none"/) } },
    { status: 400, body: { code: 'ZK_BAD_ORDER' } },
    { status: 409, body: { code: 'ZK_JOB_RUNNING' } },
    { status: 500, body: { message: 'Internal server error' } },
  ]);
  expect(await answers({ connectString: '127.0.0.1:1' }, 'pause/none', 'guarded')).toMatchObject([
    { status: 503, body: { code: 'ZK_NOT_CONNECTED' } },
    { status: 421, body: { code: 'ZK_NOT_MASTER' } },
  ]);
});
