import { Injectable, Logger } from '@nestjs/common';

import { OnMasterElected, OnMasterLost } from '../../index.js';

/**
 * Logs what the hooks of the library tell. Work that must live only on the master starts and ends in methods like
 * these.
 */
@Injectable()
export class MastershipLog {
  private readonly logger = new Logger('Mastership');

  @OnMasterElected()
  elected(signal: AbortSignal): void {
    this.logger.log('This replica is master: its jobs run from now on', {
      event: 'app.elected',
      at: new Date().toISOString(),
      aborted: signal.aborted,
    });
  }

  @OnMasterLost()
  lost(): void {
    this.logger.log('This replica is not master any more', { event: 'app.lost', at: new Date().toISOString() });
  }
}
