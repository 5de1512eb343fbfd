import { connectedWithin, NotConnectedError } from '../../session/connected.js';
import { getOrUndefined } from '../../session/nodes.js';
import type { Session, Sessions } from '../../session/session.js';
import { type Clock, MAX_DELAY_MS } from '../../support/clock.js';
import { isConnectionLost, isSessionLost } from '../../wire/errors.js';
import { type CounterName, type CounterPlace, type CounterWait, DEFAULT_WAIT_MS, placeOf } from './counter.js';
import { CONSEQUENCE, CounterLine } from './counter-line.js';
import type { Change, CounterSource } from './counter-source.js';
import { CounterBusyError, CounterUncertainError } from './errors.js';
import { type CounterFormat, decodeAt } from './format.js';
import { limited } from './limited.js';
import { Receipts } from './receipts.js';

export interface EnsembleCountersOptions {
  readonly sessions: Sessions;
  readonly clock: Clock;
  readonly rootPath: string;
}

/**
 * Counters of an ensemble: the number is the data of a node, changed by compare-and-set, as Curator's
 * `DistributedAtomicValue`, `SharedCount` and kazoo's `Counter` do it. What is ours: each transaction leaves a receipt,
 * so that a lost reply is never taken for a change by somebody else and made again, and all calls of a process that
 * wait for one counter are one transaction.
 */
export class EnsembleCounters implements CounterSource {
  private readonly lines = new Map<string, CounterLine>();
  /** Of the session in force. */
  private receipts: Receipts | undefined;

  constructor(private readonly options: EnsembleCountersOptions) {}

  placeOf(name: CounterName, folder: 'counters' | 'ids'): CounterPlace {
    return placeOf(name, this.options.rootPath, folder);
  }

  read({ path }: CounterPlace, format: CounterFormat, wait: CounterWait): Promise<bigint> {
    const { sessions, clock } = this.options;
    const notConnected = (ms: number): Error => new NotConnectedError({ ms, state: sessions.state() }, CONSEQUENCE);
    return limited(clock, { ...this.limitOf(wait), tooLate: notConnected }, async (signal) => {
      for (;;) {
        const session = await connectedWithin(sessions, clock, { timeoutMs: MAX_DELAY_MS, signal, consequence: CONSEQUENCE });
        try {
          // In this order: the server answers one after the other.
          const [, read] = await Promise.all([session.sync(path), getOrUndefined(session, path)]);
          return read === undefined ? 0n : decodeAt(path, read.data, format);
        } catch (thrown) {
          if (!isConnectionLost(thrown) && !isSessionLost(thrown)) throw thrown;
        }
      }
    });
  }

  change(place: CounterPlace, format: CounterFormat, change: Change, wait: CounterWait): Promise<bigint | undefined> {
    const { sessions, clock } = this.options;
    let call: ReturnType<CounterLine['add']> | undefined;
    const tooLate = (ms: number): Error => {
      if (call?.isSent() === true) return new CounterUncertainError(place.name, `ZooKeeper has not answered within ${ms} ms`);
      if (sessions.current()?.attached !== true) return new NotConnectedError({ ms, state: sessions.state() }, CONSEQUENCE);
      return new CounterBusyError(place.name, `others have changed it each time, for ${ms} ms`);
    };
    return limited(clock, { ...this.limitOf(wait), tooLate }, (signal) => {
      call = this.lineOf(place, format).add(change, signal);
      return call.made;
    });
  }

  /** @throws {NotConnectedError} when a session is not to be waited for, and there is none. */
  private limitOf({ waitMs = DEFAULT_WAIT_MS, signal }: CounterWait): {
    readonly limitMs: number;
    readonly signal: AbortSignal | undefined;
  } {
    if (waitMs > 0) return { limitMs: waitMs, signal };
    if (this.options.sessions.current()?.attached !== true) throw new NotConnectedError(undefined, CONSEQUENCE);
    return { limitMs: DEFAULT_WAIT_MS, signal };
  }

  private lineOf(place: CounterPlace, format: CounterFormat): CounterLine {
    const key = `${format} ${place.path}`;
    const known = this.lines.get(key);
    if (known !== undefined) return known;
    const { sessions, clock } = this.options;
    const receiptsOf = (session: Session): Receipts => this.receiptsOf(session);
    const line = new CounterLine(place, format, { sessions, clock, receiptsOf }, () => this.lines.delete(key));
    this.lines.set(key, line);
    return line;
  }

  private receiptsOf(session: Session): Receipts {
    if (this.receipts?.session !== session) {
      const { rootPath } = this.options;
      this.receipts = new Receipts(session, `${rootPath === '/' ? '' : rootPath}/receipts`);
    }
    return this.receipts;
  }
}
