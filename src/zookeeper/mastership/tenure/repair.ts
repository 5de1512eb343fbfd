import { isZooKeeperError } from '../../wire/errors.js';
import type { WonElection } from './won-election.js';
import type { ElectionContext } from '../election/election-context.js';
import { adoptRecord } from './take-over.js';
import { readRecord } from '../election/election-record.js';

/**
 * Puts back what an operator has taken from a tenure whose election node is still there: adopts the record's
 * version (another replica has raised the floor, somebody has edited or deleted the record), and makes the tenure
 * node again. Safe to repeat.
 *
 * A successor's record is never adopted: its win implies that the election node was deleted, and that event has
 * arrived, and ended the tenure, before the record read here.
 */
export async function repair(context: ElectionContext, won: WonElection, isOver: () => boolean): Promise<void> {
  const { session, znodes } = context;
  const tenureNode = znodes.tenure(won.tenureId);
  const [tenure, read] = await Promise.all([session.exists(tenureNode), readRecord(session, znodes)]);
  if (isOver()) return;
  if (read?.stat.version !== won.recordVersion) await adoptRecord(context, won, read);
  if (tenure !== undefined || isOver()) return;
  await session.create(tenureNode, Buffer.from(context.address), 'ephemeral').catch((thrown: unknown) => {
    if (!isZooKeeperError(thrown, 'node-exists')) throw thrown;
  });
}

/**
 * Those who wait for another look at everything that a tenure has in ZooKeeper, because one of its checks was refused.
 */
export class Rechecks {
  private readonly waiting: (() => void)[] = [];

  constructor(
    private readonly isOver: () => boolean,
    /** Makes the tenure look. */
    private readonly ring: () => void,
  ) {}

  get areWanted(): boolean {
    return this.waiting.length > 0;
  }

  /** Resolves when that is done, or the tenure is over. */
  ask(): Promise<void> {
    if (this.isOver()) return Promise.resolve();
    return new Promise((resolve) => {
      this.waiting.push(resolve);
      this.ring();
    });
  }

  answer(): void {
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}
