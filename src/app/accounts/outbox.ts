import { setTimeout as sleep } from 'node:timers/promises';

import { Injectable } from '@nestjs/common';

import type { Account } from './ledger.js';

/** How long the pretended mail server takes for one mail. */
const MAIL_MS = 200;

/** Sends mail, slowly, to nobody. It stands where a real service has its mail server. */
@Injectable()
export class Outbox {
  private sent = 0;

  get sentCount(): number {
    return this.sent;
  }

  /** Sends a statement. Rejects when the signal aborts first; the statement is then not sent. */
  async sendStatement(_account: Account, signal: AbortSignal): Promise<void> {
    await sleep(MAIL_MS, undefined, { signal });
    this.sent += 1;
  }
}
