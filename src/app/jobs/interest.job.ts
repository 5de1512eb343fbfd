import { Injectable } from '@nestjs/common';
import { Cron } from '@nestjs/schedule';

import { RunLog } from './run-log.js';
import { type JobRun, MasterOnly } from '../../index.js';
import { Ledger } from '../accounts/ledger.js';

/** Interest per posting: one cent for each 100 000. */
const RATE = 0.000_01;

/** Posts interest to every account: each second, so that there is something to watch. */
@Injectable()
export class InterestJob {
  constructor(
    private readonly ledger: Ledger,
    private readonly runs: RunLog,
  ) {}

  @Cron('* * * * * *', { name: 'interest' })
  @MasterOnly()
  post(run: JobRun): Promise<void> {
    return this.runs.record(run, () => {
      let totalCents = 0;
      for (const account of this.ledger.accounts()) {
        const cents = Math.round(account.balanceCents * RATE);
        // The token lets the store refuse this write when a newer master has written already.
        this.ledger.post(account.id, cents, run.fencingToken);
        totalCents += cents;
      }
      return `posted ${totalCents} cents of interest`;
    });
  }
}
