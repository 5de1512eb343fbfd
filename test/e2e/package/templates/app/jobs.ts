import { Injectable } from '@nestjs/common';
import { Cron } from '@nestjs/schedule';
import { type JobRun, MasterOnly } from 'nestjs-cluster-cron';

/** Writes one line of JSON per entry, which the test reads. */
@Injectable()
export class Ledger {
  post(entry: { readonly event: string; readonly token: string }): void {
    console.log(JSON.stringify(entry));
  }
}

@Injectable()
export class Jobs {
  constructor(private readonly ledger: Ledger) {}

  @Cron('* * * * * *', { name: 'post-interest' })
  @MasterOnly()
  async post(run: JobRun): Promise<string> {
    run.assertMaster();
    this.ledger.post({ event: 'started', token: String(run.fencingToken) });
    await Promise.resolve();
    this.ledger.post({ event: 'ended', token: String(run.fencingToken) });
    return run.job;
  }
}
