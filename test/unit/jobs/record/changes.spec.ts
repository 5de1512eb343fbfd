import { describe, expect, it } from 'vitest';
import * as changes from '../../../../src/zookeeper/jobs/record/changes.js';
import { NOBODY, type JobRecord, type RunEntry } from '../../../../src/zookeeper/jobs/record/job-record.js';
import { runEnded, triggerRefused } from '../../../../src/zookeeper/jobs/record/verdict-builders.js';
import { InvariantError } from '../../../../src/zookeeper/support/invariant.js';
import { compareTicks, endOf } from '../../../../src/zookeeper/jobs/schedule/tick.js';
import { CREATED_MS, emptyRecord, entry, Every, second, viewOf } from '../decide/situations.js';

const everySecond = new Every(1_000);
const RAN = { outcome: 'ran', reason: undefined, attempt: 1, durationMs: 5, error: undefined, by: 'me:1' } as const;

const LATE = { outcome: 'missed', reason: 'late', by: 'me:1' } as const;

/** A record whose ticks up to the third are decided, with these changes. */
function recordWith(change: Partial<JobRecord> = {}): JobRecord {
  return { ...emptyRecord, cursor: second(3), ...change };
}

/** A run of the tick `n` seconds after the record was made. */
function runOf(n: number, claim = `claim ${n}`): RunEntry {
  return entry({ claim, tick: second(n), trigger: undefined });
}

function triggered(id: string): RunEntry {
  return entry({ claim: `claim of ${id}`, tick: undefined, trigger: id, cause: 'trigger' });
}

function rowOf(from: number, to: number): Parameters<typeof changes.pass>[1] {
  return { first: second(from), last: second(to), count: to - from + 1 };
}

describe('a tick', () => {
  it('is claimed only from behind the cursor, which moves past it', () => {
    const { cursor, running } = changes.claim(recordWith(), runOf(4));
    expect({ cursor, running }).toEqual({ cursor: second(4), running: [runOf(4)] });
    for (const n of [2, 3]) expect(() => changes.claim(recordWith(), runOf(n))).toThrow(InvariantError);
  });

  it('is passed over only from behind the cursor, with those up to the last of its row', () => {
    const { record, verdicts } = changes.pass(recordWith(), rowOf(4, 6), LATE);
    expect(record.cursor).toEqual(second(6));
    expect(verdicts).toMatchObject([{ outcome: 'missed', reason: 'late', tick: second(4), until: second(6), count: 3, by: 'me:1' }]);
    expect(changes.pass(recordWith(), rowOf(4, 4), LATE).verdicts).toMatchObject([{ until: undefined, count: 1 }]);
    for (const [from, to] of [
      [3, 6],
      [2, 3],
    ] as const)
      expect(() => changes.pass(recordWith(), rowOf(from, to), LATE)).toThrow(InvariantError);
  });

  it('is not passed over in a row that is none', () => {
    const [empty, reversed] = [
      { ...rowOf(4, 4), count: 0 },
      { first: second(6), last: second(5), count: 2 },
    ];
    for (const row of [empty, reversed]) expect(() => changes.pass(recordWith(), row, LATE)).toThrow(InvariantError);
  });
});

describe('a run', () => {
  const running = [runOf(2), runOf(3)];

  it('leaves the record once, with a verdict of its own', () => {
    const record = recordWith({ running });
    const [first, second_] = running as [RunEntry, RunEntry];
    const ended = changes.end(record, first, runEnded(first, RAN));
    expect(ended.record.running).toEqual([second_]);
    expect(ended.verdicts).toMatchObject([{ outcome: 'ran', tick: first.tick, startedMs: first.startedMs, token: first.token }]);
    expect(() => changes.end(ended.record, first, runEnded(first, RAN))).toThrow(InvariantError);
    expect(() => changes.end(record, first, runEnded(second_, RAN))).toThrow(InvariantError);
    expect(() => changes.end(recordWith({ running: [triggered('a')] }), triggered('a'), triggerRefused('b', 'reset', 'me:1'))).toThrow(
      InvariantError,
    );
  });

  it('stays in its place when it is given back and taken again', () => {
    const record = recordWith({ running });
    const [first, other] = running as [RunEntry, RunEntry];
    const back = changes.giveBack(record, first, { cause: 'rerun', starts: 1, attempted: 2 });
    expect(back.running).toEqual([{ ...first, cause: 'rerun', starts: 1, attempted: 2, holder: NOBODY }, other]);
    const [free] = back.running as [RunEntry];
    expect(changes.reclaim(back, free, runOf(2, 'again')).running).toEqual([runOf(2, 'again'), other]);
    expect(() => changes.reclaim(back, first, runOf(2, 'again'))).toThrow(InvariantError);
  });

  it('does not start where it has no room', () => {
    const full = [0, 1, 2, 3].reduce((record, n) => changes.claim(record, runOf(4 + n)), recordWith());
    expect(() => changes.claim(full, runOf(9))).toThrow(InvariantError);
  });
});

describe('a trigger', () => {
  it('leaves the line when it starts, and takes the room in which it has waited', () => {
    const record = changes.claim(recordWith({ triggers: ['a', 'b'] }), triggered('a'));
    expect(record).toMatchObject({ triggers: ['b'], running: [triggered('a')], cursor: second(3) });
  });

  it('waits where there is room for it', () => {
    expect(changes.addTrigger(recordWith({ triggers: ['a'] }), 'b')?.triggers).toEqual(['a', 'b']);
    expect(changes.addTrigger(recordWith({ triggers: ['1', '2', '3', '4', '5', '6'] }), 'b')).toBeUndefined();
  });

  it('is refused out of the line, once', () => {
    const { record, verdicts } = changes.refuseTrigger(recordWith({ triggers: ['a', 'b'] }), 'a', 'overlap', 'me:1');
    expect(record.triggers).toEqual(['b']);
    expect(verdicts).toMatchObject([{ outcome: 'skipped', reason: 'overlap', trigger: 'a', cause: 'trigger', by: 'me:1' }]);
    expect(() => changes.refuseTrigger(record, 'a', 'overlap', 'me:1')).toThrow(InvariantError);
  });
});

describe('the cursor', () => {
  const ahead = second(30);

  it('goes back for nobody: neither for an order by a clock that is behind, nor for a replica that knows less', () => {
    const nowMs = second(10).dueMs;
    const record = { cursor: ahead, pausedMs: nowMs - 500, running: [runOf(30)] };
    const made = [
      changes.resume(viewOf(record), everySecond, nowMs, 'me:1'),
      changes.reset(viewOf(record), everySecond, nowMs, 'me:1'),
      changes.replaceSchedule(viewOf(record), everySecond, emptyRecord.schedule, nowMs, 'me:1'),
    ];
    for (const changed of made) expect(changed?.record.cursor).toEqual(ahead);
    expect(changes.restore(viewOf({ cursor: ahead }), everySecond, { cursor: second(9), running: [] }, 'me:1')).toBeUndefined();
    expect(changes.restore(viewOf({ cursor: ahead }), everySecond, { cursor: ahead, running: [] }, 'me:1')).toBeUndefined();
  });

  it('stays away from a job without slots', () => {
    const view = viewOf({ schedule: undefined, cursor: undefined, pausedMs: CREATED_MS });
    expect(changes.resume(view, undefined, second(10).dueMs, 'me:1')?.record.cursor).toBeUndefined();
    expect(changes.reset(view, undefined, second(10).dueMs, 'me:1').record.cursor).toBeUndefined();
  });

  it('is behind everything that an order gives a verdict', () => {
    const { record, verdicts } = changes.replaceSchedule(
      viewOf({ cursor: second(3) }),
      everySecond,
      emptyRecord.schedule,
      second(5).dueMs,
      'me:1',
    );
    expect(verdicts).toMatchObject([{ outcome: 'missed', reason: 'late', tick: second(4), until: second(5), count: 2 }]);
    expect(record.cursor).toEqual(second(5));
    expect(changes.resume(viewOf({ pausedMs: CREATED_MS }), everySecond, second(5).dueMs, 'me:1')?.record.cursor).toEqual(
      endOf(second(5).dueMs),
    );
  });
});

describe('a schedule', () => {
  it('counts from behind what a master whose clock is ahead has decided', () => {
    const replaced = (cursor: number): number | undefined =>
      changes.replaceSchedule(viewOf({ cursor: second(cursor) }), everySecond, emptyRecord.schedule, second(5).dueMs, 'me:1').record
        .schedule?.sinceMs;
    expect([replaced(4), replaced(8)]).toEqual([second(5).dueMs, second(8).dueMs]);
  });

  it('has its two fields and since when it counts, and no others', () => {
    const schedule = { cronTime: '* * * * * *', timeZone: 'UTC', and: 'more' };
    expect(changes.newRecord(schedule)).toEqual({
      ...emptyRecord,
      schedule: { cronTime: '* * * * * *', timeZone: 'UTC', sinceMs: undefined },
    });
    expect(changes.recordInPlaceOfUnreadable(schedule, CREATED_MS)).toEqual({
      ...emptyRecord,
      schedule: { cronTime: '* * * * * *', timeZone: 'UTC', sinceMs: CREATED_MS },
      cursor: endOf(CREATED_MS),
    });
    expect(changes.recordInPlaceOfUnreadable(undefined, CREATED_MS)).toEqual({ ...emptyRecord, schedule: undefined });
  });

  it('that counts from before reports its ticks that lie behind what was decided meanwhile, up to that and no further', () => {
    const [own, meanwhile] = [new Every(2_000), new Every(3_000)];
    const record = recordWith({ cursor: second(8) });
    const counted = changes.countFrom({ record, verdicts: [] }, CREATED_MS, own, meanwhile, 'me:1');
    expect(counted.record.schedule?.sinceMs).toBe(CREATED_MS);
    // By the multiples of their steps: 1 002, 1 004, 1 006 and 1 008 are own ticks, of which 1 002 and
    // 1 008 are ticks of both.
    expect(counted.verdicts).toMatchObject([{ outcome: 'missed', reason: 'late', tick: second(4), until: second(6), count: 2 }]);
    expect(
      changes.countFrom({ record: recordWith({ cursor: undefined }), verdicts: [] }, CREATED_MS, own, meanwhile, 'me:1').verdicts,
    ).toEqual([]);
  });
});

/** The transaction that made the record that is gone. */
const GONE = 77n;

describe('what a replica knows of a record that is gone', () => {
  it('is put back: its runs, and the ticks since then that nobody can tell of', () => {
    const known = { cursor: second(-3), running: [{ entry: runOf(-3), czxid: GONE }] };
    const restored = changes.restore(viewOf({ cursor: undefined }), everySecond, known, 'me:1');
    expect(restored?.verdicts).toMatchObject([{ outcome: 'missed', reason: 'record lost', tick: second(-2), until: second(0), count: 3 }]);
    expect(restored?.record).toMatchObject({ cursor: second(0), running: [runOf(-3)] });
  });

  it('keeps to the room of the record, and has no run twice', () => {
    const others = [runOf(1), runOf(2), runOf(3)];
    const known = { cursor: second(9), running: [runOf(3), runOf(8), runOf(9)].map((entry) => ({ entry, czxid: GONE })) };
    const restored = changes.restore(viewOf({ cursor: second(3), running: others }), everySecond, known, 'me:1');
    expect(restored?.record.running).toEqual([...others, runOf(8)]);
    const cursor = restored?.record.cursor;
    expect(cursor !== undefined && compareTicks(cursor, second(9))).toBe(0);
  });

  it('is put back also where no tick tells that the record is another one; but not into the one that it was taken out of', () => {
    const asked = { ...runOf(1), tick: undefined, trigger: 'id' };
    const view = viewOf({ cursor: undefined });
    const restore = (czxid: bigint): unknown =>
      changes.restore(view, everySecond, { cursor: undefined, running: [{ entry: asked, czxid }] }, 'me:1');
    expect(restore(GONE)).toEqual({ record: { ...view.record, running: [asked] }, verdicts: [] });
    expect(restore(view.czxid)).toBeUndefined();
  });

  it('keeps the job paused that was paused in another record, until somebody has resumed it', () => {
    const restore = (view: ReturnType<typeof viewOf>, czxid: bigint): unknown =>
      changes.restore(view, everySecond, { cursor: undefined, running: [], pause: { sinceMs: 7, czxid } }, 'me:1');
    const view = viewOf({ cursor: undefined });
    expect(restore(view, GONE)).toEqual({ record: { ...view.record, pausedMs: 7 }, verdicts: [] });
    expect(restore(view, view.czxid)).toBeUndefined();
    expect(restore(viewOf({ resumedMs: 8 }), GONE)).toBeUndefined();
    expect(restore(viewOf({ pausedMs: 8 }), GONE)).toBeUndefined();
  });
});

it('a success is noted unless a later one is, and an alarm by the whole millisecond', () => {
  expect(changes.noteSuccess(recordWith({ succeededMs: 7 }), 5.4).succeededMs).toBe(7);
  expect(changes.noteSuccess(recordWith({ succeededMs: 7 }), 8.6).succeededMs).toBe(9);
  expect(changes.raiseAlarm(recordWith(), 8.6).alarmedMs).toBe(9);
  expect(changes.clearAlarm(recordWith({ alarmedMs: 9 })).alarmedMs).toBeUndefined();
});
