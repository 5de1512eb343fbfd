import { Inject, Injectable } from '@nestjs/common';
import { BARRIERS } from '../decorators/inject.js';
import type { Barrier, BarrierName, BarrierSource, DoubleBarrier, GatherOptions } from '../recipes/barriers/barrier.js';

/**
 * Barriers at which parts of the cluster wait for each other, for applications: compatible on the wire with Curator's
 * `DistributedBarrier` and `DistributedDoubleBarrier`, and with kazoo's `Barrier` and `DoubleBarrier`.
 *
 * A named barrier lives below `<rootPath>/barriers`, and belongs to all services with the same root. With
 * `standalone`, and in the testing kit, barriers are of this process.
 *
 * Whoever waits goes on over lost connections and ended sessions, and rejects with `ZK_NOT_CONNECTED` when there is no
 * session at the end of `waitMs`, when the application has stopped, and when it did not start within 10 s; with
 * `ZK_BAD_BARRIER` for a name, number or wait that cannot be used; and with what ZooKeeper refuses (`ZK_NO_AUTH`, …).
 */
@Injectable()
export class Barriers {
  constructor(@Inject(BARRIERS) private readonly source: BarrierSource) {}

  /**
   * A barrier that somebody sets, others wait for, and somebody opens.
   * @throws {BadBarrierError} `ZK_BAD_BARRIER`.
   */
  barrier(name: BarrierName): Barrier {
    return this.source.barrier(name);
  }

  /**
   * A barrier that `members` enter together and leave together. One object for each member: also two of one process.
   * `members`: 1 to 1 000, the same for all of them.
   * @throws {BadBarrierError} `ZK_BAD_BARRIER`.
   */
  double(name: BarrierName, members: number): DoubleBarrier {
    return this.source.double(name, members);
  }

  /**
   * Resolves when the last of `members` has come, this one among them. The next ones to come gather anew; so do those
   * of this time, as soon as all of them have taken note.
   * @throws {BarrierTimeoutError} `ZK_BARRIER_TIMEOUT` when they have not come within `waitMs`; the signal's reason.
   * Both leave no node behind.
   * @throws {BarrierFullError} `ZK_BARRIER_FULL` when more came at once than were asked for, to the last ones.
   * @throws {BadBarrierError} `ZK_BAD_BARRIER`.
   */
  async gather(name: BarrierName, options: GatherOptions): Promise<void> {
    return this.source.gather(name, options);
  }
}
