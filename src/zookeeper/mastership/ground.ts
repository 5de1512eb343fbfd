import type { Session } from '../session/session.js';
import { ANY_VERSION, type Op } from '../wire/operations.js';
import type { Ground } from './election.js';
import type { Holding } from './holding.js';
import type { Scene } from './scene.js';

/**
 * What ties writes to one tenure.
 *
 * The tenure node has a random name and lives with the session, so its existence alone says: this session is alive, this tenure was neither
 * resigned nor cleared away.
 *
 * For a *start* the election node must also be as this tenure has won it, so that an operator's edit stops new work at once. The node of a successor may have the
 * same version (each winner of this library writes it once), and the old tenure node may still be there when an operator has deleted the election node.
 * Such a start is accepted by ZooKeeper, and still does no harm: the deletion's event reaches the connection before the answer does, so whoever judges the tenure
 * after the answer finds it over; and which tick runs where is decided by the compare-and-set of the job's record in the same transaction, whoever is master.
 *
 * For a *write by work in progress* there is no such judgement after the fact. It checks the election's record instead: every win moves it on, so a successor's
 * win makes the check fail for good; an edit of the election node does not, because work may finish while the mastership is handed over.
 */
export class TenureGround implements Ground {
  constructor(
    private readonly scene: Pick<Scene, 'session' | 'znodes' | 'member' | 'memory'>,
    private readonly holding: Holding,
    private readonly recheck: () => Promise<void>,
  ) {}

  get session(): Session {
    return this.scene.session;
  }

  get member(): string {
    return this.scene.member.memberName;
  }

  startChecks(): readonly Op[] {
    return [this.tenureCheck(), { kind: 'check', path: this.scene.znodes.node, version: this.holding.nodeVersion }];
  }

  workChecks(): readonly Op[] {
    return [this.tenureCheck(), { kind: 'check', path: this.scene.znodes.record, version: this.holding.recordVersion }];
  }

  holderOf(token: bigint): string | undefined {
    return this.scene.memory.holderOf(token);
  }

  refused(): Promise<void> {
    return this.recheck();
  }

  readEnsembleTime(): Promise<number> {
    return this.scene.member.readEnsembleTime();
  }

  clocks(): ReturnType<Ground['clocks']> {
    return this.scene.member.clocks();
  }

  private tenureCheck(): Op {
    return { kind: 'check', path: this.scene.znodes.tenure(this.holding.tenureId), version: ANY_VERSION };
  }
}
