import { describe, expect, it } from 'vitest';
import { CREATED_MS, entry, finished, inShort, planFor, second } from './situations.js';

const busy = { running: [entry()] };
const live = new Set(['a-claim']);

describe('a trigger', () => {
  it('starts when nothing runs, and moves no cursor', () => {
    const plan = planFor(3.5, { record: { triggers: ['t1'] } });
    expect(plan.start).toEqual(
      entry({ claim: 'new-claim', tick: undefined, trigger: 't1', cause: 'trigger', startedMs: CREATED_MS + 3_500 }),
    );
    expect(plan.record).toMatchObject({ triggers: [], running: [plan.start], cursor: second(3) });
  });

  it('starts while the job is paused, and for a job without slots', () => {
    expect(planFor(9, { record: { triggers: ['t1'], pausedMs: CREATED_MS } }).start).toMatchObject({ trigger: 't1' });
    const slotless = { record: { triggers: ['t1'], schedule: undefined }, schedule: undefined, rules: { claim: 'none' } } as const;
    expect(planFor(9, slotless).start).toMatchObject({ trigger: 't1' });
  });

  it('waits for a master', () => {
    expect(planFor(9, { record: { triggers: ['t1'] }, tenure: undefined })).toMatchObject({ record: undefined, start: undefined });
  });

  it('is refused with "skip" while the job runs, with a verdict', () => {
    const plan = planFor(3.5, { record: { ...busy, triggers: ['t1', 't2'] }, live });
    expect(inShort(plan.verdicts)).toEqual(['skipped overlap t1', 'skipped overlap t2']);
    expect(plan.record).toMatchObject({ triggers: [], running: busy.running });
    expect(plan.start).toBeUndefined();
  });

  it('is refused with "skip" by one that starts just before it', () => {
    const plan = planFor(3.5, { record: { triggers: ['t1', 't2'] } });
    expect(plan).toMatchObject({ start: { trigger: 't1' }, again: false });
    expect(inShort(plan.verdicts)).toEqual(['skipped overlap t2']);
  });

  it('waits with "queue-latest" until the run has ended', () => {
    const rules = { overlap: 'queue-latest' } as const;
    const record = { ...busy, triggers: ['t1', 't2'] };
    expect(planFor(3.5, { rules, record, live })).toMatchObject({ record: undefined, verdicts: [] });
    const plan = planFor(3.5, { rules, record, finished: [finished()] });
    expect(plan).toMatchObject({ start: { trigger: 't1' }, record: { triggers: ['t2'] }, again: false });
  });

  it('starts beside the run with "allow", one in each change, as long as there is room', () => {
    const rules = { overlap: 'allow' } as const;
    const plan = planFor(3.5, { rules, record: { ...busy, triggers: ['t1', 't2'] }, live });
    expect(plan).toMatchObject({ start: { trigger: 't1' }, record: { triggers: ['t2'] }, again: true });
    const running = [1, 2, 3, 4].map((n) => entry({ claim: `c${n}` }));
    const full = planFor(3.5, { rules, record: { running, triggers: ['t1'] }, live: new Set(running.map(({ claim }) => claim)) });
    expect(full).toMatchObject({ record: undefined, start: undefined, verdicts: [], again: false });
  });

  it('goes before a tick, which overlaps it only if it goes on until the next one is due', () => {
    const plan = planFor(4, { record: { triggers: ['t1'] } });
    expect(plan).toMatchObject({ start: { trigger: 't1' }, verdicts: [], record: { cursor: second(3) } });
    const started = plan.start === undefined ? [] : [plan.start];
    const meanwhile = planFor(4.9, { record: { running: started }, live: new Set(started.map(({ claim }) => claim)) });
    expect(inShort(meanwhile.verdicts)).toEqual(['skipped overlap 4']);
    const queued = planFor(4, { record: { triggers: ['t1'] }, rules: { overlap: 'queue-latest' } });
    expect(queued).toMatchObject({ start: { trigger: 't1' }, verdicts: [], record: { cursor: second(3) } });
  });

  it('has a verdict when its run has ended', () => {
    const running = [entry({ tick: undefined, trigger: 't1', cause: 'trigger' })];
    const plan = planFor(3.9, { record: { running }, finished: [finished()] });
    expect(plan.verdicts).toMatchObject([{ outcome: 'ran', trigger: 't1', tick: undefined, cause: 'trigger' }]);
  });
});
