import { Injectable, Logger } from '@nestjs/common';

import type { JobRun } from '../../index.js';

/** What has become of a job's runs on this replica since it started. */
export interface RunCounts {
  started: number;
  succeeded: number;
  failed: number;
}

/** A run that has not ended yet. */
interface RunInProgress {
  readonly job: string;
  readonly firedTime: Date;
  readonly fencingToken: string;
}

/**
 * Logs when each run starts and ends, and counts. From these lines of all replicas it can be told what ran where and
 * when.
 */
@Injectable()
export class RunLog {
  private readonly logger = new Logger('Jobs');
  private readonly running = new Set<RunInProgress>();
  private readonly counts = new Map<string, RunCounts>();

  inProgress(): readonly RunInProgress[] {
    return [...this.running];
  }

  countsByJob(): Readonly<Record<string, RunCounts>> {
    return Object.fromEntries(this.counts);
  }

  /** Runs `work` between two log lines; rejects with what it throws. */
  async record(run: JobRun, work: () => Promise<string> | string): Promise<void> {
    const entry = { job: run.job, firedTime: run.firedTime, fencingToken: run.fencingToken.toString() };
    const counts = this.countsOf(run.job);
    const startedAt = new Date();
    const fields = {
      job: entry.job,
      firedTime: entry.firedTime.toISOString(),
      scheduledTime: run.scheduledTime?.toISOString(),
      fencingToken: entry.fencingToken,
      startedAt: startedAt.toISOString(),
    };
    this.running.add(entry);
    counts.started += 1;
    this.logger.log(`${run.job} starts`, { event: 'run.started', ...fields });
    try {
      const result = await work();
      counts.succeeded += 1;
      this.logger.log(`${run.job}: ${result}`, { event: 'run.ended', outcome: 'succeeded', ...fields, endedAt: new Date().toISOString() });
    } catch (thrown) {
      counts.failed += 1;
      this.logger.log(`${run.job} did not finish`, { event: 'run.ended', outcome: 'failed', ...fields, endedAt: new Date().toISOString() });
      throw thrown;
    } finally {
      this.running.delete(entry);
    }
  }

  private countsOf(job: string): RunCounts {
    const counts = this.counts.get(job) ?? { started: 0, succeeded: 0, failed: 0 };
    this.counts.set(job, counts);
    return counts;
  }
}
