import { describe, expect, it } from 'vitest';
import { Availability } from '../../../src/zookeeper/gate/availability.js';
import { Obstacles } from '../../../src/zookeeper/dispatch/obstacles.js';
import { explain } from '../../../src/zookeeper/jobs/decide/obstacle.js';
import { verdicts } from '../../../src/zookeeper/jobs/control/verdicts.js';
import { why } from '../../../src/zookeeper/jobs/control/why.js';
import { endOf } from '../../../src/zookeeper/jobs/schedule/tick.js';
import type { Mastership } from '../../../src/zookeeper/mastership/election/mastership.state.js';
import type { Lease } from '../../../src/zookeeper/session/lease.js';
import { HandClock } from '../mastership/hand-clock.js';
import { JOB, LoneReplica, settle } from './lone-replica.js';

const OWN = '10.0.0.7:9090';
const TENURE = { id: 't', token: 1n, czxid: 1n };

/** One replica's part in an election, told what happens to it. */
class Told {
  readonly clock = new HandClock();
  readonly startMs = this.clock.wallMs();
  readonly availability = new Availability('Bank:1', OWN, this.clock, { kind: 'observing', why: 'not started', master: undefined });

  private get lease(): Lease {
    return { sentAtMs: this.clock.monotonicMs(), sentWallMs: this.clock.wallMs(), lengthMs: 3_000 };
  }

  becomes(state: 'master' | Mastership): this {
    this.availability.note(state === 'master' ? { kind: 'master', tenure: TENURE, lease: this.lease } : state);
    return this;
  }

  after(seconds: number): this {
    this.clock.pass(seconds * 1_000);
    return this;
  }

  /** What is known about the ticks between these seconds since the start. */
  why(from: number, until = from): string | undefined {
    const [first, last] = [from, until].map((second) => endOf(this.startMs + second * 1_000)) as [
      ReturnType<typeof endOf>,
      ReturnType<typeof endOf>,
    ];
    return explain(this.availability.obstacles, { first, last });
  }

  at(second: number): string {
    return new Date(this.startMs + second * 1_000).toISOString();
  }
}

const standby = (master: string): Mastership => ({ kind: 'standby', master, rank: 0 });
const electing: Mastership = { kind: 'electing', why: 'the session has expired' };

describe('what a master knows of ticks that nobody could run in time', () => {
  it('names the master before and its end, when it has stood by it', () => {
    const told = new Told().becomes(standby('10.0.0.8:9090')).after(5).becomes(electing).after(4).becomes('master');
    const known = `10.0.0.8:9090 had the election node of "Bank:1" until ${told.at(5)}; ${OWN} became master at ${told.at(9)}.`;
    expect(told.why(7)).toBe(known);
    // Its process may have been dead for as long as its session lived.
    expect(told.why(3)).toBe(known);
    expect(told.why(10)).toBeUndefined();
  });

  it('names each that it has stood by', () => {
    const told = new Told().becomes(standby('a:1')).after(5).becomes(electing).after(1).becomes(standby('b:1')).after(3);
    told.becomes(electing).after(1).becomes('master');
    expect(told.why(2)).toBe(`a:1 had the election node of "Bank:1" until ${told.at(5)}.`);
    expect(told.why(8)).toBe(`b:1 had the election node of "Bank:1" until ${told.at(9)}; ${OWN} became master at ${told.at(10)}.`);
  });

  it('says why it had to wait for its predecessor', () => {
    const waiting: Mastership = { kind: 'waiting', tenure: TENURE, untilMs: 0, why: "the end of 10.0.0.8:9090's tenure is not proven" };
    const told = new Told().becomes(standby('10.0.0.8:9090')).after(5).becomes(electing).becomes(waiting).after(4).becomes('master');
    expect(told.why(7)).toContain("It had to wait, because the end of 10.0.0.8:9090's tenure is not proven.");
    told.after(1).becomes(electing).after(1).becomes('master');
    expect(told.why(10.5)).not.toContain('wait');
  });

  it('says only since when it is master, when it has seen nobody before', () => {
    const told = new Told().becomes(electing).after(3).becomes('master');
    expect(told.why(-1_000, 2)).toBe(`${OWN} became master of "Bank:1" at ${told.at(3)}.`);
  });

  it('says that it was master itself, when it has won again', () => {
    const told = new Told().becomes('master').after(2).becomes(electing).after(4).becomes('master');
    const before = `${OWN} was master of "Bank:1" itself until ${told.at(2)} (the session has expired)`;
    expect(told.why(4)).toBe(`${before}; ${OWN} became master at ${told.at(6)}.`);
  });

  it('tells of its doubt, and of its own standstill as the cause', () => {
    const told = new Told().becomes('master');
    const lease = { sentAtMs: told.clock.monotonicMs(), sentWallMs: told.clock.wallMs(), lengthMs: 3_000 };
    told.after(4).becomes({ kind: 'doubtful', tenure: TENURE, lease }).after(1).becomes('master');
    const silence = `From ${told.at(0)} to ${told.at(5)} ZooKeeper acknowledged nothing that ${OWN}, the master, sent.`;
    expect(told.why(2)).toBe(silence);
    const again = { sentAtMs: told.clock.monotonicMs(), sentWallMs: told.clock.wallMs(), lengthMs: 3_000 };
    told.clock.after(100, () => undefined);
    told.clock.stall(6_000);
    told.clock.runDue();
    told.becomes({ kind: 'doubtful', tenure: TENURE, lease: again }).becomes('master');
    expect(told.why(7)).toContain('Its process stood still for at least 5900 ms');
  });

  it('has a doubt that ended with the session as the end of its mastership', () => {
    const told = new Told().becomes('master');
    const lease = { sentAtMs: told.clock.monotonicMs(), sentWallMs: told.clock.wallMs(), lengthMs: 3_000 };
    told.after(4).becomes({ kind: 'doubtful', tenure: TENURE, lease }).after(4).becomes(electing).after(1).becomes('master');
    const before = `${OWN} was master of "Bank:1" itself until ${told.at(0)} (the session has expired)`;
    expect(told.why(2)).toBe(`${before}; ${OWN} became master at ${told.at(9)}.`);
  });

  it('tells of a hand-over that was taken back', () => {
    const told = new Told().becomes('master');
    const lease = { sentAtMs: told.clock.monotonicMs(), sentWallMs: told.clock.wallMs(), lengthMs: 3_000 };
    told.becomes({ kind: 'draining', tenure: TENURE, lease, why: 'asked to' }).after(5).becomes('master');
    expect(told.why(3)).toBe(`${OWN} was to hand "Bank:1" over from ${told.at(0)} to ${told.at(5)}.`);
  });

  it('tells at most of the newest three, and no more than a verdict holds', () => {
    const obstacles = [1, 2, 3, 4].map((n) => ({ sinceMs: n, untilMs: n + 1, why: `${n}${'x'.repeat(200)}` }));
    const told = explain(obstacles, { first: endOf(0), last: endOf(10) });
    expect(told?.slice(0, 1)).toBe('2');
    expect(told?.length).toBe(400);
    expect(explain(obstacles, { first: endOf(6), last: endOf(7) })).toBeUndefined();
  });
});

describe('what is known of the ticks of one job', () => {
  const election = { obstacles: [] };

  it('says since when the master has had it, when that was later than its mastership', () => {
    const clock = new HandClock();
    const since = clock.wallMs();
    const here = (isMaster: boolean): unknown => new Obstacles(clock, OWN, election, isMaster).list();
    expect(here(true)).toEqual([
      { sinceMs: undefined, untilMs: since, why: `${OWN}, the master, has had this job only since ${new Date(since).toISOString()}.` },
    ]);
    expect(here(false)).toEqual([]);
  });

  it('tells of decisions that were long in being made, also when the first ones failed', () => {
    const clock = new HandClock();
    const obstacles = new Obstacles(clock, OWN, election, false);
    const since = clock.wallMs();
    obstacles.asks();
    clock.pass(900);
    obstacles.answered(undefined);
    expect(obstacles.list()).toEqual([]);
    obstacles.asks();
    clock.pass(800);
    obstacles.asks();
    clock.pass(800);
    const late = {
      sinceMs: since + 900,
      untilMs: since + 2_500,
      why: expect.stringMatching(/the master, decided nothing about this job\.$/u),
    };
    expect(obstacles.list()).toEqual([late]);
    obstacles.answered(since + 5_000);
    expect(obstacles.list()).toEqual([late]);
  });

  it('tells from when on a tick was due, of a master that finds only later that it is none any more', () => {
    const clock = new HandClock();
    const obstacles = new Obstacles(clock, OWN, election, false);
    const since = clock.wallMs();
    obstacles.answered(since + 1_000);
    clock.after(2_000, () => undefined);
    clock.stall(5_000);
    clock.runDue();
    obstacles.leave();
    expect(obstacles.list()).toEqual([
      {
        sinceMs: since + 1_000,
        untilMs: since + 5_000,
        why: expect.stringContaining('decided nothing about this job. Its process stood still for at least 3000 ms'),
      },
    ]);
    clock.pass(60_000);
    obstacles.leave();
    expect(obstacles.list()).toHaveLength(1);
  });

  it('says nothing of its own about what the election explains', () => {
    const clock = new HandClock();
    const since = clock.wallMs();
    const doubt = { sinceMs: since, untilMs: since + 4_000, why: 'in doubt' };
    const obstacles = new Obstacles(clock, OWN, { obstacles: [doubt] }, false);
    obstacles.answered(since + 1_000);
    clock.pass(3_000);
    expect(obstacles.list()).toEqual([doubt]);
    clock.pass(3_000);
    expect(obstacles.list()).toHaveLength(2);
  });
});

describe('a tick that was missed because its master stood still', () => {
  it('says so in its verdict, to listeners, in the log and to who asks why', async () => {
    const replica = new LoneReplica({ rules: { misfire: 'skip' } });
    await replica.pass(3);
    replica.clock.stall(6_000);
    replica.clock.runDue();
    await settle();
    await replica.pass(2);
    const stood = expect.stringMatching(
      /^From \S+ to \S+ a:1, the master, decided nothing about this job\. Its process stood still for at least \d+ ms/u,
    );
    const missed = (await verdicts(replica.store, JOB)).filter(({ outcome }) => outcome === 'missed');
    expect(missed).toMatchObject([{ reason: 'late', explanation: stood }]);
    expect(replica.verdicts.find(({ outcome }) => outcome === 'missed')).toMatchObject({ explanation: stood, error: undefined });
    expect(replica.observed.find(({ event }) => event === 'tick.missed')).toMatchObject({
      level: 'warn',
      message: expect.stringContaining('stood still'),
    });
    const parts = { store: replica.store, clock: replica.clock, maxClockSkewMs: 30_000, own: new Set([JOB]), masterOf: async () => 'a:1' };
    expect(await why(parts, JOB, missed[0]?.scheduledTime ?? 0)).toMatch(
      /^Missed: nobody could run it in time, and the misfire option does not make up for it\. From .* Its process stood still .*\. Decided by a:1\./u,
    );
  });

  it('does not say so of a machine that slept, whose timers were not late', async () => {
    const replica = new LoneReplica({ rules: { misfire: 'skip' } });
    await replica.pass(3);
    replica.clock.setWall(60_000);
    await replica.pass(12);
    const missed = replica.verdicts.filter(({ outcome }) => outcome === 'missed');
    expect(missed).toMatchObject([{ reason: 'late', explanation: expect.stringMatching(/decided nothing about this job\.$/u) }]);
  });
});
