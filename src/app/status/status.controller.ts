import { Controller, Get, Inject } from '@nestjs/common';

import { MasterElection, type Mastership } from '../../index.js';
import { Ledger } from '../accounts/ledger.js';
import { Outbox } from '../accounts/outbox.js';
import type { AppConfig } from '../app.config.js';
import { RatesJob } from '../jobs/rates.job.js';
import { RunLog } from '../jobs/run-log.js';

/** Injects the `AppConfig`. */
export const APP_CONFIG = Symbol('the configuration of the account service (AppModule.forRoot)');

/** `GET /health` for probes, `GET /status` for people and tools. */
@Controller()
export class StatusController {
  private readonly startedAt = new Date();

  constructor(
    @Inject(APP_CONFIG) private readonly config: AppConfig,
    private readonly election: MasterElection,
    private readonly runs: RunLog,
    private readonly ledger: Ledger,
    private readonly outbox: Outbox,
    private readonly rates: RatesJob,
  ) {}

  /**
   * 200 while the process serves, whatever ZooKeeper does: a restart would not heal ZooKeeper, and requests can be
   * answered without it. `jobs` says whether this replica takes part in the election.
   */
  @Get('health')
  health(): object {
    const state = this.election.mastership();
    const takesPart = ['standby', 'waiting', 'master'].includes(state.kind);
    return { status: 'ok', jobs: { ready: takesPart || !this.config.candidate, mastership: describe(state) } };
  }

  /** Who this replica is, what it holds, and what it has done since it started. */
  @Get('status')
  status(): object {
    return {
      instance: {
        address: this.config.address,
        service: this.config.service,
        version: this.config.version,
        pid: process.pid,
        startedAt: this.startedAt,
      },
      elections: [{ name: 'default', isMaster: this.election.isMaster(), ...describe(this.election.mastership()) }],
      runs: { inProgress: this.runs.inProgress(), byJob: this.runs.countsByJob(), ratesRefreshed: this.rates.refreshedCount },
      accounts: this.ledger.accounts(),
      statementsSent: this.outbox.sentCount,
    };
  }
}

/** JSON knows no bigint: the token becomes text. */
function describe(state: Mastership): Readonly<Record<string, unknown>> {
  return {
    state: state.kind,
    ...('tenure' in state && { fencingToken: state.tenure.token.toString() }),
    ...('master' in state && { master: state.master }),
    ...('why' in state && { why: state.why }),
  };
}
