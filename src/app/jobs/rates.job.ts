import { Injectable } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';

/**
 * The exchange rates, cached. No `@MasterOnly` here: each replica answers from its own cache, so each replica refreshes
 * it.
 */
@Injectable()
export class RatesJob {
  private refreshed = 0;

  get refreshedCount(): number {
    return this.refreshed;
  }

  @Interval('rates', 10_000)
  refresh(): void {
    this.refreshed += 1;
  }
}
