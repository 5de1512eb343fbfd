import { Injectable } from '@nestjs/common';
import { Cron } from '@nestjs/schedule';

import { RunLog } from './run-log.js';
import { type JobRun, MasterOnly } from '../../index.js';
import { Ledger } from '../accounts/ledger.js';
import { Outbox } from '../accounts/outbox.js';

/** Mails a statement to every customer: every five seconds, so that there is something to watch. */
@Injectable()
export class StatementsJob {
  constructor(
    private readonly ledger: Ledger,
    private readonly outbox: Outbox,
    private readonly runs: RunLog,
  ) {}

  @Cron('*/5 * * * * *', { name: 'statements' })
  @MasterOnly()
  send(run: JobRun): Promise<void> {
    return this.runs.record(run, async () => {
      let sent = 0;
      for (const account of this.ledger.accounts()) {
        // A mail cannot be taken back and carries no token, so ask again before each one.
        run.assertMaster();
        // The signal aborts the wait when mastership ends, or when a shutdown has waited for long enough.
        await this.outbox.sendStatement(account, run.signal);
        sent += 1;
      }
      return `mailed ${sent} statements`;
    });
  }
}
