import { makeParents, withParents } from '../../session/parents.js';
import { isZooKeeperError } from '../../wire/errors.js';
import { ANY_VERSION } from '../../wire/operations.js';
import type { Barrier, BarrierPlace, BarrierWait } from './barrier.js';
import { BarrierTimeoutError } from './errors.js';
import { lookUntil, Patience, type BarrierParts } from './patience.js';

/**
 * A barrier that is set while its node is there, as in Curator's `DistributedBarrier` and kazoo's `Barrier`. Setting
 * and opening are repeated over lost connections: done twice they are the same.
 */
export class SingleBarrier implements Barrier {
  readonly name: string;

  constructor(
    private readonly place: BarrierPlace,
    private readonly parts: BarrierParts,
  ) {
    this.name = place.name;
  }

  async set(wait: BarrierWait = {}): Promise<void> {
    const { path } = this.place;
    await this.patience(wait, 'it could not be set').run((session) => makeParents(session, withParents(path)));
  }

  async open(wait: BarrierWait = {}): Promise<void> {
    const { path } = this.place;
    await this.patience(wait, 'it could not be opened').run((session) =>
      session.delete(path, ANY_VERSION).catch((thrown: unknown) => {
        if (!isZooKeeperError(thrown, 'no-node')) throw thrown;
      }),
    );
  }

  async wait(wait: BarrierWait = {}): Promise<void> {
    const { path } = this.place;
    const patience = this.patience(wait, 'it is still set');
    await patience.run((session) =>
      lookUntil(session, this.parts.clock, patience.signal, async ({ watch, watches }) => {
        watches(path);
        return (await session.exists(path, { watch })) === undefined ? true : undefined;
      }),
    );
  }

  private patience(wait: BarrierWait, missing: string): Patience {
    return new Patience(this.parts, wait, (waitedMs) => new BarrierTimeoutError(this.name, waitedMs, missing));
  }
}
