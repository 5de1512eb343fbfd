import { type CounterName, type CounterPlace, type CounterWait, placeOf } from './counter.js';
import type { Change, CounterSource } from './counter-source.js';
import { CounterRangeError } from './errors.js';
import { CODECS, type CounterFormat } from './format.js';

/** Counters within this process: for `standalone`, and for tests of applications. */
export class ProcessCounters implements CounterSource {
  private readonly values = new Map<string, bigint>();

  constructor(private readonly rootPath: string) {}

  placeOf(name: CounterName, folder: 'counters' | 'ids'): CounterPlace {
    return placeOf(name, this.rootPath, folder);
  }

  async read({ path }: CounterPlace, _format: CounterFormat, { signal }: CounterWait): Promise<bigint> {
    signal?.throwIfAborted();
    return this.values.get(path) ?? 0n;
  }

  async change({ name, path }: CounterPlace, format: CounterFormat, change: Change, { signal }: CounterWait): Promise<bigint | undefined> {
    signal?.throwIfAborted();
    const made = change(this.values.get(path) ?? 0n);
    if (made === undefined) return undefined;
    const { min, max } = CODECS[format];
    if (made < min || made > max) throw new CounterRangeError(name, made, min, max);
    this.values.set(path, made);
    return made;
  }
}
