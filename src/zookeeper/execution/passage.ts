import type { JobRun } from '../jobs/run/job-run.js';
import type { AttemptsResult } from './attempts.js';
import { isPromise, settle } from '../gate/outcome.js';

/** How what wraps a run has ended. */
export type Passed = { readonly kind: 'returned' } | { readonly kind: 'threw'; readonly thrown: unknown };

const RETURNED: Passed = { kind: 'returned' };

/**
 * Where the call stands: on its way through wrappers to the method, in the method with its
 * attempts, or on its way back.
 */
type Place = { readonly kind: 'ahead' } | { readonly kind: 'inside' } | { readonly kind: 'behind'; readonly attempted: Attempted };

export interface PassageParts {
  readonly signal: AbortSignal;
  /** Makes the attempts of the run by calling the method; hands back the value of the last one, too. */
  readonly attempts: (call: Call) => Attempted | Promise<Attempted>;
  /** The run is over. Called once. `attempted`: undefined when the method was never reached. */
  readonly ended: (passed: Passed, attempted: Attempted | undefined) => void;
}

/** Calls the method with the run of an attempt; without one it is the run's own call of itself. */
export type Call = (run?: JobRun) => unknown;

export interface Attempted {
  readonly result: AttemptsResult;
  readonly value: unknown;
}

/**
 * The way of one run through everything that is wrapped around its method, from outside in:
 *
 *     start > what ScheduleModule has registered, and whoever has wrapped that (monitors)
 *           > around > decorators above `@MasterOnly`
 *                    > enter > the method, with what stands below `@MasterOnly`; again for each attempt
 *
 * So every wrapper is called once for each run, and never without one; it sees how long the run took and what it threw.
 * ScheduleModule logs and swallows what is thrown: how the run has ended is known from `around` and `enter`. A wrapper
 * that does not call on has done nothing: such a run never counts as done.
 */
export class Passage {
  private place: Place = { kind: 'ahead' };
  private phase: 'open' | 'under way' | 'over' = 'open';

  constructor(private readonly parts: PassageParts) {}

  /** True until the call has reached the method. */
  get isAhead(): boolean {
    return this.place.kind === 'ahead';
  }

  /** Calls `through`, from which the call is to come to `around` and `enter`. Never throws. */
  start(through: () => unknown): void {
    const back = (passed: Passed): void => {
      // What goes on within `around` decides; the outermost wrapper need not have waited for it.
      if (this.phase === 'open') this.end(passed);
    };
    try {
      const result = through();
      if (isPromise(result))
        result.then(
          () => back(RETURNED),
          (thrown: unknown) => back({ kind: 'threw', thrown }),
        );
      else back(RETURNED);
    } catch (thrown) {
      back({ kind: 'threw', thrown });
    }
  }

  /**
   * Calls the method with the decorators above `@MasterOnly`. With its end the run is over. Returns and
   * throws what `call` does.
   */
  around(call: () => unknown): unknown {
    if (this.phase !== 'open') return call();
    this.phase = 'under way';
    try {
      const result = settle(call(), this.parts.signal);
      if (isPromise(result))
        return result.then(
          (value) => (this.end(RETURNED), value),
          (thrown: unknown) => {
            this.end({ kind: 'threw', thrown });
            throw thrown;
          },
        );
      this.end(RETURNED);
      return result;
    } catch (thrown) {
      this.end({ kind: 'threw', thrown });
      throw thrown;
    }
  }

  /** Something around the run has thrown before the call came to `around`, and ScheduleModule has caught it. */
  caught(thrown: unknown): void {
    if (this.phase === 'open') this.end({ kind: 'threw', thrown });
  }

  /** The call has reached the method. Returns what the last attempt has returned, and throws why the run failed. */
  enter(call: Call): unknown {
    const { place } = this;
    // The run's own call: `super.method()`, or a method that calls itself.
    if (place.kind === 'inside') return call();
    this.place = { kind: 'inside' };
    // A wrapper that tries again by itself: its last call counts.
    const attempted = place.kind === 'ahead' ? this.parts.attempts(call) : this.again(call, place.attempted.result);
    return attempted instanceof Promise ? attempted.then((each) => this.leave(each)) : this.leave(attempted);
  }

  private again(call: Call, { attempt }: AttemptsResult): Attempted | Promise<Attempted> {
    const ran = { outcome: 'ran', reason: undefined, attempt, thrown: undefined } as const;
    const failed = (thrown: unknown): Attempted => ({
      result: { ...ran, outcome: this.parts.signal.aborted ? 'interrupted' : 'failed', thrown },
      value: undefined,
    });
    try {
      const result = settle(call(), this.parts.signal);
      return isPromise(result) ? result.then((value) => ({ result: ran, value }), failed) : { result: ran, value: result };
    } catch (thrown) {
      return failed(thrown);
    }
  }

  private leave(attempted: Attempted): unknown {
    const { result, value } = attempted;
    this.place = { kind: 'behind', attempted };
    if (result.outcome === 'ran') return value;
    throw result.thrown ?? this.parts.signal.reason;
  }

  private end(passed: Passed): void {
    if (this.phase === 'over') return;
    this.phase = 'over';
    this.parts.ended(passed, this.place.kind === 'behind' ? this.place.attempted : undefined);
  }
}
