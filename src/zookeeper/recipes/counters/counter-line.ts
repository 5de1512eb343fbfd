import { randomUUID } from 'node:crypto';
import { connectedWithin, NotConnectedError } from '../../session/connected.js';
import { writeOnce } from '../../session/conditional-write.js';
import { getOrUndefined } from '../../session/nodes.js';
import { makeParents, withParents } from '../../session/parents.js';
import type { Session, Sessions } from '../../session/session.js';
import { type Clock, MAX_DELAY_MS } from '../../support/clock.js';
import { compareAndSet } from '../../wire/compare-and-set.js';
import { isConnectionLost, isSessionLost, isZooKeeperError, type ZooKeeperError } from '../../wire/errors.js';
import type { Op } from '../../wire/operations.js';
import type { CounterPlace } from './counter.js';
import type { Change } from './counter-source.js';
import { CounterBusyError, CounterRangeError, CounterUncertainError } from './errors.js';
import { CODECS, type CounterFormat, decodeAt } from './format.js';
import type { Receipt, Receipts } from './receipts.js';

/** So many calls of one process wait for one counter at most. */
export const MAX_CALLS = 10_000;

/** What cannot be done without a session. */
export const CONSEQUENCE = 'no counter can be read or changed';

export interface LineParts {
  readonly sessions: Sessions;
  readonly clock: Clock;
  readonly receiptsOf: (session: Session) => Receipts;
}

/** One caller's change. */
interface Call {
  readonly change: Change;
  readonly resolve: (made: bigint | undefined) => void;
  readonly reject: (reason: unknown) => void;
  /** `'sent'`: part of a transaction that is under way. `'abandoned'`: that, too, but nobody waits for it any more. */
  state: 'waiting' | 'sent' | 'abandoned';
}

/** The number, as it was read. */
interface Found {
  readonly value: bigint;
  /** Undefined: there is no node. */
  readonly version: number | undefined;
}

/** What becomes of one call, if the transaction is carried out. */
type Step = { readonly call: Call } & (
  | { readonly kind: 'changed'; readonly made: bigint }
  | { readonly kind: 'left' }
  | { readonly kind: 'refused'; readonly error: CounterRangeError }
);

/**
 * The changes of one counter by this process, in the order of the calls. All that have come while a transaction was
 * under way go together into the next one: each is answered with the number that it has made in its turn.
 */
export class CounterLine {
  private calls: Call[] = [];
  /** Undefined: no call waits. Aborts when none waits any more. */
  private working: AbortController | undefined;

  constructor(
    private readonly place: CounterPlace,
    private readonly format: CounterFormat,
    private readonly parts: LineParts,
    private readonly onEmpty: () => void,
  ) {}

  /** @throws {CounterBusyError} when too many wait. */
  add(change: Change, signal: AbortSignal): { readonly made: Promise<bigint | undefined>; readonly isSent: () => boolean } {
    if (this.calls.length >= MAX_CALLS)
      throw new CounterBusyError(this.place.name, `${MAX_CALLS} calls of this process wait for it already`);
    let call!: Call;
    const made = new Promise<bigint | undefined>((resolve, reject) => (call = { change, resolve, reject, state: 'waiting' }));
    this.calls.push(call);
    signal.addEventListener('abort', () => this.giveUp(call), { once: true });
    if (this.working === undefined) void this.work();
    return { made, isSent: () => call.state !== 'waiting' };
  }

  /** What is not sent is not made. */
  private giveUp(call: Call): void {
    if (call.state === 'sent') call.state = 'abandoned';
    else this.remove([call]);
    if (this.calls.length === 0) this.working?.abort();
  }

  private remove(calls: readonly Call[]): void {
    const gone = new Set(calls);
    this.calls = this.calls.filter((call) => !gone.has(call));
  }

  private async work(): Promise<void> {
    const { sessions, clock } = this.parts;
    while (this.calls.length > 0) {
      const working = (this.working = new AbortController());
      try {
        const waiting = { timeoutMs: MAX_DELAY_MS, signal: working.signal, consequence: CONSEQUENCE };
        const session = await connectedWithin(sessions, clock, waiting);
        await this.attempt(session, [...this.calls]);
      } catch (thrown) {
        if (thrown instanceof NotConnectedError) this.fail(this.calls, thrown);
        // Anything else is told to those whom it concerns; what is left is to be tried again.
      }
    }
    this.working = undefined;
    this.onEmpty();
  }

  private fail(calls: readonly Call[], reason: unknown): void {
    this.remove(calls);
    for (const call of calls) call.reject(reason);
  }

  /** Rejects when the connection was lost and nothing is made. */
  private async attempt(session: Session, calls: readonly Call[]): Promise<void> {
    try {
      let found = await this.read(session, false);
      let steps = this.steps(found, calls);
      if (steps.some(({ kind }) => kind !== 'changed')) {
        // Whoever changes nothing is answered by what was read, and that may be older than an answer to somebody else.
        found = await this.read(session, true);
        steps = this.steps(found, calls);
      }
      const last = steps.findLast((step) => step.kind === 'changed');
      if (last === undefined || (await this.write(session, found, last.made, calls))) this.settle(steps);
    } catch (thrown) {
      if (isConnectionLost(thrown) || isSessionLost(thrown)) throw thrown;
      this.fail(calls, thrown);
    }
  }

  private async read(session: Session, isSynced: boolean): Promise<Found> {
    const { path } = this.place;
    const synced = isSynced ? session.sync(path) : undefined;
    const [read] = await Promise.all([getOrUndefined(session, path), synced]);
    if (read === undefined) return { value: 0n, version: undefined };
    return { value: decodeAt(path, read.data, this.format), version: read.stat.version };
  }

  private steps({ value }: Found, calls: readonly Call[]): readonly Step[] {
    const { min, max } = CODECS[this.format];
    let now = value;
    return calls.map((call): Step => {
      const made = call.change(now);
      if (made === undefined) return { call, kind: 'left' };
      if (made < min || made > max) return { call, kind: 'refused', error: new CounterRangeError(this.place.name, made, min, max) };
      now = made;
      return { call, kind: 'changed', made };
    });
  }

  private settle(steps: readonly Step[]): void {
    this.remove(steps.map(({ call }) => call));
    for (const step of steps) {
      if (step.kind === 'refused') step.call.reject(step.error);
      else step.call.resolve(step.kind === 'changed' ? step.made : undefined);
    }
  }

  /**
   * Whether the number is this now, because of this transaction. False: it was not carried out, and will not be.
   * @throws {CounterUncertainError}
   */
  private write(session: Session, found: Found, value: bigint, calls: readonly Call[]): Promise<boolean> {
    return this.parts.receiptsOf(session).lend(async (receipt) => {
      // Somebody has given up while the receipt was waited for, and must not be counted.
      if (calls.some((call) => !this.calls.includes(call))) return { value: false, isSound: true };
      for (const call of calls) call.state = 'sent';
      try {
        return await this.send(session, found, value, receipt);
      } finally {
        this.remove(calls.filter(({ state }) => state === 'abandoned'));
        for (const call of calls) call.state = 'waiting';
      }
    });
  }

  private async send(
    session: Session,
    { version }: Found,
    value: bigint,
    receipt: Receipt,
  ): Promise<{ readonly value: boolean; readonly isSound: boolean }> {
    const id = randomUUID();
    const { path } = this.place;
    const data = CODECS[this.format].encode(value);
    const create: Op = { kind: 'create', path, data, mode: 'persistent' };
    const noted = receipt.operations(id);
    const operations = [...noted, ...(version === undefined ? [create] : compareAndSet(path, data, version))];
    let isReplyLost = false;
    const outcome = await writeOnce(session, {
      path,
      isPatient: false,
      send: async (replyLost) => {
        isReplyLost = replyLost;
        await session.multi(operations);
        return true;
      },
      // Once a reply is lost, every refusal may be the work of the attempt whose reply it was.
      meaningOf: (answer) => (isReplyLost || isMoved(answer) ? 'the change' : 'no refusal'),
      find: async () => ((await this.isNoted(session, receipt, id)) ? true : undefined),
    });
    switch (outcome.kind) {
      case 'done':
        receipt.written();
        return { value: true, isSound: true };
      case 'unsent':
        return { value: false, isSound: true };
      case 'refused':
        if (!isMoved(outcome.error)) throw outcome.error;
        if (version === undefined && outcome.error.reason === 'no-node') await makeParents(session, withParents(path).slice(0, -1));
        return { value: false, isSound: (outcome.error.details.opIndex ?? 0) >= noted.length };
      case 'unknown':
      case 'contended':
        throw new CounterUncertainError(this.place.name, 'the session with ZooKeeper ended before its answer came');
    }
  }

  private async isNoted(session: Session, receipt: Receipt, id: string): Promise<boolean> {
    const isNoted = await receipt.tells(session, id);
    if (isNoted === undefined)
      throw new CounterUncertainError(
        this.place.name,
        'the reply was lost, and somebody has deleted the node that tells what became of it',
      );
    return isNoted;
  }
}

/** What was read has changed since: the number, or the receipt. */
function isMoved(answer: ZooKeeperError): boolean {
  return isZooKeeperError(answer, 'no-node', 'node-exists', 'bad-version');
}
