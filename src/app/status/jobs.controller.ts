import { Controller, Get, HttpCode, Param, Post, Query, UseFilters } from '@nestjs/common';

import { ClusterCronExceptionFilter, ClusterJobs, type JobStatus, type JobVerdict, type Triggered } from '../../index.js';

/**
 * The jobs of the service, from any replica. A real service puts a guard in front of the orders. An unknown job is 404,
 * a bad argument 400, and so on: without the filter each of them is 500.
 */
@Controller('jobs')
@UseFilters(ClusterCronExceptionFilter)
export class JobsController {
  constructor(private readonly jobs: ClusterJobs) {}

  @Get()
  list(): Promise<JobStatus[]> {
    return this.jobs.list();
  }

  @Get(':job/verdicts')
  verdicts(@Param('job') job: string): Promise<JobVerdict[]> {
    return this.jobs.verdicts(job);
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
  trigger(@Param('job') job: string): Promise<Triggered> {
    return this.jobs.trigger(job);
  }
}
