import { describe, expect, it } from 'vitest';
import { decide } from '../../../../src/zookeeper/jobs/decide/decide.js';
import { heldBy, MAX_RUNNING, NOBODY } from '../../../../src/zookeeper/jobs/record/job-record.js';
import { MAX_CATCH_UP } from '../../../../src/zookeeper/jobs/run/job-rules.js';
import { endOf } from '../../../../src/zookeeper/jobs/schedule/tick.js';
import {
  CREATED_MS,
  entry,
  Every,
  finished,
  inSeconds,
  inShort,
  Listed,
  ME,
  OTHER,
  planFor,
  second,
  situation,
  spec,
} from './situations.js';

const atStart = { cursor: undefined };
/** Another replica's run of the third tick. */
const elsewhere = { running: [entry({ holder: heldBy(OTHER) })] };
/** This replica's run of the third tick. */
const here = { record: { running: [entry()] }, live: new Set(['a-claim']) };

describe('a tick', () => {
  it('is claimed when it is due, and passed by the cursor in the same change', () => {
    const plan = planFor(4);
    expect(plan.start).toEqual(
      entry({ claim: 'new-claim', tick: second(4), cause: 'schedule', startedMs: CREATED_MS + 4_000, holder: heldBy(ME), token: 7n }),
    );
    expect(plan.record).toMatchObject({ cursor: second(4), running: [plan.start] });
    expect(plan).toMatchObject({ verdicts: [], again: false, wakeAtMs: CREATED_MS + 5_000, waitsFor: [], waitsForCatchUp: false });
  });

  it('is not claimed a millisecond before, and looked at again when it is due', () => {
    expect(planFor(3.999)).toMatchObject({ record: undefined, start: undefined, verdicts: [], wakeAtMs: CREATED_MS + 4_000 });
  });

  it('is not claimed again once the cursor has passed it, also by a replica whose clock is behind', () => {
    expect(planFor(4, { record: { cursor: second(4) } })).toMatchObject({ record: undefined, start: undefined });
    expect(planFor(4, { record: { cursor: second(7) } })).toMatchObject({
      record: undefined,
      start: undefined,
      wakeAtMs: CREATED_MS + 8_000,
    });
  });

  it('counts from when the record was made, the schedule was put in force, or the job was resumed', () => {
    expect(planFor(0, { record: atStart })).toMatchObject({ start: undefined, wakeAtMs: CREATED_MS + 1_000 });
    expect(planFor(1, { record: atStart }).start?.tick).toEqual(second(1));
    const since = { schedule: { ...spec, sinceMs: CREATED_MS + 60_000 } };
    expect(planFor(60, { record: since })).toMatchObject({ record: undefined, wakeAtMs: CREATED_MS + 61_000 });
    expect(planFor(61, { record: since })).toMatchObject({ start: { tick: second(61) }, verdicts: [] });
    expect(planFor(60, { record: { resumedMs: CREATED_MS + 60_000 } })).toMatchObject({ record: undefined });
    expect(planFor(61, { record: { resumedMs: CREATED_MS + 60_000 } })).toMatchObject({ start: { tick: second(61) }, verdicts: [] });
    expect(planFor(61, { record: { cursor: endOf(CREATED_MS + 60_000) } })).toMatchObject({ start: { tick: second(61) }, verdicts: [] });
  });

  it('is left alone without a mastership, without slots, while paused, and when ticks are not claimed', () => {
    expect(planFor(9, { tenure: undefined })).toMatchObject({ record: undefined, start: undefined, wakeAtMs: undefined });
    expect(planFor(9, { schedule: undefined })).toMatchObject({ record: undefined, wakeAtMs: undefined });
    expect(planFor(9, { record: { schedule: undefined } })).toMatchObject({ record: undefined, wakeAtMs: undefined });
    expect(planFor(9, { record: { pausedMs: CREATED_MS + 5_000 } })).toMatchObject({ record: undefined, wakeAtMs: undefined });
    expect(planFor(9, { rules: { claim: 'none' } })).toMatchObject({ record: undefined, wakeAtMs: undefined });
  });

  it('settles the run before and starts the next one in one change', () => {
    const plan = planFor(4, { record: { running: [entry()] }, finished: [finished()] });
    expect(inShort(plan.verdicts)).toEqual(['ran 3']);
    expect(plan.record).toMatchObject({ running: [{ tick: second(4) }], succeededMs: CREATED_MS + 3_500 });
  });

  it('sees the next one of a schedule that ends', () => {
    expect(planFor(9, { schedule: new Listed([second(9)]) })).toMatchObject({ start: { tick: second(9) }, wakeAtMs: undefined });
  });
});

describe('a tick that is looked at late', () => {
  it('is on time for a second', () => {
    expect(planFor(4.999)).toMatchObject({ start: { tick: second(4), cause: 'schedule' } });
    const sparse = new Every(10_000);
    expect(planFor(11, { schedule: sparse })).toMatchObject({ start: { tick: second(10), cause: 'schedule' } });
    expect(planFor(11.001, { schedule: sparse })).toMatchObject({ start: { tick: second(10), cause: 'misfire' } });
  });

  it('is missed with "skip"', () => {
    const plan = planFor(9.5, { rules: { misfire: 'skip' } });
    expect(inShort(plan.verdicts)).toEqual(['missed late 4..8 x5']);
    expect(plan.start).toMatchObject({ tick: second(9), cause: 'schedule' });
  });

  it('runs with "run-latest" if it is the latest of all, and the others are missed', () => {
    const plan = planFor(35, { schedule: new Every(10_000), record: { cursor: undefined } });
    expect(inShort(plan.verdicts)).toEqual(['missed late 10..20 x2']);
    expect(plan.start).toMatchObject({ tick: second(30), cause: 'misfire' });
    expect(plan.record).toMatchObject({ cursor: second(30) });
  });

  it('is missed with "run-latest" when a later one is on time', () => {
    const plan = planFor(30, { schedule: new Every(10_000), record: { cursor: undefined } });
    expect(inShort(plan.verdicts)).toEqual(['missed late 10..20 x2']);
    expect(plan.start).toMatchObject({ tick: second(30), cause: 'schedule' });
  });

  it('runs with "run-all", the oldest first, one at a time, and those on time queue behind', () => {
    const rules = { misfire: 'run-all' } as const;
    const first = planFor(7, { rules });
    expect(first).toMatchObject({
      start: { tick: second(4), cause: 'misfire' },
      verdicts: [],
      record: { cursor: second(4) },
      again: false,
    });
    const next = planFor(7.1, { rules, record: first.record ?? {}, live: new Set(['new-claim']), newClaim: 'second' });
    expect(next).toMatchObject({ record: undefined, start: undefined, waitsForCatchUp: false });
    const done = finished({ claim: 'new-claim' });
    const after = planFor(7.2, { rules, record: first.record ?? {}, finished: [done], newClaim: 'second' });
    expect(after).toMatchObject({ start: { tick: second(5), cause: 'misfire' } });
  });

  it('runs with "run-all" beside a run on time where runs may overlap, but never beside another that makes up for the past', () => {
    const rules = { misfire: 'run-all', overlap: 'allow' } as const;
    expect(planFor(7, { rules, ...here })).toMatchObject({ start: { tick: second(4), cause: 'misfire' } });
    for (const cause of ['misfire', 'rerun'] as const) {
      const plan = planFor(7, { rules, record: { running: [entry({ cause })] }, live: new Set(['a-claim']) });
      expect(plan, cause).toMatchObject({ record: undefined, start: undefined });
    }
  });

  it('runs with "run-all" and is the last of the late ones: what is on time is looked at in the same round', () => {
    const rules = { misfire: 'run-all', overlap: 'allow' } as const;
    expect(planFor(5.5, { rules })).toMatchObject({ start: { tick: second(4), cause: 'misfire' }, again: true });
    expect(planFor(6.5, { rules })).toMatchObject({ start: { tick: second(4), cause: 'misfire' }, again: false });
  });

  it('runs with "run-all" after every tick that was given back, and not after a run that was cut short', () => {
    const rules = { misfire: 'run-all', overlap: 'allow' } as const;
    const given = (cause: 'schedule' | 'misfire' | 'rerun') => ({
      running: [entry({ holder: NOBODY, cause, starts: 0, tick: second(2) })],
    });
    // What was given back has to wait for its turn; what fell due since 3.5 s has not.
    const waiting = { rules, mayCatchUp: false, behindSinceMs: CREATED_MS + 3_500 };
    for (const cause of ['schedule', 'misfire'] as const)
      expect(planFor(9.5, { ...waiting, record: given(cause) }), cause).toMatchObject({ record: undefined, start: undefined });
    const rerun = { ...waiting, rules: { ...rules, onInterrupted: { rerun: 1 } } };
    expect(planFor(9.5, { ...rerun, record: given('rerun') })).toMatchObject({ start: { tick: second(4), cause: 'misfire' } });
  });

  it.each(['run-latest', 'run-all'] as const)('waits with "%s" for the run that goes on, and for its turn', (misfire) => {
    const schedule = new Every(10_000);
    const waits = { record: undefined, start: undefined, verdicts: [] };
    expect(planFor(15, { rules: { misfire }, schedule, ...here })).toMatchObject({ ...waits, waitsForCatchUp: false, waitsFor: [] });
    expect(planFor(15, { rules: { misfire }, schedule, record: elsewhere })).toMatchObject({ ...waits, waitsFor: [OTHER] });
    expect(planFor(15, { rules: { misfire }, schedule, mayCatchUp: false })).toMatchObject({
      ...waits,
      waitsForCatchUp: true,
      isBehind: true,
    });
    const taken = { start: { tick: second(10), cause: 'misfire' }, catchesUp: true, waitsForCatchUp: false, isBehind: true };
    expect(planFor(15, { rules: { misfire }, schedule })).toMatchObject(taken);
  });

  it('needs no turn when it fell due while older ones of its job were made up for', () => {
    const rules = { misfire: 'run-all' } as const;
    const late = { rules, mayCatchUp: false, behindSinceMs: CREATED_MS + 5_500 };
    expect(planFor(9.5, late)).toMatchObject({ start: undefined, waitsForCatchUp: true });
    const since = planFor(9.5, { ...late, record: { cursor: second(5) } });
    expect(since).toMatchObject({ start: { tick: second(6), cause: 'misfire' }, catchesUp: false, waitsForCatchUp: false, isBehind: true });
    expect(planFor(6.5, { ...late, record: { cursor: second(5) } })).toMatchObject({ start: { cause: 'schedule' }, isBehind: false });
  });

  it('is missed, whatever the policy, when it is older than the window', () => {
    const rules = { misfireWindowMs: 3_000 };
    const late = { rules: { ...rules, misfire: 'run-all' }, record: { cursor: second(3) } } as const;
    expect(inShort(planFor(10.5, late).verdicts)).toEqual(['missed too old 4..7 x4']);
    expect(planFor(10.5, late).start).toMatchObject({ tick: second(8), cause: 'misfire' });
    // What was due that long ago to the millisecond is not older.
    expect(inShort(planFor(10, late).verdicts)).toEqual(['missed too old 4..6 x3']);
    expect(inShort(planFor(10.001, late).verdicts)).toEqual(['missed too old 4..7 x4']);
    for (const misfire of ['skip', 'run-latest'] as const) {
      const plan = planFor(10.5, { rules: { ...rules, misfire } });
      expect(inShort(plan.verdicts), misfire).toEqual(['missed too old 4..7 x4', 'missed late 8..9 x2']);
    }
    const alone = planFor(19, { rules, schedule: new Every(10_000) });
    expect(inShort(alone.verdicts)).toEqual(['missed too old 10']);
    expect(alone.start).toBeUndefined();
  });

  it('is missed with "run-all" when more than the limit are late, the oldest ones', () => {
    const plan = planFor(3 + MAX_CATCH_UP + 502, { rules: { misfire: 'run-all' } });
    expect(inShort(plan.verdicts)).toEqual([`missed too many 4..${3 + 500} x500`]);
    expect(plan.start).toMatchObject({ tick: second(504), cause: 'misfire' });
  });

  it.each(['skip', 'run-latest', 'run-all'] as const)('takes no longer after ten years than after a minute, with "%s"', (misfire) => {
    const schedule = new Every(1_000);
    const plan = planFor(10 * 365 * 86_400 + 0.5, { rules: { misfire, misfireWindowMs: Infinity }, schedule });
    expect(plan.verdicts.length).toBe(1);
    expect(schedule.calls).toBeLessThan(200);
  });
});

describe('a tick that is due while the job runs', () => {
  it('is skipped with "skip", here or elsewhere', () => {
    expect(inShort(planFor(4, here).verdicts)).toEqual(['skipped overlap 4']);
    const plan = planFor(4, { record: elsewhere });
    expect(inShort(plan.verdicts)).toEqual(['skipped overlap 4']);
    expect(plan).toMatchObject({ start: undefined, waitsFor: [OTHER], record: { cursor: second(4) } });
  });

  it('waits with "queue-latest" until the run has ended; those before it are skipped', () => {
    const rules = { overlap: 'queue-latest' } as const;
    expect(planFor(4, { rules, ...here })).toMatchObject({ record: undefined, start: undefined, wakeAtMs: CREATED_MS + 5_000 });
    expect(inShort(planFor(5, { rules, ...here }).verdicts)).toEqual(['skipped overlap 4']);
    const ended = planFor(8.5, {
      rules,
      record: { running: [entry()], cursor: second(7) },
      finished: [finished()],
      freed: { sinceMs: CREATED_MS + 3_000, untilMs: CREATED_MS + 8_500 },
    });
    expect(ended.start).toMatchObject({ tick: second(8), cause: 'schedule' });
  });

  it('is no misfire with "queue-latest" because the run before was long', () => {
    const schedule = new Every(10_000);
    const waited = { rules: { overlap: 'queue-latest', misfire: 'skip' }, schedule, record: { cursor: second(10) } } as const;
    expect(planFor(28, { ...waited, freed: { sinceMs: CREATED_MS + 11_000, untilMs: CREATED_MS + 27_500 } }).start).toMatchObject({
      tick: second(20),
      cause: 'schedule',
    });
    expect(inShort(planFor(29, { ...waited, freed: { sinceMs: CREATED_MS + 11_000, untilMs: CREATED_MS + 27_500 } }).verdicts)).toEqual([
      'missed late 20',
    ]);
    const together = planFor(30, { ...waited, freed: { sinceMs: CREATED_MS + 11_000, untilMs: CREATED_MS + 29_500 } });
    expect(together).toMatchObject({ start: { tick: second(20), cause: 'schedule' }, verdicts: [] });
  });

  it('waits for no run with the other policies: it is a misfire when it was not looked at in time', () => {
    const late = { schedule: new Every(10_000), freed: { sinceMs: CREATED_MS + 4_000, untilMs: CREATED_MS + 14_900 } };
    for (const overlap of ['skip', 'allow'] as const)
      expect(planFor(15, { ...late, rules: { overlap } }).start).toMatchObject({ tick: second(10), cause: 'misfire' });
    expect(planFor(15, { ...late, rules: { overlap: 'queue-latest' } }).start).toMatchObject({ tick: second(10), cause: 'schedule' });
  });

  it('with "queue-latest" is superseded by a later one: skipped, and not missed, also when nobody looked meanwhile', () => {
    const rules = { overlap: 'queue-latest' } as const;
    const freed = { sinceMs: CREATED_MS + 5_500, untilMs: CREATED_MS + 8_700 };
    const plan = planFor(9.5, { rules, freed });
    // Nobody was busy with anything when the first two were due.
    expect(inShort(plan.verdicts)).toEqual(['missed late 4..5 x2', 'skipped overlap 6..7 x2']);
    expect(plan.start).toMatchObject({ tick: second(8), cause: 'schedule' });
  });

  it.each(['run-latest', 'run-all', 'skip'] as const)(
    'with "queue-latest" and misfire "%s" is skipped when it waited for longer than a second and a later one is due',
    (misfire) => {
      const rules = { overlap: 'queue-latest', misfire } as const;
      const minutes = { rules, schedule: new Every(20_000), record: { cursor: second(0) } };
      const running = [entry({ startedMs: CREATED_MS + 10_000, tick: second(0) })];
      const going = { ...minutes, record: { ...minutes.record, running }, live: new Set(['a-claim']) };
      expect(planFor(35, going)).toMatchObject({ record: undefined, verdicts: [], waitsForCatchUp: false });
      expect(inShort(planFor(40, going).verdicts)).toEqual(['skipped overlap 20']);
      const theirs = { ...minutes, record: { ...minutes.record, running: [entry({ ...running[0], holder: heldBy(OTHER) })] } };
      expect(inShort(planFor(40, theirs).verdicts)).toEqual(['skipped overlap 20']);
    },
  );

  it('starts beside it with "allow", as long as there is room', () => {
    const rules = { overlap: 'allow' } as const;
    expect(planFor(4, { rules, record: elsewhere })).toMatchObject({ start: { tick: second(4), cause: 'schedule' }, verdicts: [] });
    const full = Array.from({ length: MAX_RUNNING }, (_, i) => entry({ claim: `claim-${i}`, tick: second(i) }));
    const plan = planFor(4, { rules, record: { running: full }, live: new Set(full.map(({ claim }) => claim)) });
    expect(inShort(plan.verdicts)).toEqual(['skipped overlap 4']);
  });

  it('is late with "run-latest", and is missed when the next is on time, which follows the overlap policy', () => {
    const schedule = new Every(10_000);
    const late = { schedule, record: { ...elsewhere, cursor: second(10) } };
    expect(planFor(25, late).record).toBeUndefined();
    expect(inShort(planFor(30, late).verdicts)).toEqual(['missed late 20', 'skipped overlap 30']);
    const began = { ...late, record: { ...late.record, running: [entry({ holder: heldBy(OTHER), startedMs: CREATED_MS + 20_500 })] } };
    expect(inShort(planFor(30, { ...began, rules: { overlap: 'queue-latest' } }).verdicts)).toEqual(['missed late 20']);
    expect(planFor(30, { ...late, rules: { overlap: 'allow' } })).toMatchObject({ start: { tick: second(30), cause: 'schedule' } });
  });
});

describe('ticks that are due at one instant', () => {
  /** As a change to summer time leaves them behind: three due together, then one ten seconds later. */
  const gap = new Listed([1, 2, 3].map((n) => ({ dueMs: CREATED_MS + 10_000, nominalMs: n })).concat(second(20)));

  it('are told apart: one runs, and the others overlap it if it goes on', () => {
    const plan = planFor(10, { schedule: gap, record: { cursor: undefined } });
    expect(plan.start?.tick).toEqual(gap.ticks[0]);
    expect(plan).toMatchObject({ verdicts: [], record: { cursor: gap.ticks[0] } });
    const started = plan.start === undefined ? [] : [plan.start];
    const record = { cursor: gap.ticks[0], running: started };
    const meanwhile = planFor(10.5, { schedule: gap, record, live: new Set(started.map(({ claim }) => claim)) });
    expect(meanwhile.verdicts).toMatchObject([{ outcome: 'skipped', tick: gap.ticks[1], until: gap.ticks[2], count: 2 }]);
    expect(meanwhile.record?.cursor).toEqual(gap.ticks[2]);
  });

  it.each([
    ['run-latest', 2, [{ outcome: 'missed', tick: gap.ticks[0], until: gap.ticks[1], count: 2 }]],
    ['run-all', 0, []],
  ] as const)('are told apart when they are late, with "%s"', (misfire, started, verdicts) => {
    const plan = planFor(15, { schedule: gap, record: { cursor: undefined }, rules: { misfire } });
    expect(plan.start?.tick).toEqual(gap.ticks[started]);
    expect(plan.verdicts).toMatchObject(verdicts);
    expect(plan.verdicts.length).toBe(verdicts.length);
  });

  it('start beside each other with "allow", one for each change', () => {
    const rules = { overlap: 'allow' } as const;
    const first = planFor(10, { schedule: gap, record: { cursor: undefined }, rules });
    expect(first).toMatchObject({ start: { tick: gap.ticks[0] }, again: true, verdicts: [] });
    const second = decide(situation(10, { schedule: gap, record: first.record ?? {}, rules, newClaim: 'b', live: new Set(['new-claim']) }));
    expect(second).toMatchObject({ start: { tick: gap.ticks[1] }, again: true });
    expect(inSeconds(second.record?.cursor)).toBe(10);
  });
});
