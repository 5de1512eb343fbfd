import { RunSignal, type Validity } from '../../support/run-signal.js';
import { LockLostError } from './errors.js';
import type { WriteLock } from './lock.js';

/** What became of a release: `'pending'`: ZooKeeper has not acknowledged it yet, and it goes on in the background. */
export type Released = 'released' | 'pending';

/** One hold of a lock, from the win to its end, whoever keeps it: judged when asked. */
export interface Hold extends Validity {
  readonly name: string;
  readonly fencingToken: bigint;
  /** Aborts when somebody asks for it. */
  readonly revocationRequested: AbortSignal;
  /** Why it is not valid, as a clause. */
  whyNot(): string;
  /** Not valid any more from the call on. Safe to repeat; never rejects. */
  release(): Promise<Released>;
  /** Ends it, and answers the reader's that comes in its place. @throws {BadLockError} for one that is no writer's. */
  downgrade(): Promise<Hold>;
}

/** Why a handle does not hold the lock that it has released. */
const RELEASED = 'it was released';

/**
 * A hold as one who works under it has it. Released once; afterwards it does not hold, whatever becomes of the hold,
 * which is given back with the last of its handles.
 */
export class LockHandle implements WriteLock {
  readonly name: string;
  readonly fencingToken: bigint;
  readonly signal: AbortSignal;
  readonly revocationRequested: AbortSignal;
  private readonly runSignal: RunSignal;
  private done: Promise<Released> | undefined;

  constructor(
    private readonly hold: Hold,
    /** Those of this hold that are not released. */
    private readonly handles = new Set<LockHandle>(),
  ) {
    handles.add(this);
    this.name = hold.name;
    this.fencingToken = hold.fencingToken;
    this.revocationRequested = hold.revocationRequested;
    const validity: Validity = { isValid: () => this.held, onInvalid: (listener) => hold.onInvalid(listener) };
    this.runSignal = new RunSignal(validity, (why) => new LockLostError(this.name, why));
    this.signal = this.runSignal.signal;
  }

  get held(): boolean {
    return this.done === undefined && this.hold.isValid();
  }

  assertHeld(): void {
    if (!this.held) throw new LockLostError(this.name, this.done === undefined ? this.hold.whyNot() : RELEASED);
  }

  reenter(): LockHandle {
    this.assertHeld();
    return new LockHandle(this.hold, this.handles);
  }

  async release(): Promise<void> {
    await this.giveBack();
  }

  /** As `release`, and says what became of it. */
  giveBack(): Promise<Released> {
    if (this.done === undefined) {
      this.handles.delete(this);
      this.done = this.handles.size === 0 ? this.hold.release() : Promise.resolve('released');
      this.runSignal.abort(new LockLostError(this.name, RELEASED));
      this.runSignal.release();
    }
    return this.done;
  }

  async downgrade(): Promise<LockHandle> {
    this.assertHeld();
    return new LockHandle(await this.hold.downgrade());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }
}
