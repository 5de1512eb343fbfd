import type { ElectionContext } from '../election/election-context.js';
import { endOf } from './resign.js';
import type { WonElection } from './won-election.js';

/**
 * What a tenure leaves to be carried out when this process has died: the transaction that proves its end, as it stands
 * in ZooKeeper now. An older one is refused there, and proves nothing.
 */
export class LastWill {
  /** The versions that it names; undefined: none is left. */
  private left: Pick<WonElection, 'nodeVersion' | 'recordVersion' | 'record'> | undefined;

  constructor(
    private readonly context: Pick<ElectionContext, 'session' | 'znodes' | 'lastWills'>,
    private readonly won: Readonly<WonElection>,
  ) {}

  /** Once the tenure is believed. Before, its death would leave open whether its own predecessor is over. */
  leave(): void {
    const { context, won } = this;
    this.left = { ...won };
    context.lastWills.leave(context.session.id, context.znodes.key, endOf(context.znodes, won, { state: 'died', unprovenMs: 0 }));
  }

  /** After anything that can have moved a version. */
  renew(): void {
    const { won, left } = this;
    if (left === undefined) return;
    const isSame = left.nodeVersion === won.nodeVersion && left.recordVersion === won.recordVersion && left.record === won.record;
    if (!isSame) this.leave();
  }

  /** The tenure is over. */
  takeBack(): void {
    const { context } = this;
    if (this.left === undefined) return;
    this.left = undefined;
    context.lastWills.leave(context.session.id, context.znodes.key, undefined);
  }
}
