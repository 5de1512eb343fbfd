import { describe, expect, it } from 'vitest';
import { verdicts } from '../../../src/zookeeper/jobs/control/verdicts.js';
import type { JobRules } from '../../../src/zookeeper/jobs/run/job-rules.js';
import { heldBy, NOBODY, type RunEntry } from '../../../src/zookeeper/jobs/record/job-record.js';
import { HandClock } from '../mastership/hand-clock.js';
import { EVERY_HOUR, JOB, LoneReplica, LoneStore, settle, type ReplicaOptions } from './lone-replica.js';

/** Until the next full hour, by the clock that all of these tests begin with. */
const UNTIL_DUE_MS = 3_600_000 - (new HandClock().wallMs() % 3_600_000);

/**
 * A replica claims an hourly tick, leaves before the claim is acknowledged, and gives it back. The next
 * replica comes `laterMs` after.
 */
async function afterGivenBack(laterMs: number, options: ReplicaOptions): Promise<LoneReplica> {
  const clock = new HandClock();
  const store = new LoneStore({ clock });
  const first = new LoneReplica({ clock, store, ...options, schedule: EVERY_HOUR, disabled: false });
  await settle();
  const held = store.holdNextWrite();
  clock.pass(UNTIL_DUE_MS);
  await held.reached;
  first.gate.close();
  const left = first.gate.abandon('the test stops it');
  held.release();
  await left;
  expect(first.runs).toEqual([]);
  expect((await store.record()).running).toMatchObject([{ holder: NOBODY, starts: 0 }]);
  clock.stall(laterMs);
  const next = new LoneReplica({ clock, store, ...options, schedule: EVERY_HOUR });
  await settle();
  return next;
}

describe('a claim that was given back', () => {
  it('runs when another replica takes it in time', async () => {
    const next = await afterGivenBack(500, {});
    expect(next.runs).toMatchObject([{ cause: 'schedule', attempt: 1 }]);
  });

  it.each([
    ['skip', { misfire: 'skip' }, 'late'],
    ['a window that has passed', { misfireWindowMs: 2_000 }, 'too old'],
  ] as const)('does not run when it is late, with %s', async (_, rules: Partial<JobRules>, reason) => {
    const next = await afterGivenBack(7_100, { rules });
    expect(next.runs).toEqual([]);
    const [verdict] = await verdicts(next.store, JOB);
    expect(verdict).toMatchObject({ outcome: 'missed', reason, attempt: undefined, startedTime: undefined, claimedTime: undefined });
  });

  it('runs as a misfire when it is late and its policy makes up for it', async () => {
    const next = await afterGivenBack(7_100, {});
    expect(next.runs).toMatchObject([{ cause: 'misfire', attempt: 1 }]);
  });

  it('is left to no version that has disabled the job', async () => {
    const next = await afterGivenBack(500, { version: '2', disabled: true });
    await next.pass(20);
    expect(next.runs).toEqual([]);
    expect((await next.store.record()).running).toEqual([]);
  });
});

describe('a run that was cut short', () => {
  const rules = { onInterrupted: { rerun: 3 }, retry: { attempts: 5, backoffMs: 60_000 } } as const;
  const failing = (): never => {
    throw new Error('no money');
  };

  /** A replica has made two attempts, waits for the third, and is shut down. */
  async function afterTwoAttempts(options: ReplicaOptions): Promise<LoneReplica> {
    const clock = new HandClock();
    const store = new LoneStore({ clock });
    const first = new LoneReplica({ clock, store, schedule: EVERY_HOUR, rules, work: failing });
    await settle();
    clock.pass(UNTIL_DUE_MS);
    await first.pass(120);
    const attempts = first.runs.map(({ attempt }) => attempt);
    expect(attempts.length).toBeGreaterThan(1);
    await first.leave();
    store.living = ['1', '2'];
    const next = new LoneReplica({ clock, store, schedule: EVERY_HOUR, rules, ...options });
    await settle();
    next.runs.unshift(...first.runs);
    return next;
  }

  it('counts its attempts on when it is started again', async () => {
    const next = await afterTwoAttempts({});
    const attempts = next.runs.map(({ attempt }) => attempt);
    expect(attempts).toEqual(attempts.map((_, index) => index + 1));
    expect(next.runs.at(-1)?.cause).toBe('rerun');
    expect(await verdicts(next.store, JOB)).toMatchObject([{ outcome: 'ran', attempt: attempts.length }]);
  });

  it('is not started again by the version that disables the job', async () => {
    const next = await afterTwoAttempts({ version: '2', disabled: true });
    await next.pass(30);
    expect(next.runs.map(({ cause }) => cause)).not.toContain('rerun');
    expect((await next.store.record()).running).toEqual([]);
    expect(await verdicts(next.store, JOB)).toMatchObject([{ outcome: 'interrupted' }]);
  });

  it('is told as claimed, and not as started, by whoever cannot know', async () => {
    const clock = new HandClock();
    const store = new LoneStore({ clock });
    const replica = new LoneReplica({ clock, store, schedule: EVERY_HOUR });
    await settle();
    const tick = { dueMs: clock.wallMs(), nominalMs: clock.wallMs() };
    const claimed = { claim: 'c', tick, trigger: undefined, cause: 'schedule', starts: 1, startedMs: clock.wallMs() } as const;
    // Its replica died before it had the answer; the method was never called.
    const entry: RunEntry = { ...claimed, holder: heldBy('version~dead'), election: 'other', token: 3n };
    await store.edit({ running: [entry], cursor: tick });
    replica.job.loop?.cache.outdate();
    replica.job.loop?.wakeUp();
    await replica.pass(60);
    const [verdict] = await verdicts(store, JOB);
    expect(verdict).toMatchObject({ outcome: 'interrupted', reason: 'replica gone', claimedTime: new Date(entry.startedMs) });
    expect([verdict?.startedTime, verdict?.attempt, verdict?.ranOn]).toEqual([undefined, undefined, undefined]);
  });
});
