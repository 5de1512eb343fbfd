import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeTrigger,
  encodeTrigger,
  MAX_INPUT_BYTES,
  TriggerInputError,
} from '../../../../src/zookeeper/jobs/persistence/codec/trigger-codec.js';
import type { TriggerNode, TriggerState } from '../../../../src/zookeeper/jobs/record/trigger.state.js';
import { NO_RUN, type StoredVerdict } from '../../../../src/zookeeper/jobs/record/verdict.js';
import { verdicts } from './arbitraries.js';

const skipped: StoredVerdict = { ...NO_RUN, outcome: 'skipped' };

const trigger: TriggerNode = {
  id: 't1',
  input: { day: '2026-11-21', all: [1, null] },
  by: 'me:1',
  atMs: 5,
  state: 'waiting',
};

describe('the node of a trigger', () => {
  it('reads back as it was written, with any JSON as input', () => {
    const states = fc.oneof(
      fc.constantFrom('waiting' as const, 'started' as const).map((state): TriggerState => ({ state })),
      fc.record({ state: fc.constantFrom('ended' as const, 'refused' as const), verdict: verdicts }),
    );
    fc.assert(
      fc.property(fc.option(fc.jsonValue(), { nil: undefined }), states, (input, state) => {
        const whole = {
          ...trigger,
          input: input === undefined ? undefined : (JSON.parse(JSON.stringify(input)) as unknown),
          ...state,
        };
        expect(decodeTrigger(encodeTrigger(whole))).toEqual({ trigger: whole, problem: undefined });
      }),
    );
    for (const input of [undefined, null, 0, '', false, []])
      expect(decodeTrigger(encodeTrigger({ ...trigger, input })).trigger).toEqual({ ...trigger, input });
  });

  it('takes an input of 64 KiB, and a verdict beside it, and refuses a longer one', () => {
    const input = 'x'.repeat(MAX_INPUT_BYTES - 2);
    const ended = { ...trigger, input, state: 'ended' as const, verdict: fc.sample(verdicts, 1)[0] ?? skipped };
    expect(decodeTrigger(encodeTrigger(ended)).trigger).toEqual(ended);
    expect(() => encodeTrigger({ ...trigger, input: `${input}x` })).toThrow(TriggerInputError);
    expect(() => encodeTrigger({ ...trigger, input: 'ü'.repeat(MAX_INPUT_BYTES / 2) })).toThrow(
      /ZK_TRIGGER_INPUT.*65538 bytes.*at most 65536/,
    );
  });

  it('refuses what is not JSON, and says so', () => {
    const loop: unknown[] = [];
    loop.push(loop);
    for (const input of [5n, loop, () => 5, Symbol('x')]) expect(() => encodeTrigger({ ...trigger, input })).toThrow(TriggerInputError);
    expect(() => encodeTrigger({ ...trigger, input: 5n })).toThrow(/cannot be written as JSON \(.*BigInt/);
    expect(() => encodeTrigger({ ...trigger, input: () => 5 })).toThrow(/is a function, which JSON does not know/);
  });

  const written = encodeTrigger(trigger).toString();
  const refused = encodeTrigger({ ...trigger, state: 'refused', verdict: skipped }).toString();
  it.each([
    ['', 'it is empty'],
    ['x', 'JSON'],
    ['[]', 'it is no list'],
    [`[${written.slice(1, written.indexOf(']') + 1)},"${'x'.repeat(MAX_INPUT_BYTES)}"]`, 'at most 65536'],
    [written.replace('[[1,', '[[2,'), 'its format is 2'],
    [written.replace('"waiting"', '"wait"'), 'its state is "wait"'],
    [written.replace('"t1"', '1'), 'who asked for it'],
    [written.replace(',0]', ']'), 'a part is missing'],
    [written.replace(',0]', ',[[],[]]]'), 'more than one verdict'],
    [written.replace(',0]', ',5]'), 'the verdicts are no list'],
    [written.replace('"waiting"', '"refused"'), 'it is refused, and has no verdict'],
    [refused.replace('"refused"', '"started"'), 'it is started, and has a verdict'],
  ])('says what is wrong with %j: %s', (text, problem) => {
    expect([written, refused]).not.toContain(text);
    expect(decodeTrigger(Buffer.from(text))).toMatchObject({ trigger: undefined, problem: expect.stringContaining(problem) });
  });
});
