import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeResult, encodeResult } from '../../../../src/zookeeper/jobs/persistence/codec/result-codec.js';
import { MAX_RESULT_BYTES, resultOf } from '../../../../src/zookeeper/jobs/run/run-result.js';

function kept(value: unknown): unknown {
  const result = resultOf(value);
  return result && decodeResult(encodeResult(result));
}

describe('what a run has returned', () => {
  it('reads back as JSON has it, whatever it is', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(kept(value)).toEqual({ value: JSON.parse(JSON.stringify(value)) as unknown, leftOut: undefined });
      }),
    );
    const odd = { at: new Date(5), nothing: undefined, list: [undefined, Number.NaN], call: () => 1 };
    expect(kept(odd)).toEqual({ value: JSON.parse(JSON.stringify(odd)) as unknown, leftOut: undefined });
    expect(kept(undefined)).toBeUndefined();
  });

  it('is kept up to 64 KiB, and counted as its JSON is', () => {
    for (const full of ['x'.repeat(MAX_RESULT_BYTES - 2), Array.from({ length: MAX_RESULT_BYTES / 2 - 1 }, () => 1)])
      expect(kept(full)).toEqual({ value: full, leftOut: undefined });
    for (const long of [
      'x'.repeat(MAX_RESULT_BYTES - 1),
      'ä'.repeat(MAX_RESULT_BYTES / 2),
      Array.from({ length: MAX_RESULT_BYTES / 2 }, () => 10),
    ])
      expect(kept(long)).toEqual({ value: undefined, leftOut: 'it has more than 65536 bytes as JSON' });
  });

  it('is not gone through to its end when it is large', () => {
    let seen = 0;
    const item = { toJSON: () => ((seen += 1), 'x'.repeat(1_000)) };
    expect(kept(Array.from({ length: 100_000 }, () => item))).toMatchObject({ leftOut: expect.stringMatching(/more than/) });
    expect(seen).toBeLessThan(100);
  });

  it('is left out, with the reason, when it is not JSON', () => {
    const circle: Record<string, unknown> = {};
    circle['self'] = circle;
    expect(kept(circle)).toEqual({ value: undefined, leftOut: expect.stringMatching(/^it cannot be written as JSON \(.*circular/i) });
    expect(kept({ amount: 7n })).toEqual({ value: undefined, leftOut: expect.stringMatching(/^it cannot be written as JSON \(.*BigInt/) });
    expect(kept(Symbol('s'))).toEqual({ value: undefined, leftOut: 'it is a symbol, which JSON does not know' });
  });

  it.each(['', '{}', '[2,7]', '[1]', '[1,2,3,4]'])('says so when the node was written over with %j', (text) => {
    expect(decodeResult(Buffer.from(text))).toEqual({ value: undefined, leftOut: expect.stringMatching(/cannot be read/) });
  });
});
