import type { Session } from '../../session/session.js';
import { ANY_VERSION, type Op } from '../../wire/operations.js';
import type { Fence } from '../election/held-tenure.js';
import type { WonElection } from './won-election.js';
import type { OwnMember } from './surroundings.js';
import type { ElectionContext } from '../election/election-context.js';

/**
 * What ties writes to one tenure.
 *
 * The tenure node has a random name and lives with the session, so its existence alone says: this session is alive,
 * this tenure was neither resigned nor cleared away.
 *
 * For a *start* the election node must also be as this tenure has won it, so that an operator's edit stops new work at
 * once. The node of a successor may have the same version (each winner of this library writes it once), and the old
 * tenure node may still be there when an operator has deleted the election node. Such a start is accepted by ZooKeeper,
 * and still does no harm: the deletion's event reaches the connection before the answer does, so whoever judges the
 * tenure after the answer finds it over; and which tick runs where is decided by the compare-and-set of the job's
 * record in the same transaction, whoever is master.
 *
 * For a *write by work in progress* there is no such judgement after the fact. It checks the election's record instead:
 * every win moves it on, so a successor's win makes the check fail for good; an edit of the election node does not,
 * because work may finish while the mastership is handed over.
 */
export class TenureFence implements Fence {
  constructor(
    private readonly context: Pick<ElectionContext, 'session' | 'znodes' | 'memory'>,
    private readonly won: WonElection,
    private readonly own: OwnMember,
    private readonly recheck: () => Promise<void>,
  ) {}

  get session(): Session {
    return this.context.session;
  }

  get member(): string {
    return this.own.memberName;
  }

  startChecks(): readonly Op[] {
    return [this.tenureCheck(), { kind: 'check', path: this.context.znodes.node, version: this.won.nodeVersion }];
  }

  workChecks(): readonly Op[] {
    return [this.tenureCheck(), { kind: 'check', path: this.context.znodes.record, version: this.won.recordVersion }];
  }

  holderOf(token: bigint): string | undefined {
    return this.context.memory.holderOf(token);
  }

  refused(): Promise<void> {
    return this.recheck();
  }

  readEnsembleTime(): Promise<number> {
    return this.own.readEnsembleTime();
  }

  clocks(): ReturnType<Fence['clocks']> {
    return this.own.clocks();
  }

  private tenureCheck(): Op {
    return { kind: 'check', path: this.context.znodes.tenure(this.won.tenureId), version: ANY_VERSION };
  }
}
