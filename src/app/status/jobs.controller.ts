import { Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';

import { ClusterJobs } from '../../index.js';

/** The jobs of the service, from any replica. A real service puts a guard in front of the orders. */
@Controller('jobs')
export class JobsController {
  constructor(private readonly jobs: ClusterJobs) {}

  @Get()
  async list(): Promise<unknown> {
    return plain(await this.jobs.list());
  }

  @Get(':job/verdicts')
  async verdicts(@Param('job') job: string): Promise<unknown> {
    return plain(await this.jobs.verdicts(job));
  }

  /** `GET /jobs/interest/why?tick=2026-11-21T02:00:00Z` */
  @Get(':job/why')
  why(@Param('job') job: string, @Query('tick') tick: string): Promise<string> {
    return this.jobs.why(job, new Date(tick));
  }

  @Post(':job/pause')
  @HttpCode(204)
  async pause(@Param('job') job: string): Promise<void> {
    await this.jobs.pause(job);
  }

  @Post(':job/resume')
  @HttpCode(204)
  async resume(@Param('job') job: string): Promise<void> {
    await this.jobs.resume(job);
  }

  @Post(':job/trigger')
  @HttpCode(202)
  async trigger(@Param('job') job: string): Promise<unknown> {
    return plain(await this.jobs.trigger(job));
  }
}

/** JSON knows no bigint: tokens become text. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? each.toString() : each)));
}
