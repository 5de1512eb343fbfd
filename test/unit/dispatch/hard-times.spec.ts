import { describe, expect, it } from 'vitest';
import { ClockGuard } from '../../../src/zookeeper/dispatch/clock-guard.js';
import type { ElectionGate } from '../../../src/zookeeper/gate/election-gate.js';
import { list } from '../../../src/zookeeper/jobs/control/list.js';
import type { WhyParts } from '../../../src/zookeeper/jobs/control/question.js';
import { pause, resume } from '../../../src/zookeeper/jobs/control/pause.js';
import { register } from '../../../src/zookeeper/jobs/control/registration.js';
import { trigger } from '../../../src/zookeeper/jobs/control/trigger.js';
import { reschedule } from '../../../src/zookeeper/jobs/control/reschedule.js';
import { verdicts } from '../../../src/zookeeper/jobs/control/verdicts.js';
import { why } from '../../../src/zookeeper/jobs/control/why.js';
import type { Declaration } from '../../../src/zookeeper/jobs/record/job-control.js';
import type { HeldTenure } from '../../../src/zookeeper/mastership/election/held-tenure.js';
import { messageOf, stackOf } from '../../../src/zookeeper/support/errors.js';
import { silentObserver } from '../../../src/zookeeper/support/observer.js';
import { systemClock } from '../../../src/zookeeper/support/clock.js';
import { HandClock } from '../mastership/hand-clock.js';
import { EVERY_HOUR, EVERY_SECOND, JOB, LoneReplica, LoneStore, settle } from './lone-replica.js';

const KNOWS_NOTHING = { cursor: undefined, running: [] } as const;

function declaration(version: string, change: Partial<Declaration> = {}): Declaration {
  const common = { kind: 'cron', claim: 'tick', maxSilenceMs: undefined, disabled: false } as const;
  return { version, schedule: EVERY_SECOND, election: `Bank:${version}`, ...common, ...change };
}

function whyParts({ store, clock }: LoneReplica): WhyParts {
  return { store, clock, maxClockSkewMs: 30_000, own: new Set([JOB]), masterOf: async () => 'a:1' };
}

/** Throws whatever is done with it. */
const HOSTILE = new Proxy(new Error('x'), {
  get: () => {
    throw new TypeError('hands off');
  },
  getPrototypeOf: () => {
    throw new TypeError('hands off');
  },
});

const ODD: readonly [what: string, thrown: unknown][] = [
  ['an object without a prototype', Object.create(null)],
  ['an error whose message is an object', Object.assign(new Error('x'), { message: { code: 1 } })],
  ['a symbol', Symbol('odd')],
  ['undefined', undefined],
  ['a thing that throws when it is looked at', HOSTILE],
];

describe('whatever a run throws', () => {
  it.each(ODD)('is a failed verdict, and the schedule goes on: %s', async (_, thrown) => {
    const throwIt = (): never => {
      throw thrown;
    };
    for (const work of [throwIt, async () => throwIt()]) {
      const replica = new LoneReplica({ work });
      await replica.pass(5);
      expect(replica.runs.length).toBeGreaterThanOrEqual(4);
      expect((await replica.store.record()).running).toEqual([]);
      expect(new Set(replica.verdicts.map(({ outcome }) => outcome))).toEqual(new Set(['failed']));
      expect(replica.observed.filter(({ event }) => event === 'run.failed')).toHaveLength(replica.runs.length);
    }
  });

  it.each(ODD)('has a text, and perhaps a stack: %s', (_, thrown) => {
    expect(messageOf(thrown)).toEqual(expect.any(String));
    expect(['string', 'undefined']).toContain(typeof stackOf(thrown));
  });

  it('is shown, where it is an object', () => {
    expect(messageOf({ status: 503, body: 'later' })).toBe("{ status: 503, body: 'later' }");
    expect(messageOf({ body: 'x'.repeat(10_000) }).length).toBeLessThan(500);
  });
});

describe('a job whose record has no schedule', () => {
  it('has it back when the version that had none is gone', async () => {
    const replica = new LoneReplica();
    await replica.pass(3);
    replica.store.living = ['1', '2'];
    await register(replica.store, JOB, {
      declaration: declaration('2', { schedule: undefined, claim: 'none' }),
      by: 'b:1',
      known: KNOWS_NOTHING,
      clock: systemClock,
    });
    await replica.pass(5);
    const before = replica.runs.length;
    replica.store.living = ['1'];
    await replica.pass(75);
    expect(replica.runs.length).toBeGreaterThan(before + 5);
  });

  it('has it back at once when somebody has deleted the record and a checkpoint has made another', async () => {
    let end: () => void = () => undefined;
    const replica = new LoneReplica({ work: () => new Promise<void>((resolve) => (end = resolve)) });
    await replica.pass(1);
    const { store } = replica;
    await store.remove(JOB);
    await store.saveNote(JOB, 'checkpoint', Buffer.from('1'));
    end();
    await replica.pass(3);
    expect(replica.runs.length).toBeGreaterThan(1);
    expect((await store.record()).schedule).toMatchObject(EVERY_SECOND);
  });
});

describe('a schedule in force that this replica does not know', () => {
  it('is told once, decides about no tick, keeps no verdict back, and goes with the next reschedule', async () => {
    let end: () => void = () => undefined;
    const replica = new LoneReplica({ work: () => new Promise<void>((resolve) => (end = resolve)) });
    const { store } = replica;
    await replica.pass(1);
    await store.edit({ schedule: { cronTime: '* * * * * *', timeZone: 'America/Newtown', sinceMs: undefined } });
    end();
    await replica.pass(30);
    expect(replica.runs).toHaveLength(1);
    expect((await store.record()).running).toEqual([]);
    expect(replica.verdicts.map(({ outcome }) => outcome)).toEqual(['ran']);
    const told = replica.observed.filter(({ event }) => event === 'job.schedule-unusable');
    expect(told).toHaveLength(1);
    expect(told[0]?.message).toContain('America/Newtown');
    expect(await list(store, new Set())).toMatchObject([
      { job: JOB, nextTimes: [], problem: expect.stringContaining('America/Newtown') as unknown },
    ]);
    expect(await verdicts(store, JOB)).toMatchObject([{ outcome: 'ran', nominalTime: undefined }]);
    expect(await why(whyParts(replica), JOB, new Date(replica.clock.wallMs()))).toMatch(/America\/Newtown.*cannot be used.*in force/);
    const parts = { store, clock: replica.clock, address: 'a:1' };
    await pause(parts, JOB);
    await expect(resume(parts, JOB)).rejects.toMatchObject({ code: 'ZK_BAD_SCHEDULE' });
    await reschedule(parts, JOB, EVERY_SECOND);
    await resume(parts, JOB);
    await replica.pass(15);
    expect(replica.runs.length).toBeGreaterThan(1);
  });
});

describe('a job that was taken out during a run', () => {
  it('gets the verdict of that run, and starts nothing any more', async () => {
    let end: () => void = () => undefined;
    const replica = new LoneReplica({ work: () => new Promise<void>((resolve) => (end = resolve)) });
    await replica.pass(1);
    await replica.gate.remove(replica.identity);
    await replica.pass(5);
    expect((await replica.store.record()).running).toHaveLength(1);
    end();
    await replica.pass(5);
    expect(replica.runs).toHaveLength(1);
    expect((await replica.store.record()).running).toEqual([]);
    expect(replica.verdicts.map(({ outcome }) => outcome)).toEqual(['ran']);
    expect(replica.clock.waiting).toBe(0);
    expect(replica.gate.election(undefined).loops.size).toBe(0);
  });

  it('is not run a second time beside itself when it is added again', async () => {
    const ends: (() => void)[] = [];
    const replica = new LoneReplica({
      rules: { onInterrupted: { rerun: 2 } },
      work: () => new Promise<void>((resolve) => void ends.push(resolve)),
    });
    await replica.pass(1);
    void replica.gate.remove(replica.identity);
    replica.add();
    await replica.pass(5);
    expect(replica.runs).toHaveLength(1);
    ends[0]?.();
    await replica.pass(3);
    expect(replica.runs.map(({ cause }) => cause)).toEqual(['schedule', 'schedule']);
    expect(replica.verdicts[0]).toMatchObject({ outcome: 'skipped', reason: 'overlap' });
    expect(replica.verdicts.map(({ outcome }) => outcome)).toContain('ran');
    expect(replica.verdicts.map(({ outcome }) => outcome)).not.toContain('interrupted');
  });
});

describe('a replica whose clock is off', () => {
  it('hands every election over at once, and again after a minute', async () => {
    const clock = new HandClock();
    const resigned: string[] = [];
    const guard = new ClockGuard(clock, silentObserver, 30_000);
    const gates = ['A', 'B', 'C'].map(
      (key) => ({ election: { key, resign: async () => void resigned.push(key) } }) as unknown as ElectionGate,
    );
    const offMs = 3_600_000;
    const tenure = {
      fence: {
        session: { ensembleTimeMs: () => clock.wallMs() - offMs },
        readEnsembleTime: async () => clock.wallMs() - offMs,
        clocks: async () => ({ own: { host: 'a', offMs }, others: [] }),
      },
    } as unknown as HeldTenure;
    const judgeAll = async (): Promise<void> => {
      const checked = await Promise.all(gates.map(async (gate) => guard.check(tenure, gate)));
      expect(checked.map(({ kind }) => kind)).toEqual(['off', 'off', 'off']);
    };
    await judgeAll();
    expect(resigned).toEqual(['A', 'B', 'C']);
    for (let second = 0; second < 59; second += 1) {
      clock.pass(1_000);
      await judgeAll();
    }
    expect(resigned).toHaveLength(3);
    clock.pass(1_000);
    await judgeAll();
    expect(resigned).toEqual(['A', 'B', 'C', 'A', 'B', 'C']);
  });
});

describe('a replica whose clock and that of ZooKeeper differ', () => {
  const HOUR_MS = 3_600_000;

  async function checked(others: readonly number[]): Promise<{ readonly kind: string; readonly events: string[] }> {
    const clock = new HandClock();
    const events: string[] = [];
    const guard = new ClockGuard(clock, { observe: ({ event }) => events.push(event) }, 30_000);
    const gate = { election: { key: 'A', resign: async () => undefined } } as unknown as ElectionGate;
    const fence = {
      session: { ensembleTimeMs: () => clock.wallMs() - HOUR_MS },
      readEnsembleTime: async () => clock.wallMs() - HOUR_MS,
      clocks: async () => ({ own: { host: 'a', offMs: HOUR_MS }, others: others.map((offMs, i) => ({ host: `b${i}`, offMs })) }),
    };
    const { kind } = await guard.check({ fence } as unknown as HeldTenure, gate);
    return { kind, events };
  }

  it.each([
    ['nobody else is there to ask', []],
    ['the others agree with ZooKeeper', [10, -20]],
    ['as many others agree with it as with ZooKeeper', [HOUR_MS, 0]],
    ['the others agree with neither', [HOUR_MS / 2, -HOUR_MS]],
  ])('is off itself when %s', async (_, others) => {
    expect(await checked(others)).toEqual({ kind: 'off', events: ['clock.off'] });
  });

  it.each([
    ['the one other host', [HOUR_MS + 1_000]],
    ['two of three hosts', [HOUR_MS, HOUR_MS - 2_000, 0]],
  ])('goes on by its own clock, and says that ZooKeeper is off, when it agrees with %s', async (_, others) => {
    expect(await checked(others)).toEqual({ kind: 'good', events: ['clock.leader-off'] });
  });
});

describe('a job without claims whose record cannot be read yet', () => {
  it('runs once then, however often it has fired meanwhile', async () => {
    const clock = new HandClock();
    const store = new LoneStore({ clock });
    store.refusal = new Error('no-auth');
    const replica = new LoneReplica({
      clock,
      store,
      kind: 'interval',
      schedule: undefined,
      rules: { claim: 'none', overlap: 'allow' },
      work: () => new Promise<void>(() => undefined),
    });
    await settle();
    for (let second = 0; second < 100; second += 1) {
      replica.fire();
      await replica.pass(1);
    }
    expect(replica.runs).toHaveLength(0);
    store.refusal = undefined;
    await replica.pass(10);
    expect(replica.runs).toHaveLength(1);
  });
});

describe('a job that was disabled', () => {
  it('makes up for nothing when a version enables it again with the same schedule', async () => {
    const clock = new HandClock();
    const store = new LoneStore({ clock });
    const first = new LoneReplica({ clock, store, schedule: EVERY_HOUR });
    await first.pass(3 * 60, 60_000);
    expect(first.runs).toHaveLength(3);
    await first.leave();
    store.living = ['2'];
    const disabled = new LoneReplica({ clock, store, schedule: EVERY_HOUR, version: '2', disabled: true });
    await disabled.pass(10 * 60 + 30, 60_000);
    expect(disabled.runs).toHaveLength(0);
    await disabled.leave();
    store.living = ['3'];
    const again = new LoneReplica({ clock, store, schedule: EVERY_HOUR, version: '3' });
    await again.pass(1);
    expect([again.runs, again.verdicts]).toEqual([[], []]);
    await again.pass(60, 60_000);
    expect(again.runs).toHaveLength(1);
  });
});

describe('a claim whose answer is awaited while its job is taken out and added again', () => {
  it('is not taken for interrupted: its tick runs', async () => {
    const replica = new LoneReplica();
    await settle();
    const held = replica.store.holdNextWrite();
    replica.clock.pass(1_000);
    await held.reached;
    void replica.gate.remove(replica.identity);
    replica.add();
    await settle();
    held.release();
    await replica.pass(1);
    expect(replica.verdicts.map(({ outcome }) => outcome)).not.toContain('interrupted');
    expect(replica.runs.length).toBeGreaterThan(0);
    expect(new Set(replica.runs.map((run) => run.scheduledTime?.getTime())).size).toBe(replica.runs.length);
  });
});

describe('a job that was removed', () => {
  it('is not brought back by what its last run keeps', async () => {
    let end: () => void = () => undefined;
    let kept: Promise<unknown> = Promise.resolve();
    const replica = new LoneReplica({
      work: async (run) => {
        await new Promise<void>((resolve) => (end = resolve));
        run.progress(0.5);
        kept = run.checkpoint.set(7).catch((thrown: unknown) => thrown);
        await kept;
      },
    });
    await replica.pass(1);
    await replica.gate.remove(replica.identity);
    await replica.store.remove(JOB);
    end();
    await replica.pass(3);
    expect(await replica.store.jobs()).toEqual([]);
    await kept;
  });

  it('is not run beside its last run when it is added again', async () => {
    const ends: (() => void)[] = [];
    const replica = new LoneReplica({ work: () => new Promise<void>((resolve) => void ends.push(resolve)) });
    await replica.pass(1);
    await replica.gate.remove(replica.identity);
    await replica.store.remove(JOB);
    replica.add();
    await replica.pass(5);
    expect(replica.runs).toHaveLength(1);
    expect(replica.verdicts.at(-1)).toMatchObject({ outcome: 'skipped', reason: 'overlap' });
    ends.forEach((end) => end());
    await replica.pass(2);
    expect(replica.runs.length).toBeGreaterThan(1);
  });
});

describe('a record that is deleted', () => {
  it('is made anew also where it goes last, just after it was read, and nothing is to be written', async () => {
    const replica = new LoneReplica({ schedule: EVERY_HOUR });
    const { store } = replica;
    await replica.pass(1);
    store.controlChanged();
    await settle();
    await store.remove(JOB);
    await replica.pass(6);
    expect((await store.record()).schedule).toMatchObject(EVERY_HOUR);
  });

  it('does not let a job start that was paused', async () => {
    const replica = new LoneReplica();
    const { store } = replica;
    await replica.pass(2);
    await pause({ store, clock: replica.clock, address: 'a:1' }, JOB);
    await replica.pass(2);
    const [runs, since] = [replica.runs.length, (await store.record()).pausedMs];
    expect(since).toEqual(expect.any(Number));
    await store.remove(JOB);
    store.controlChanged();
    await replica.pass(30);
    expect((await store.record()).pausedMs).toBe(since);
    expect(replica.runs).toHaveLength(runs);
    await resume({ store, clock: replica.clock, address: 'a:1' }, JOB);
    await replica.pass(2);
    expect(replica.runs.length).toBeGreaterThan(runs);
  });
});

describe('a record that is deleted while a trigger runs that no tick has gone before', () => {
  it('comes back with that run, so that nothing starts beside it', async () => {
    const ends: (() => void)[] = [];
    const replica = new LoneReplica({ schedule: EVERY_HOUR, work: () => new Promise<void>((resolve) => void ends.push(resolve)) });
    await replica.pass(1);
    const parts = { store: replica.store, clock: replica.clock, address: 'a:1' };
    const first = trigger(parts, JOB, { idempotencyKey: 'first' });
    await replica.pass(1);
    await first;
    await replica.store.remove(JOB);
    replica.job.loop?.cache.outdate();
    await replica.pass(30);
    expect((await replica.store.record()).running).toMatchObject([{ trigger: 'first' }]);
    const second = trigger(parts, JOB, { idempotencyKey: 'second' }).catch((thrown: unknown) => thrown);
    await replica.pass(2);
    expect(await second).toMatchObject({ code: 'ZK_TRIGGER_REFUSED' });
    expect(replica.runs).toHaveLength(1);
    ends.forEach((end) => end());
    await replica.pass(1);
    expect((await replica.store.record()).running).toEqual([]);
  });
});

describe('jobs that come and go', () => {
  it('leave nothing behind', async () => {
    let blocked = false;
    let end: () => void = () => undefined;
    const replica = new LoneReplica({ work: () => (blocked ? new Promise<void>((resolve) => (end = resolve)) : undefined) });
    await replica.pass(2);
    for (let round = 0; round < 20; round += 1) {
      await replica.gate.remove(replica.identity);
      replica.add();
      await replica.pass(1);
      // Somebody else has changed the record: the next claim is refused at first.
      await replica.store.edit({ succeededMs: round });
    }
    // One is added again while its run goes on.
    blocked = true;
    await replica.pass(2);
    void replica.gate.remove(replica.identity);
    replica.add();
    blocked = false;
    end();
    await replica.pass(2);
    await replica.gate.remove(replica.identity);
    await settle();
    expect(replica.gate.election(undefined).loops.size).toBe(0);
    expect(replica.clock.waiting).toBe(0);
    const { retired, runs } = replica.gate as unknown as Record<string, Map<unknown, unknown>>;
    expect([retired?.size, runs?.size]).toEqual([0, 0]);
  });
});

describe('a trigger whose node somebody has deleted', () => {
  it('does not start without its input, and does not come again and again', async () => {
    const replica = new LoneReplica({ schedule: EVERY_HOUR });
    await replica.pass(1);
    await replica.store.edit({ triggers: ['gone'] });
    replica.job.loop?.cache.outdate();
    replica.job.loop?.wakeUp();
    await replica.pass(3);
    expect(replica.runs).toEqual([]);
    expect(replica.verdicts).toMatchObject([{ outcome: 'skipped', reason: 'withdrawn', trigger: 'gone' }]);
    expect(await replica.store.record()).toMatchObject({ running: [], triggers: [] });
  });
});

describe('an older record that somebody has put in place', () => {
  it('brings no tick back that this replica has seen decided', async () => {
    const replica = new LoneReplica();
    await replica.pass(2);
    const { cursor } = await replica.store.record();
    await replica.pass(5);
    await replica.store.edit({ cursor, recent: [] });
    replica.job.loop?.cache.outdate();
    replica.job.loop?.wakeUp();
    await replica.pass(5);
    const ticks = replica.runs.map((run) => run.scheduledTime?.getTime());
    expect(new Set(ticks).size).toBe(ticks.length);
    expect(ticks.length).toBeGreaterThan(8);
  });
});

describe('a note of a failed run whose answer is lost', () => {
  it('is not written a second time', async () => {
    const replica = new LoneReplica({
      kind: 'interval',
      schedule: undefined,
      rules: { claim: 'none' },
      work: () => {
        throw new Error('boom');
      },
    });
    await replica.pass(1);
    replica.store.loseAnswer = true;
    replica.fire();
    await replica.pass(5);
    expect((await verdicts(replica.store, JOB)).map(({ outcome }) => outcome)).toEqual(['failed']);
  });
});

describe('a version that was rolled back', () => {
  it('is declared to be in force again, also when only "disabled" was different', async () => {
    const replica = new LoneReplica({ schedule: EVERY_HOUR });
    await replica.pass(1);
    const { store } = replica;
    store.living = ['1', '2'];
    await register(store, JOB, {
      declaration: declaration('2', { schedule: EVERY_HOUR, disabled: true }),
      by: 'b:1',
      known: KNOWS_NOTHING,
      clock: systemClock,
    });
    await replica.pass(90);
    expect((await store.loadControl(JOB))?.control.inForce).toEqual({ from: 'code', version: '2' });
    store.living = ['1'];
    await replica.pass(140);
    expect((await store.loadControl(JOB))?.control.inForce).toEqual({ from: 'code', version: '1' });
    expect(await list(store, new Set([JOB]))).toMatchObject([{ disabled: false }]);
  });
});
