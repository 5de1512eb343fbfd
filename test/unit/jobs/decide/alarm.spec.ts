import { describe, expect, it } from 'vitest';
import { CREATED_MS, entry, finished, planFor, spec } from './situations.js';

/** Nothing is due before the alarm. */
const quiet = { rules: { claim: 'none', maxSilenceMs: 60_000 } } as const;
const at = (seconds: number): number => CREATED_MS + seconds * 1_000;

describe('the alarm about silence', () => {
  it('is raised once, when the job has not succeeded for longer than it may', () => {
    expect(planFor(60, quiet)).toMatchObject({ record: undefined, alarm: undefined, wakeAtMs: at(60) + 1 });
    const plan = planFor(60.001, quiet);
    expect(plan).toMatchObject({ alarm: 'raised', record: { alarmedMs: at(60.001) }, wakeAtMs: undefined });
    expect(planFor(90, { ...quiet, record: plan.record ?? {} })).toMatchObject({
      alarm: undefined,
      record: undefined,
      wakeAtMs: undefined,
    });
  });

  it.each([
    ['the last success', { succeededMs: at(30) }],
    ['the resumption', { resumedMs: at(30) }],
    ['the schedule that was put in force', { schedule: { ...spec, sinceMs: at(30) } }],
  ])('counts from %s', (_, record) => {
    expect(planFor(90, { ...quiet, record })).toMatchObject({ alarm: undefined, wakeAtMs: at(90) + 1 });
    expect(planFor(90.001, { ...quiet, record })).toMatchObject({ alarm: 'raised' });
    expect(planFor(90, { ...quiet, record: { ...record, alarmedMs: at(20) } })).toMatchObject({ alarm: 'cleared' });
  });

  it('is cleared by a success, also one that a replica writes down which is not master any more', () => {
    const record = { alarmedMs: at(61), running: [entry()] };
    const done = [finished({ endedMs: at(69) })];
    expect(planFor(70, { ...quiet, record, finished: done })).toMatchObject({ alarm: 'cleared', record: { alarmedMs: undefined } });
    expect(planFor(70, { ...quiet, record, finished: done, tenure: undefined })).toMatchObject({ alarm: 'cleared' });
    expect(planFor(70, { ...quiet, record, rules: { claim: 'none' }, finished: done })).toMatchObject({ alarm: 'cleared' });
    const failed = [finished({ outcome: 'failed', endedMs: at(69) })];
    expect(planFor(70, { ...quiet, record, finished: failed })).toMatchObject({ alarm: undefined, record: { alarmedMs: at(61) } });
  });

  it('stays, and is not told again, when the success that is written down is itself too long ago', () => {
    const record = { alarmedMs: at(61), running: [entry()] };
    const plan = planFor(500, { ...quiet, record, finished: [finished({ endedMs: at(69) })] });
    expect(plan).toMatchObject({ alarm: undefined, record: { alarmedMs: at(61), succeededMs: at(69) } });
  });

  it('is cleared by a pause, and not raised during one', () => {
    expect(planFor(90, { ...quiet, record: { pausedMs: at(5) } })).toMatchObject({
      alarm: undefined,
      record: undefined,
      wakeAtMs: undefined,
    });
    expect(planFor(90, { ...quiet, record: { pausedMs: at(5), alarmedMs: at(61) } })).toMatchObject({ alarm: 'cleared' });
  });

  it('is left to the version of the service that knows of a limit', () => {
    expect(planFor(90, { rules: { claim: 'none' }, record: { alarmedMs: at(61) } })).toMatchObject({ record: undefined, alarm: undefined });
  });

  it('of a job whose runs write nothing: a success is noted when half of the time has passed, and in time for an alarm', () => {
    const heard = { ...quiet, succeededMs: at(20) };
    expect(planFor(29, heard)).toMatchObject({ record: undefined, wakeAtMs: at(30) });
    const noted = planFor(30, heard);
    expect(noted).toMatchObject({ record: { succeededMs: at(20) }, alarm: undefined, wakeAtMs: at(80) + 1 });
    expect(planFor(31, { ...heard, record: noted.record ?? {} })).toMatchObject({ record: undefined, wakeAtMs: at(80) + 1 });
    expect(planFor(61, heard)).toMatchObject({ alarm: undefined });
    const alarmed = { ...quiet, succeededMs: at(70), record: { alarmedMs: at(61) } };
    expect(planFor(70, alarmed)).toMatchObject({ alarm: 'cleared', record: { succeededMs: at(70) } });
    expect(planFor(70, { ...heard, rules: { claim: 'none' } })).toMatchObject({ record: undefined });
  });
});
