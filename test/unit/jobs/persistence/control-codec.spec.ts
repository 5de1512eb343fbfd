import { describe, expect, it } from 'vitest';
import {
  boundControl,
  decodeControl,
  encodeControl,
  MAX_BY_LENGTH,
  MAX_CHANGE_LENGTH,
  MAX_CONTROL_BYTES,
} from '../../../../src/zookeeper/jobs/persistence/codec/control-codec.js';
import { MAX_AUDIT, MAX_DECLARATIONS, type Declaration, type JobControl } from '../../../../src/zookeeper/jobs/record/job-control.js';

const declaration: Declaration = {
  version: '1.0.0',
  schedule: { cronTime: '0 0 2 * * *', timeZone: 'Asia/Shanghai' },
  kind: 'cron',
  claim: 'tick',
  election: 'AccountService:1.0.0',
  maxSilenceMs: 5_000,
  disabled: false,
};
const interval: Declaration = {
  ...declaration,
  version: '2',
  schedule: undefined,
  kind: 'interval',
  claim: 'none',
  maxSilenceMs: undefined,
};
const control: JobControl = {
  declared: [declaration, interval],
  inForce: { from: 'code', version: '1.0.0' },
  audit: [{ atMs: 5, by: 'me:1 (Ann)', kind: 'paused', change: 'paused' }],
};

describe('the control node of a job', () => {
  it('reads back as it was written, whatever the order of its fields was', () => {
    for (const each of [control, { ...control, inForce: { from: 'control' as const } }, { ...control, declared: [], audit: [] }])
      expect(decodeControl(encodeControl(each))).toEqual({ control: each, problem: undefined });
    const { version, ...rest } = declaration;
    const turned = { ...control, declared: [{ ...rest, version, more: 5 }] };
    expect(decodeControl(encodeControl(turned)).control?.declared).toEqual([declaration]);
  });

  it('keeps the newest declarations, and always the one in force', () => {
    const declared = Array.from({ length: MAX_DECLARATIONS + 3 }, (_, n) => ({ ...declaration, version: `v${n}` }));
    const versions = (of: JobControl): string[] => boundControl(of).declared.map(({ version }) => version);
    expect(versions({ ...control, declared, inForce: { from: 'control' } })).toEqual(declared.slice(3).map(({ version }) => version));
    expect(versions({ ...control, declared, inForce: { from: 'code', version: 'v1' } })).toEqual([
      'v1',
      ...declared.slice(4).map(({ version }) => version),
    ]);
    expect(versions({ ...control, declared, inForce: { from: 'code', version: 'v9' } })).toEqual(
      declared.slice(3).map(({ version }) => version),
    );
  });

  it('keeps the newest audit entries, with long texts cut', () => {
    const audit = Array.from({ length: MAX_AUDIT + 5 }, (_, n) => ({
      atMs: n,
      by: 'b'.repeat(5_000),
      kind: 'other' as const,
      change: 'c'.repeat(5_000),
    }));
    const bounded = boundControl({ ...control, audit }).audit;
    expect(bounded.map(({ atMs }) => atMs)).toEqual(audit.slice(5).map(({ atMs }) => atMs));
    expect(bounded[0]).toEqual({
      atMs: 5,
      by: `${'b'.repeat(MAX_BY_LENGTH - 1)}…`,
      kind: 'other',
      change: `${'c'.repeat(MAX_CHANGE_LENGTH - 1)}…`,
    });
  });

  it.each([
    ['paused', 'paused'],
    ['resumed', 'resumed'],
    ['rescheduled', 'rescheduled to "0 0 2 * * *" (UTC), before "0 0 * * * *" (UTC)'],
    ['rescheduled', 'rescheduled to that of the code of version 1.0, "0 0 * * * *" (UTC), before "0 0 2 * * *" (UTC)'],
    ['reset', 'claims reset: 1 running, 2 due, 0 triggers'],
    ['in force', 'schedule of version 1.1 in force: "0 0 2 * * *" (UTC), before "0 0 * * * *" (UTC)'],
    ['declared', 'declared anew by version 1.1: "0 0 2 * * *" (UTC), disabled, before "0 0 2 * * *" (UTC)'],
    ['other', 'painted green'],
  ])('knows an audit entry of kind "%s" by its words, which are all that is written: %s', (kind, change) => {
    const data = Buffer.from(written.replace('[5,"me:1 (Ann)","paused"]', JSON.stringify([5, 'me:1 (Ann)', change])));
    expect(decodeControl(data).control?.audit).toEqual([{ atMs: 5, by: 'me:1 (Ann)', kind, change }]);
  });

  it('stays far below the limit of a node with the longest texts', () => {
    const long = '\u0001'.repeat(256);
    const spec = { cronTime: long, timeZone: long.slice(0, 40) };
    const declared = Array.from({ length: 20 }, () => ({ ...declaration, version: long, election: long.repeat(3), schedule: spec }));
    const audit = Array.from({ length: 100 }, () => ({
      atMs: 1_790_000_000_000,
      by: long.repeat(9),
      kind: 'other' as const,
      change: long.repeat(9),
    }));
    const data = encodeControl({ declared, inForce: { from: 'code', version: long }, audit });
    expect(data.length).toBeLessThanOrEqual(MAX_CONTROL_BYTES);
    expect(decodeControl(data).problem).toBeUndefined();
  });

  const written = encodeControl(control).toString();
  it.each([
    ['', 'it is empty'],
    ['x', 'JSON'],
    ['[]', 'it is no object'],
    [`${written}\n`, 'not written as this library writes it'],
    [written.replace('"format":1', '"format":2'), 'its format is 2'],
    [written.replace('"cron"', '"crun"'), 'no known kind'],
    [written.replace('"tick"', '"tock"'), 'no known claim'],
    [written.replace('"disabled":false', '"disabled":0'), 'whether it is disabled'],
    [written.replace('5000', '-5'), 'no duration'],
    [written.replace('"from":"code"', '"from":"me"'), 'which schedule is in force'],
    [written.replace('"paused"', '5'), 'when, who and what'],
    [written.replace('"version":"2"', '"version":2'), 'no version or election'],
    [written.replace('"cronTime":"0 0 2 * * *"', '"cronTime":0'), 'no cronTime or timeZone'],
    [written.replace(/"audit":.*/, '"audit":{}}'), 'its audit entries are no list'],
  ])('says what is wrong with %j: %s', (text, problem) => {
    expect(text).not.toBe(written);
    expect(decodeControl(Buffer.from(text))).toMatchObject({ control: undefined, problem: expect.stringContaining(problem) });
  });
});
