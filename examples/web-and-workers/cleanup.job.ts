import { Injectable } from '@nestjs/common';
import { Cron } from '@nestjs/schedule';
import { type JobRun, MasterOnly } from 'nestjs-cluster-cron';

@Injectable()
export class CleanupJob {
  /** At night, and whenever the admin page asks for it; what it returns is the `result` of that request. */
  @Cron('0 0 3 * * *', { name: 'cleanup', timeZone: 'Europe/Berlin' })
  @MasterOnly()
  clean(run: JobRun): { readonly removed: number; readonly cause: string } {
    return { removed: 3, cause: run.cause };
  }
}
