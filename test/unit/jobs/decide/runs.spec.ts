import { heldBy, NOBODY } from '../../../../src/zookeeper/jobs/record/job-record.js';
import { describe, expect, it } from 'vitest';
import { entry, Listed, finished, inShort, ME, OTHER, planFor, second, tickAt, CREATED_MS } from './situations.js';

const gone = new Set([OTHER]);
const nothing = { record: undefined, start: undefined, verdicts: [], again: false };
const theirs = entry({ holder: heldBy(OTHER), election: 'theirs', token: 5n });

describe('a run that has ended here', () => {
  it('leaves the record with its verdict', () => {
    const plan = planFor(3.9, { record: { running: [entry()] }, finished: [finished({ attempt: 2 })] });
    expect(plan.record).toMatchObject({ running: [], succeededMs: CREATED_MS + 3_500 });
    expect(plan.verdicts).toEqual([
      {
        outcome: 'ran',
        reason: undefined,
        tick: second(3),
        until: undefined,
        count: 1,
        trigger: undefined,
        cause: 'schedule',
        attempt: 2,
        startedMs: CREATED_MS + 3_000,
        durationMs: 500,
        by: 'me:1',
        token: 7n,
        error: undefined,
      },
    ]);
  });

  it('is written down without a mastership, and nothing else is', () => {
    const record = { running: [entry(), { ...theirs, claim: 'b' }], triggers: ['t'], alarmedMs: 5 };
    const plan = planFor(9, { tenure: undefined, record, gone, finished: [finished()] });
    expect(plan.record).toMatchObject({ running: [{ claim: 'b' }], triggers: ['t'], cursor: second(3) });
    expect(inShort(plan.verdicts)).toEqual(['ran 3']);
    expect(plan).toMatchObject({ start: undefined, wakeAtMs: undefined, waitsFor: [], again: false, alarm: 'cleared' });
  });

  it('is dropped, and told, when somebody else has decided about it', () => {
    for (const running of [[], [theirs], [entry({ holder: NOBODY })]].map((each) => each.map((run) => ({ ...run, claim: 'x' })))) {
      const claim = running[0]?.holder.kind === 'nobody' ? 'x' : 'a-claim';
      const plan = planFor(3.9, { tenure: undefined, record: { running }, finished: [finished({ claim })] });
      expect(plan).toMatchObject({ ...nothing, dropped: [claim] });
    }
  });

  it('keeps its error and its reason, and is no success', () => {
    const failed = finished({ outcome: 'failed', reason: 'timeout', error: 'too slow' });
    const plan = planFor(3.9, { record: { running: [entry()] }, finished: [failed] });
    expect(plan.verdicts).toMatchObject([{ outcome: 'failed', reason: 'timeout', error: 'too slow' }]);
    expect(plan.record?.succeededMs).toBeUndefined();
  });

  it('never takes back a later success', () => {
    const plan = planFor(3.9, { record: { running: [entry()], succeededMs: CREATED_MS + 9_000 }, finished: [finished()] });
    expect(plan.record?.succeededMs).toBe(CREATED_MS + 9_000);
  });

  it('is given back when it was cut short, or not started; only a start counts', () => {
    const released = planFor(3.9, { tenure: undefined, record: { running: [entry()] }, finished: [finished({ outcome: 'released' })] });
    expect(released).toMatchObject({ record: { running: [entry({ holder: NOBODY, cause: 'rerun' })] }, verdicts: [] });
    const unstarted = planFor(3.9, { tenure: undefined, record: { running: [entry()] }, finished: [finished({ outcome: 'unstarted' })] });
    expect(unstarted).toMatchObject({ record: { running: [entry({ holder: NOBODY, starts: 0 })] }, verdicts: [] });
  });
});

describe('failures of runs without a claim', () => {
  it('become verdicts, with or without a mastership', () => {
    const plan = planFor(3.9, { record: { running: [entry()] }, finished: [finished()] });
    const reports = plan.verdicts;
    for (const tenure of [undefined, { member: ME, election: 'mine', token: 7n }]) {
      const told = planFor(3.9, { tenure, reports });
      expect(told.verdicts).toEqual(reports);
      expect(told.record).toBeDefined();
    }
  });
});

describe('the run of a replica that is gone', () => {
  it('is interrupted, and the next tick runs in the same change', () => {
    const plan = planFor(4, { record: { running: [theirs] }, gone });
    expect(inShort(plan.verdicts)).toEqual(['interrupted replica gone 3']);
    expect(plan.verdicts[0]).toMatchObject({ startedMs: theirs.startedMs, token: 5n, attempt: undefined, cause: 'schedule', by: 'me:1' });
    expect(plan).toMatchObject({ record: { running: [{ tick: second(4) }] }, waitsFor: [] });
  });

  it('is told with the address of that replica, where it is known', () => {
    const addresses = new Map([[OTHER, '10.0.0.7:9090']]);
    const [verdict] = planFor(3.9, { record: { running: [theirs] }, gone, addresses }).verdicts;
    expect(verdict?.error).toBe('It was claimed on 10.0.0.7:9090, which has gone.');
    expect(planFor(3.9, { record: { running: [theirs] }, gone }).verdicts[0]?.error).toBeUndefined();
  });

  it('is left to its replica while that lives, which is waited for', () => {
    expect(planFor(3.9, { record: { running: [theirs] } })).toMatchObject({ ...nothing, waitsFor: [OTHER] });
  });

  it('is left alone when it goes on in this process, whatever the list of members says', () => {
    const mine = { record: { running: [entry()] }, gone: new Set([ME]), live: new Set(['a-claim']) };
    expect(planFor(3.9, mine)).toMatchObject({ ...nothing, waitsFor: [] });
    const before = { record: { running: [theirs] }, gone, live: new Set(['a-claim']) };
    expect(planFor(3.9, before)).toMatchObject({ ...nothing, waitsFor: [] });
  });

  it('is started again with "rerun", under a new claim, as often as that says', () => {
    const rules = { onInterrupted: { rerun: 2 } };
    for (const starts of [1, 2]) {
      const plan = planFor(3.9, { rules, record: { running: [{ ...theirs, starts }] }, gone });
      const start = entry({ claim: 'new-claim', cause: 'rerun', starts: starts + 1, startedMs: CREATED_MS + 3_900 });
      expect(plan).toMatchObject({ start, verdicts: [], record: { running: [start], cursor: second(3) }, again: false });
    }
    const last = planFor(3.9, { rules, record: { running: [{ ...theirs, starts: 3 }] }, gone });
    expect(inShort(last.verdicts)).toEqual(['interrupted replica gone 3']);
    expect(last.start).toBeUndefined();
  });

  it('is started again before any tick, which waits for the next look', () => {
    const plan = planFor(4, { rules: { onInterrupted: { rerun: 1 } }, record: { running: [theirs] }, gone });
    expect(plan.start).toMatchObject({ tick: second(3), cause: 'rerun' });
    expect(plan).toMatchObject({ verdicts: [], record: { cursor: second(3) } });
  });

  it('has to wait with "rerun" for another replica whose run goes on, where runs may not overlap', () => {
    const record = { running: [theirs, entry({ claim: 'b', tick: second(2), holder: heldBy('version~third') })] };
    const rules = { onInterrupted: { rerun: 1 } };
    expect(planFor(3.9, { rules, record, gone })).toMatchObject({ ...nothing, waitsFor: ['version~third'] });
    expect(planFor(3.9, { rules: { ...rules, overlap: 'allow' }, record, gone }).start).toMatchObject({ tick: second(3) });
  });

  it('is one of several: one start in each change, ticks only when all are started', () => {
    const record = { running: [theirs, entry({ ...theirs, claim: 'b', tick: second(2) })] };
    const rules = { onInterrupted: { rerun: 1 }, overlap: 'allow' } as const;
    const plan = planFor(4, { rules, record, gone });
    expect(plan).toMatchObject({ start: { tick: second(3) }, again: true, verdicts: [], record: { cursor: second(3) } });
    const next = planFor(4, { rules, record: plan.record ?? {}, gone, live: new Set(['new-claim']), newClaim: 'c' });
    expect(next).toMatchObject({ start: { tick: second(2) }, record: { cursor: second(3) }, again: true });
  });

  it('is put on hold while the job is paused, and runs again when it is resumed', () => {
    const rules = { onInterrupted: { rerun: 1 } };
    const record = { running: [theirs], pausedMs: CREATED_MS + 3_100 };
    const held = planFor(9, { rules, record, gone });
    expect(held).toMatchObject({ start: undefined, verdicts: [], record: { running: [{ ...theirs, holder: NOBODY, cause: 'rerun' }] } });
    expect(planFor(9, { rules, record: held.record ?? {}, gone })).toMatchObject(nothing);
    const resumed = { ...held.record, pausedMs: undefined, resumedMs: CREATED_MS + 9_000 };
    expect(planFor(9, { rules, record: resumed, gone }).start).toMatchObject({ tick: second(3), cause: 'rerun', starts: 2 });
    expect(inShort(planFor(9, { record, gone }).verdicts)).toEqual(['interrupted replica gone 3']);
  });

  it('that was triggered is treated the same, also while the job is paused', () => {
    const triggered = { ...theirs, tick: undefined, trigger: 't', cause: 'trigger' } as const;
    const record = { running: [triggered], pausedMs: CREATED_MS };
    expect(inShort(planFor(9, { record, gone }).verdicts)).toEqual(['interrupted replica gone t']);
    const again = planFor(9, { record, gone, rules: { onInterrupted: { rerun: 1 } } });
    expect(again.start).toMatchObject({ trigger: 't', cause: 'rerun', starts: 2 });
    expect(again.start?.tick).toBeUndefined();
  });
});

describe('a run that may be started again', () => {
  const rules = { onInterrupted: { rerun: 2 } } as const;
  const released = entry({ holder: NOBODY, cause: 'rerun' });

  it('waits for its turn in catching up, and stands in the way of nothing until then', () => {
    const waiting = planFor(3.9, { rules, record: { running: [theirs] }, gone, mayCatchUp: false });
    const freed = { ...theirs, holder: NOBODY, cause: 'rerun', attempted: 1 };
    expect(waiting).toMatchObject({ start: undefined, waitsForCatchUp: true, verdicts: [], record: { running: [freed] } });
    const again = planFor(3.95, { rules, record: waiting.record ?? {}, mayCatchUp: false });
    expect(again).toMatchObject({ record: undefined, start: undefined, waitsForCatchUp: true });
    const tick = planFor(4, { rules, record: waiting.record ?? {}, mayCatchUp: false });
    expect(tick).toMatchObject({ start: { tick: second(4), cause: 'schedule' }, catchesUp: false, waitsForCatchUp: true });
    const turn = planFor(3.95, { rules, record: waiting.record ?? {} });
    expect(turn).toMatchObject({ start: { tick: second(3), cause: 'rerun', starts: 2 }, catchesUp: true });
  });

  it.each([
    ['was cut short with its replica', theirs, gone, 'replica gone'],
    ['was given back', released, new Set<string>(), 'mastership lost'],
  ] as const)('and %s is not started by a version that has disabled the job', (_, running, members, reason) => {
    const plan = planFor(3.9, { rules, record: { running: [running] }, gone: members, disabled: true, schedule: undefined });
    expect(inShort(plan.verdicts)).toEqual([`interrupted ${reason} 3`]);
    expect(plan.start).toBeUndefined();
  });

  it('and was triggered is not started by a version that has disabled the job, where new triggers still are', () => {
    const running = [{ ...theirs, tick: undefined, trigger: 't', cause: 'trigger' } as const];
    const plan = planFor(3.9, { rules, record: { running, triggers: ['u'] }, gone, disabled: true, schedule: undefined });
    expect(inShort(plan.verdicts)).toEqual(['interrupted replica gone t']);
    expect(plan.start).toMatchObject({ trigger: 'u', cause: 'trigger' });
  });

  it('and was never started is missed by a version that has disabled the job', () => {
    const running = [entry({ holder: NOBODY, starts: 0 })];
    const plan = planFor(3.1, { rules, record: { running }, disabled: true, schedule: undefined });
    expect(inShort(plan.verdicts)).toEqual(['missed late 3']);
  });

  it('is not started when its tick lies further back than the window', () => {
    const old = { rules: { ...rules, misfireWindowMs: 2_000 }, schedule: undefined };
    expect(planFor(5, { ...old, record: { running: [theirs] }, gone }).start).toMatchObject({ cause: 'rerun' });
    expect(inShort(planFor(5.001, { ...old, record: { running: [theirs] }, gone }).verdicts)).toEqual(['interrupted replica gone 3']);
    expect(inShort(planFor(5.001, { ...old, record: { running: [released] } }).verdicts)).toEqual(['interrupted mastership lost 3']);
    const triggered = { ...theirs, tick: undefined, trigger: 't', cause: 'trigger' } as const;
    expect(planFor(99, { ...old, record: { running: [triggered] }, gone }).start).toMatchObject({ trigger: 't', cause: 'rerun' });
  });

  it('counts its attempts on: those that were told, and those that a process which died may have made', () => {
    const ended = finished({ outcome: 'released', attempt: 2 });
    const first = planFor(3.9, { rules, record: { running: [entry()] }, finished: [ended], tenure: undefined });
    expect(first.record?.running).toMatchObject([{ holder: NOBODY, starts: 1, attempted: 2 }]);
    const again = planFor(3.9, { rules, record: first.record ?? {} });
    expect(again.start).toMatchObject({ starts: 2, attempted: 2 });
    const retrying = { ...rules, retry: { attempts: 3, backoffMs: 1 } };
    expect(planFor(3.9, { rules: retrying, record: { running: [{ ...theirs, starts: 2 }] }, gone }).start).toMatchObject({
      starts: 3,
      attempted: 6,
    });
    const unstarted = finished({ outcome: 'unstarted', attempt: 2, claim: 'new-claim' });
    const back = planFor(3.95, { rules, record: again.record ?? {}, finished: [unstarted], tenure: undefined });
    expect(back.record?.running).toMatchObject([{ holder: NOBODY, starts: 1, attempted: 2 }]);
  });
});

describe('a run of this replica that it does not know', () => {
  it('is interrupted', () => {
    expect(inShort(planFor(3.9, { record: { running: [entry()] } }).verdicts)).toEqual(['interrupted mastership lost 3']);
    expect(planFor(3.9, { record: { running: [entry()] }, live: new Set(['a-claim']) })).toMatchObject(nothing);
  });
});

describe('a run that was given back', () => {
  it('that was never started is claimed again, with its own cause and before any later tick', () => {
    for (const cause of ['schedule', 'misfire'] as const) {
      const plan = planFor(4, { record: { running: [entry({ holder: NOBODY, cause, starts: 0 })] } });
      expect(plan.start).toMatchObject({ tick: second(3), cause: 'schedule', starts: 1, claim: 'new-claim', holder: heldBy(ME) });
      expect(plan).toMatchObject({ verdicts: [], catchesUp: false });
    }
  });

  describe('and was never started, is as late as one that nobody has claimed', () => {
    const unstarted = entry({ holder: NOBODY, starts: 0, attempted: 0 });
    /** Nothing else is due. */
    const alone = { record: { running: [unstarted] }, schedule: new Listed([second(3)]) };

    it('so it is missed when it is too old, whatever the policy', () => {
      for (const misfire of ['skip', 'run-latest', 'run-all'] as const) {
        const plan = planFor(5.1, { ...alone, rules: { misfire, misfireWindowMs: 2_000 } });
        expect(inShort(plan.verdicts), misfire).toEqual(['missed too old 3']);
        expect(plan.verdicts[0]).toMatchObject({ startedMs: undefined, attempt: undefined, token: undefined });
        expect(plan.start).toBeUndefined();
      }
    });

    it('so "skip" misses it', () => {
      expect(inShort(planFor(4.1, { ...alone, rules: { misfire: 'skip' } }).verdicts)).toEqual(['missed late 3']);
    });

    it('so "run-latest" runs it as a misfire when nothing later is due, and else misses it', () => {
      const late = planFor(60, alone);
      expect(late).toMatchObject({ start: { tick: second(3), cause: 'misfire', starts: 1 }, catchesUp: true, verdicts: [] });
      const superseded = planFor(5, { record: { running: [unstarted] }, schedule: new Listed([second(3), second(5)]) });
      expect(inShort(superseded.verdicts)).toEqual(['missed late 3']);
      expect(superseded.start).toMatchObject({ tick: second(5), cause: 'schedule' });
    });

    it('so "run-latest" misses it for a later one that was given back as well, and for nothing else that is there', () => {
      const later = entry({ ...unstarted, claim: 'b', tick: second(5) });
      const both = planFor(60, { ...alone, record: { running: [unstarted, later], cursor: second(5) } });
      expect(inShort(both.verdicts)).toEqual(['missed late 3']);
      expect(both.start).toMatchObject({ tick: second(5), cause: 'misfire' });
      const going = entry({ claim: 'b', tick: second(5) });
      const beside = { ...alone, rules: { overlap: 'allow' }, live: new Set(['b']) } as const;
      const held = planFor(60, { ...beside, record: { running: [unstarted, going], cursor: second(5) } });
      expect(held).toMatchObject({ start: { tick: second(3), cause: 'misfire' }, verdicts: [] });
      const trigger = entry({ ...unstarted, claim: 'b', tick: undefined, trigger: 't', cause: 'trigger' });
      const triggered = planFor(60, { ...alone, record: { running: [unstarted, trigger] } });
      expect(triggered).toMatchObject({ start: { tick: second(3), cause: 'misfire' }, verdicts: [] });
    });

    it('so it is late after a second, too old after the window, and from before a resumption up to that moment', () => {
      const skip = { ...alone, rules: { misfire: 'skip' } } as const;
      expect(planFor(4, skip)).toMatchObject({ start: { tick: second(3), cause: 'schedule' }, verdicts: [] });
      expect(inShort(planFor(4.001, skip).verdicts)).toEqual(['missed late 3']);
      const window = { ...alone, rules: { misfireWindowMs: 2_000 } };
      expect(planFor(5, window)).toMatchObject({ start: { tick: second(3), cause: 'misfire' }, verdicts: [] });
      expect(inShort(planFor(5.001, window).verdicts)).toEqual(['missed too old 3']);
      const resumed = (resumedMs: number) => planFor(3.9, { ...alone, record: { running: [unstarted], resumedMs } });
      expect(inShort(resumed(CREATED_MS + 3_000).verdicts)).toEqual(['missed late 3']);
      expect(resumed(CREATED_MS + 2_999).start).toMatchObject({ tick: second(3) });
    });

    it('so "run-all" runs it in its turn, before every later one', () => {
      const rules = { misfire: 'run-all' } as const;
      const waiting = planFor(9.5, { rules, record: { running: [unstarted] }, mayCatchUp: false });
      expect(waiting).toMatchObject({ record: undefined, start: undefined, verdicts: [], waitsForCatchUp: true });
      // Those that need no turn of their own stand behind it, too.
      const behind = planFor(9.5, { rules, record: { running: [unstarted] }, mayCatchUp: false, behindSinceMs: CREATED_MS + 3_500 });
      expect(behind).toMatchObject({ record: undefined, start: undefined });
      expect(planFor(9.5, { rules, record: { running: [unstarted] } })).toMatchObject({
        start: { tick: second(3), cause: 'misfire' },
        record: { cursor: second(3) },
        catchesUp: true,
      });
    });

    it('so it overlaps what runs when it is on time', () => {
      const other = entry({ tick: undefined, trigger: 't', cause: 'trigger', claim: 'b' });
      const going = { record: { running: [unstarted, other] }, live: new Set(['b']) };
      expect(inShort(planFor(3.9, going).verdicts)).toEqual(['skipped overlap 3']);
      expect(planFor(3.9, { ...going, rules: { overlap: 'queue-latest' } })).toMatchObject({ record: undefined, verdicts: [] });
      expect(inShort(planFor(4, { ...going, rules: { overlap: 'queue-latest' } }).verdicts)).toEqual(['skipped overlap 3']);
      expect(planFor(3.9, { ...going, rules: { overlap: 'allow' } }).start).toMatchObject({ tick: second(3), cause: 'schedule' });
    });
  });

  it('that was cut short follows the rule of this master for reruns', () => {
    const record = { running: [entry({ holder: NOBODY, cause: 'rerun' })] };
    expect(planFor(3.9, { record, rules: { onInterrupted: { rerun: 1 } } }).start).toMatchObject({ cause: 'rerun', starts: 2 });
    expect(inShort(planFor(3.9, { record }).verdicts)).toEqual(['interrupted mastership lost 3']);
  });

  it('waits while the job is paused, and is missed when it was due before the job was resumed and never started', () => {
    const running = [entry({ holder: NOBODY, starts: 0 })];
    expect(planFor(9, { record: { running, pausedMs: CREATED_MS + 3_500 } })).toMatchObject(nothing);
    const plan = planFor(9, { record: { running, resumedMs: CREATED_MS + 9_000 } });
    expect(inShort(plan.verdicts)).toEqual(['missed late 3']);
    expect(plan.verdicts[0]).toMatchObject({ startedMs: undefined, attempt: undefined });
    expect(plan.record).toMatchObject({ running: [] });
  });

  it('does not stand in the way of a trigger while the job is paused', () => {
    const record = { running: [entry({ holder: NOBODY, starts: 0 })], pausedMs: CREATED_MS + 3_500, triggers: ['t'] };
    const { start } = planFor(9, { record });
    expect(start).toMatchObject({ trigger: 't', cause: 'trigger' });
    expect(start?.tick).toBeUndefined();
  });

  it('is not taken for running elsewhere', () => {
    const running = [entry({ holder: NOBODY, starts: 0, tick: tickAt(5) })];
    expect(planFor(9, { record: { running, pausedMs: 9 } }).waitsFor).toEqual([]);
  });
});
