import { CounterFormatError } from './errors.js';

/**
 * How a counter is written into its node. `'int64'`: 8 bytes, the highest first, as Curator's `DistributedAtomicLong`.
 * `'int32'`: 4 bytes, as Curator's `SharedCount`, and kazoo's `Counter` with `support_curator`. `'text'`: the decimal
 * digits of an integer, as kazoo's `Counter`; of 64 bits, too, although kazoo goes beyond.
 */
export type CounterFormat = 'int64' | 'int32' | 'text';

/** A format: which numbers it holds, and how. */
export interface Codec {
  readonly min: bigint;
  readonly max: bigint;
  encode(value: bigint): Buffer;
  /** Undefined: no such number. */
  decode(data: Buffer): bigint | undefined;
  /** What is expected of the data. */
  readonly expects: string;
}

const INT64 = { min: -(2n ** 63n), max: 2n ** 63n - 1n } as const;

export const CODECS: Readonly<Record<CounterFormat, Codec>> = {
  int64: {
    ...INT64,
    encode: (value) => {
      const data = Buffer.alloc(8);
      data.writeBigInt64BE(value);
      return data;
    },
    decode: (data) => (data.length === 8 ? data.readBigInt64BE() : undefined),
    expects: '8 bytes',
  },
  int32: {
    min: -(2n ** 31n),
    max: 2n ** 31n - 1n,
    encode: (value) => {
      const data = Buffer.alloc(4);
      data.writeInt32BE(Number(value));
      return data;
    },
    decode: (data) => (data.length === 4 ? BigInt(data.readInt32BE()) : undefined),
    expects: '4 bytes',
  },
  text: {
    ...INT64,
    encode: (value) => Buffer.from(value.toString()),
    decode: (data) => {
      const text = data.toString('latin1');
      if (!/^-?\d{1,19}$/.test(text)) return undefined;
      const value = BigInt(text);
      return value >= INT64.min && value <= INT64.max ? value : undefined;
    },
    expects: 'the decimal digits of an integer of 64 bits',
  },
};

/**
 * The number in a node. One without data stands for 0, as with Curator and kazoo, which makes the node first.
 * @throws {CounterFormatError}
 */
export function decodeAt(path: string, data: Buffer, format: CounterFormat): bigint {
  const { decode, expects } = CODECS[format];
  const value = data.length === 0 ? 0n : decode(data);
  if (value !== undefined) return value;
  const isPlain = data.length <= 40 && /^[ -~]*$/.test(data.toString('latin1'));
  const found = isPlain ? JSON.stringify(data.toString('latin1')) : `${data.length} bytes`;
  throw new CounterFormatError(path, `the format '${format}' expects ${expects}, and it holds ${found}`);
}
