import { setTimeout as wait } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { Cron } from '@nestjs/schedule';
import { type JobRun, MasterOnly } from 'nestjs-cluster-cron';
import { Invoices } from './database.js';

/** How many customers get an invoice in each period. */
export const CUSTOMERS = 20;

/** Kept in ZooKeeper from run to run, and from replica to replica. */
interface Position {
  readonly period: string;
  readonly done: number;
}

/**
 * Writes the invoices of each period: every customer gets one for every period, also for those that fell
 * due while no replica lived.
 *
 * `misfire: 'run-all'`: each tick is a period of its own, so none may be left out. `onInterrupted`: a run that was cut
 * short is started again for the same tick, on whichever replica is master then, and goes on at the checkpoint.
 */
@Injectable()
export class InvoiceJob {
  constructor(private readonly invoices: Invoices) {}

  @Cron('*/2 * * * * *', { name: 'invoices', timeZone: 'UTC' })
  @MasterOnly({ misfire: 'run-all', onInterrupted: { rerun: 10 }, overlap: 'queue-latest', maxSilenceMs: 60_000 })
  async write(run: JobRun): Promise<string> {
    // The same in every attempt. Triggered by hand there is no tick: then the input says which period is meant.
    const period = run.scheduledTime?.toISOString() ?? String(run.input);
    const position = await run.checkpoint.get<Position>();
    let done = position?.period === period ? position.done : 0;
    if (done > 0) console.log(`goes on with ${period} at customer ${done}`);
    for (; done < CUSTOMERS; done += 1) {
      // Stands for the work: the amounts, the document.
      await wait(50, undefined, { signal: run.signal });
      this.invoices.issue(period, done, run.fencingToken);
      if (done % 5 !== 4) continue;
      await run.checkpoint.set({ period, done: done + 1 } satisfies Position);
      run.progress((done + 1) / CUSTOMERS, period);
      console.log(`${period}: ${done + 1} of ${CUSTOMERS}`);
    }
    console.log(`wrote the invoices of ${period}`);
    return period;
  }
}
