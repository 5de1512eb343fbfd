import { Inject, Injectable } from '@nestjs/common';
import { COUNTERS } from '../decorators/inject.js';
import { type Counter, type CounterName, type CounterOptions, formatOf } from '../recipes/counters/counter.js';
import { CounterHandle, type CounterSource } from '../recipes/counters/counter-source.js';
import { type Ids, IdSources, type IdsOptions } from '../recipes/counters/ids.js';
import { systemClock } from '../support/clock.js';

/**
 * Numbers that all processes of the cluster share, for applications: counters, and unique growing ids; compatible on
 * the wire with Curator's `DistributedAtomicLong` and `SharedCount`, and kazoo's `Counter`.
 *
 * What has a name lives below `<rootPath>/counters` and `<rootPath>/ids`, and belongs to all services with the same
 * root. With `standalone`, and in the testing kit, numbers are of this process and begin at 0 with it.
 *
 * A change is made once, also when ZooKeeper's reply to it is lost. The methods of what is handed out reject with
 * `ZK_COUNTER_UNCERTAIN` ({@link CounterUncertainError}) when nobody can say whether it was made, because the session
 * ended, or the time was over, before the answer came; with `ZK_COUNTER_RANGE` ({@link CounterRangeError}) for a number
 * that its format does not hold; with `ZK_COUNTER_FORMAT` ({@link CounterFormatError}) for a node that holds something
 * else; with `ZK_COUNTER_BUSY` ({@link CounterBusyError}) when others changed it each time, or 10 000 calls of this
 * process wait for it; with `ZK_NOT_CONNECTED` when there was no session in time; with the signal's reason; with what
 * ZooKeeper refuses (`ZK_NO_AUTH`, …). After all but the first and the signal's, the call has changed nothing.
 */
@Injectable()
export class Counters {
  private readonly idSources: IdSources;

  constructor(@Inject(COUNTERS) private readonly source: CounterSource) {
    this.idSources = new IdSources(source, systemClock);
  }

  /** @throws {BadCounterError} `ZK_BAD_COUNTER`: a name, path or option that cannot be used. */
  counter(name: CounterName, options: CounterOptions & { readonly format: 'int32' }): Counter<number>;
  /**
   * A counter: no network, nothing is made before the first change. `'int32'` gives numbers, the other formats bigints.
   * @throws {BadCounterError} `ZK_BAD_COUNTER`: a name, path or option that cannot be used.
   */
  counter(name: CounterName, options?: CounterOptions & { readonly format?: 'int64' | 'text' }): Counter<bigint>;
  counter(name: CounterName, options: CounterOptions = {}): Counter<bigint> | Counter<number> {
    const format = formatOf(options);
    const place = this.source.placeOf(name, 'counters');
    return format === 'int32'
      ? new CounterHandle(this.source, place, format, Number)
      : new CounterHandle(this.source, place, format, (value) => value);
  }

  /**
   * Ids: numbers that grow, and of which no two are the same, whatever fails; one that was taken and not answered is
   * left out. In blocks of one, each is higher than all that were answered before the call, to whomever. In larger
   * blocks they grow within this process alone.
   * @throws {BadCounterError} `ZK_BAD_COUNTER`: a name, path or option that cannot be used.
   */
  ids(name: CounterName, options: IdsOptions = {}): Ids {
    return this.idSources.of(name, options);
  }
}
