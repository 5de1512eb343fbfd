import { Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { ClusterJobs, type JobStatus, type SilenceAlarm } from 'nestjs-cluster-cron';
import { Subscription } from 'rxjs';

/**
 * Watches all tasks of the service, on every server: logs how far they are, and raises the alarm when one has not
 * succeeded for longer than its `maxSilenceMs`, also when no master is left.
 */
@Injectable()
export class Monitor implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger('Monitor');
  private readonly watching = new Subscription();

  constructor(private readonly jobs: ClusterJobs) {}

  onModuleInit(): void {
    this.watching.add(this.jobs.jobs$({ everyMs: 1_000 }).subscribe((all) => all.forEach((status) => this.tell(status))));
    this.watching.add(this.jobs.alarms$().subscribe((alarm) => this.alarm(alarm)));
  }

  onModuleDestroy(): void {
    this.watching.unsubscribe();
  }

  private tell({ job, running, progress, lastVerdict }: JobStatus): void {
    const server = running[0]?.replica;
    const doing = running.length === 0 ? 'waits for its next time' : `is being worked on by ${server ?? 'nobody any more'}`;
    this.logger.log(`"${job}" ${doing}`, { event: 'task.status', job, server, progress, lastOutcome: lastVerdict?.outcome });
  }

  private alarm({ job, kind, silentSince }: SilenceAlarm): void {
    if (kind === 'raised') this.logger.error(`ALARM: "${job}" has not succeeded since ${silentSince.toISOString()}`);
    else this.logger.log(`"${job}" is well again`);
  }
}
