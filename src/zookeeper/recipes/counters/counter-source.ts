import type { Counter, CounterName, CounterPlace, CounterWait } from './counter.js';
import { checkWait, wholeNumber } from './counter.js';
import type { CounterFormat } from './format.js';

/**
 * What becomes of the number that is found: another one, or undefined to leave it as it is. Asked again whenever
 * somebody else has changed it first.
 */
export type Change = (value: bigint) => bigint | undefined;

/** What keeps numbers: an ensemble, or this process. */
export interface CounterSource {
  /** @throws {BadCounterError} */
  placeOf(name: CounterName, folder: 'counters' | 'ids'): CounterPlace;
  /** With every change that was answered before the call. */
  read(place: CounterPlace, format: CounterFormat, wait: CounterWait): Promise<bigint>;
  /**
   * Makes the change once, and answers the number that it has made; undefined when it was left as it is.
   * @throws {CounterUncertainError} when nobody can say whether it was made.
   */
  change(place: CounterPlace, format: CounterFormat, change: Change, wait: CounterWait): Promise<bigint | undefined>;
}

/** A counter as its caller has it. */
export class CounterHandle<Value extends bigint | number> implements Counter<Value> {
  constructor(
    private readonly source: CounterSource,
    private readonly place: CounterPlace,
    private readonly format: CounterFormat,
    private readonly toValue: (value: bigint) => Value,
  ) {}

  get name(): string {
    return this.place.name;
  }

  async get(wait: CounterWait = {}): Promise<Value> {
    checkWait(wait);
    return this.toValue(await this.source.read(this.place, this.format, wait));
  }

  async set(value: bigint | number, wait: CounterWait = {}): Promise<void> {
    const next = wholeNumber(value, 'the number that it is set to');
    await this.change(() => next, wait);
  }

  increment(wait: CounterWait = {}): Promise<Value> {
    return this.add(1n, wait);
  }

  decrement(wait: CounterWait = {}): Promise<Value> {
    return this.add(-1n, wait);
  }

  async add(by: bigint | number, wait: CounterWait = {}): Promise<Value> {
    const difference = wholeNumber(by, 'what is added');
    // Never left as it is.
    return this.toValue((await this.change((value) => value + difference, wait)) as bigint);
  }

  async compareAndSet(expected: bigint | number, value: bigint | number, wait: CounterWait = {}): Promise<boolean> {
    const was = wholeNumber(expected, 'the expected number');
    const next = wholeNumber(value, 'the number that it is set to');
    return (await this.change((found) => (found === was ? next : undefined), wait)) !== undefined;
  }

  private change(change: Change, wait: CounterWait): Promise<bigint | undefined> {
    checkWait(wait);
    return this.source.change(this.place, this.format, change, wait);
  }
}
