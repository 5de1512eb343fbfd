import { describe, expect, it } from 'vitest';
import { endsBy, hasNotRun, isForgotten, next, toKeepOf, type TriggerNode } from '../../../../src/zookeeper/jobs/record/trigger.state.js';
import { NO_RUN, type StoredVerdict } from '../../../../src/zookeeper/jobs/record/verdict.js';
import { emptyRecord, entry } from '../decide/situations.js';

const request = { id: 't1', input: { day: 1 }, by: 'anna', atMs: 5 };
const ran: StoredVerdict = { ...NO_RUN, outcome: 'ran', trigger: 't1' };
const skipped: StoredVerdict = { ...NO_RUN, outcome: 'skipped', reason: 'overlap', trigger: 't1' };
const [waiting, started, ended, refused]: readonly TriggerNode[] = [
  { ...request, state: 'waiting' },
  { ...request, state: 'started' },
  { ...request, state: 'ended', verdict: ran },
  { ...request, state: 'refused', verdict: skipped },
] as const;
const all = { waiting, started, ended, refused } as Record<TriggerNode['state'], TriggerNode>;
/** Records that name it as waiting, as running, and not at all. */
const names = { ...emptyRecord, triggers: ['t0', 't1'] };
const runs = { ...emptyRecord, running: [entry({ trigger: 't1' })] };
const lacks = { ...emptyRecord, triggers: ['t0'], running: [entry({ trigger: 't2' })] };

describe('a trigger', () => {
  it.each(Object.values(all))('that is $state becomes what its change says, and keeps what was asked for', (was) => {
    expect(next(was, { id: 't1', state: 'started' })).toEqual({ ...request, state: 'started' });
    expect(next(was, { id: 't1', state: 'ended', verdict: ran })).toEqual(ended);
    expect(next(was, { id: 't1', state: 'refused', verdict: skipped })).toEqual(refused);
    const asked = { by: 'bob', atMs: 9 };
    expect(next(was, { id: 't1', state: 'waiting', asked })).toEqual({ ...request, ...asked, state: 'waiting' });
  });

  it('is refused by a verdict that nothing ran, and ended by any other; verdicts about ticks end none', () => {
    const result = { kind: 'json', json: '7' } as const;
    const interrupted: StoredVerdict = { ...ran, outcome: 'interrupted', trigger: 't2' };
    const ends = endsBy([skipped, { ...NO_RUN, outcome: 'ran', trigger: undefined }, interrupted], new Map([['t2', result]]));
    expect(ends).toEqual([
      { id: 't1', state: 'refused', verdict: skipped, result: undefined },
      { id: 't2', state: 'ended', verdict: interrupted, result },
    ]);
  });

  it('is forgotten when it waits or runs and the record names it neither as waiting nor as running', () => {
    const forgotten = Object.values(all).filter((trigger) => isForgotten(lacks, trigger));
    expect(forgotten).toEqual([waiting, started]);
    for (const record of [names, runs]) expect(Object.values(all).filter((trigger) => isForgotten(record, trigger))).toEqual([]);
  });

  it('has not run when it was refused, or forgotten before its start', () => {
    expect(Object.values(all).filter((trigger) => hasNotRun(lacks, trigger))).toEqual([waiting, refused]);
    expect(Object.values(all).filter((trigger) => hasNotRun(names, trigger))).toEqual([refused]);
  });

  it('makes room with its answer when it may have run, wholly when it has not, and not at all as long as it waits or runs', () => {
    const kept = (record: typeof names): string[] => Object.values(all).map((trigger) => toKeepOf(record, trigger));
    expect(kept(names)).toEqual(['everything', 'everything', 'answer', 'nothing']);
    expect(kept(lacks)).toEqual(['nothing', 'answer', 'answer', 'nothing']);
    expect(toKeepOf(names, undefined)).toBe('nothing');
  });
});
