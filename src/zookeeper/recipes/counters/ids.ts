import { posix } from 'node:path';
import { must, shape, whole } from '../../support/checks.js';
import type { Clock } from '../../support/clock.js';
import { maxOf } from '../../support/token.js';
import { type CounterName, type CounterPlace, type CounterWait, checkWait, DEFAULT_WAIT_MS } from './counter.js';
import type { CounterSource } from './counter-source.js';
import { BadCounterError, CounterBusyError, CounterUncertainError } from './errors.js';
import { limited } from './limited.js';

/** Numbers, and names, of which no two are the same. */
export interface Ids {
  /** As they were asked for: the name, or the path. */
  readonly name: string;
  /** The next number; the first is 1. */
  next(wait?: CounterWait): Promise<bigint>;
  /** As a name: the prefix, and ten digits or more. Names sort as the numbers do, up to 9 999 999 999. */
  nextName(wait?: CounterWait): Promise<string>;
}

/** Options of ids. */
export interface IdsOptions {
  /**
   * How many numbers this process takes from ZooKeeper at once, 1 to 1 000 000. What it has not handed out when it ends
   * is lost: nobody gets these numbers. Default 1.
   */
  readonly block?: number | undefined;
  /** What names begin with. Default: the name (of a path, its last part) and `-`. */
  readonly prefix?: string | undefined;
}

const MAX_BLOCK = 1_000_000;

/** Of so many names one process makes ids at most: for each of them it remembers the highest number. */
const MAX_NAMES = 10_000;

/** Of so many sizes one process keeps blocks of one name at most. */
const MAX_SIZES = 100;

/** Ids are numbers of this format. */
const FORMAT = 'int64';

/** All ids of this process. */
export class IdSources {
  private readonly sources = new Map<string, IdSource>();

  constructor(
    private readonly counters: CounterSource,
    private readonly clock: Clock,
  ) {}

  /** @throws {BadCounterError} */
  of(name: CounterName, options: IdsOptions): Ids {
    const place = this.counters.placeOf(name, 'ids');
    const checks = { block: whole('a whole number', 1, MAX_BLOCK), prefix: must('text', (value) => typeof value === 'string') };
    const problem = shape(options, 'options', 'an object with the options of ids', checks, []);
    if (problem !== undefined) throw new BadCounterError(problem);
    const { block = 1, prefix = `${posix.basename(place.name)}-` } = options;
    return new IdHandle(this.sourceOf(place), BigInt(block), prefix);
  }

  private sourceOf(place: CounterPlace): IdSource {
    const known = this.sources.get(place.path);
    if (known !== undefined) return known;
    if (this.sources.size >= MAX_NAMES)
      throw new BadCounterError(`this process makes ids of ${MAX_NAMES} names already, which is the limit`);
    const source = new IdSource(this.counters, this.clock, place);
    this.sources.set(place.path, source);
    return source;
  }
}

/** Numbers that this process has taken, and not yet handed out. */
interface Block {
  next: bigint;
  last: bigint;
  /** Resolves when a call that fetches more has ended, however. Undefined: none is under way. */
  fetching: Promise<void> | undefined;
}

/** The ids of one name. */
class IdSource {
  /** The highest that this process has taken: it goes on above it when the node was deleted, or set back. */
  private highest = 0n;
  /** By size. */
  private readonly blocks = new Map<bigint, Block>();

  constructor(
    private readonly counters: CounterSource,
    private readonly clock: Clock,
    readonly place: CounterPlace,
  ) {}

  /** Takes so many numbers, and answers the last of them. */
  async take(count: bigint, wait: CounterWait): Promise<bigint> {
    const startedMs = this.clock.monotonicMs();
    const { waitMs = DEFAULT_WAIT_MS, signal } = wait;
    let leftMs = waitMs;
    for (;;) {
      try {
        const change = (value: bigint): bigint => maxOf(maxOf(value, this.highest), 0n) + count;
        const last = (await this.counters.change(this.place, FORMAT, change, { waitMs: leftMs, signal })) as bigint;
        this.highest = maxOf(this.highest, last);
        return last;
      } catch (thrown) {
        // Numbers that may have been taken are nobody's, and others are as good.
        leftMs = waitMs - (this.clock.monotonicMs() - startedMs);
        if (!(thrown instanceof CounterUncertainError) || leftMs < 1) throw thrown;
      }
    }
  }

  /** The next of a block, for which more are fetched when it is used up. */
  async nextOf(size: bigint, { waitMs = DEFAULT_WAIT_MS, signal }: CounterWait): Promise<bigint> {
    signal?.throwIfAborted();
    const block = this.blockOf(size);
    const startedMs = this.clock.monotonicMs();
    while (block.next > block.last) {
      const leftMs = waitMs === 0 ? 0 : Math.max(1, waitMs - (this.clock.monotonicMs() - startedMs));
      await (block.fetching === undefined
        ? this.fetch(block, size, { waitMs: leftMs, signal })
        : this.fetched(block.fetching, leftMs, signal));
    }
    block.next += 1n;
    return block.next - 1n;
  }

  private async fetch(block: Block, size: bigint, wait: CounterWait): Promise<void> {
    const { promise, resolve } = withResolvers();
    block.fetching = promise;
    try {
      block.last = await this.take(size, wait);
      block.next = block.last - size + 1n;
    } finally {
      block.fetching = undefined;
      resolve();
    }
  }

  /** Until the call that fetches has ended; whoever finds nothing then fetches in its turn. */
  private fetched(fetching: Promise<void>, leftMs: number, signal: AbortSignal | undefined): Promise<void> {
    const tooLate = (ms: number): Error => new CounterBusyError(this.place.name, `the next block of numbers has not come within ${ms} ms`);
    return limited(this.clock, { limitMs: leftMs === 0 ? DEFAULT_WAIT_MS : leftMs, signal, tooLate }, () => fetching);
  }

  private blockOf(size: bigint): Block {
    const known = this.blocks.get(size);
    if (known !== undefined) return known;
    if (this.blocks.size >= MAX_SIZES)
      throw new BadCounterError(`its ids are taken in blocks of ${MAX_SIZES} sizes already: always use the same`);
    const block: Block = { next: 1n, last: 0n, fetching: undefined };
    this.blocks.set(size, block);
    return block;
  }
}

function withResolvers(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve!: () => void;
  const promise = new Promise<void>((settle) => (resolve = settle));
  return { promise, resolve };
}

/** So many digits names have at least. */
const DIGITS = 10;

class IdHandle implements Ids {
  constructor(
    private readonly source: IdSource,
    private readonly block: bigint,
    private readonly prefix: string,
  ) {}

  get name(): string {
    return this.source.place.name;
  }

  async next(wait: CounterWait = {}): Promise<bigint> {
    checkWait(wait);
    return this.block === 1n ? this.source.take(1n, wait) : this.source.nextOf(this.block, wait);
  }

  async nextName(wait: CounterWait = {}): Promise<string> {
    return `${this.prefix}${(await this.next(wait)).toString().padStart(DIGITS, '0')}`;
  }
}
