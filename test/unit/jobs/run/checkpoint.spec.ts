import { describe, expect, it } from 'vitest';
import { MAX_CHECKPOINT_BYTES, MemoryCheckpoint, StoredCheckpoint } from '../../../../src/zookeeper/jobs/run/checkpoint.js';
import { checkProgress, Progress } from '../../../../src/zookeeper/jobs/run/progress.js';
import type { JobStore } from '../../../../src/zookeeper/jobs/persistence/job-store.js';
import { RunSignal } from '../../../../src/zookeeper/support/run-signal.js';
import type { Fence, HeldTenure } from '../../../../src/zookeeper/mastership/election/held-tenure.js';
import { systemClock } from '../../../../src/zookeeper/support/clock.js';
import { silentObserver } from '../../../../src/zookeeper/support/observer.js';
import { ZooKeeperError } from '../../../../src/zookeeper/wire/errors.js';
import { HandClock } from '../../mastership/hand-clock.js';

function refusal(reason: 'no-node' | 'bad-version' | 'connection-loss'): ZooKeeperError {
  return new ZooKeeperError(reason, { operation: 'multi', sent: true, opIndex: 0 });
}

/** Answers each save with what is next in `answers`; without any, it is saved. */
function setUp(answers: (Error | undefined)[] = []) {
  const saved: unknown[] = [];
  const state = { valid: true, rechecked: 0, asked: 0, removed: false };
  const fence = { refused: async () => void (state.rechecked += 1) } as unknown as Fence;
  const tenure: HeldTenure = { id: 't', token: 9n, czxid: 0n, fence, isValid: () => state.valid, onInvalid: () => () => undefined };
  const store = {
    async saveNote(_job: string, _note: string, encoded: Buffer) {
      const answer = answers.shift();
      // The first one takes longest: whoever sends a second before its answer overtakes it.
      state.asked += 1;
      for (let turn = state.asked === 1 ? 20 : 1; turn > 0; turn -= 1) await Promise.resolve();
      if (answer !== undefined) throw answer;
      saved.push(JSON.parse(encoded.toString()));
    },
    loadNote: async () => saved.at(-1),
  } as unknown as JobStore;
  const signal = new RunSignal(tenure, (why) => new Error(why));
  const checkpoint = new StoredCheckpoint({
    store,
    job: 'backup',
    election: 'Bank:1',
    tenure,
    signal,
    clock: systemClock,
    mayCreate: () => !state.removed,
  });
  return { checkpoint, saved, state, signal, store, tenure };
}

describe('a checkpoint', () => {
  it('is what was set last, in the order of the calls', async () => {
    const { checkpoint, saved } = setUp();
    expect(await checkpoint.get()).toBeUndefined();
    const sets = [checkpoint.set({ lastCommit: 1 }), checkpoint.set({ lastCommit: 2 })];
    expect(await checkpoint.get()).toEqual({ lastCommit: 2 });
    await Promise.all(sets);
    expect(saved).toEqual([{ lastCommit: 1 }, { lastCommit: 2 }]);
  });

  it('takes 512 KiB and not a byte more, and says so before anything is sent', async () => {
    const { checkpoint, saved } = setUp();
    await checkpoint.set('x'.repeat(MAX_CHECKPOINT_BYTES - 2));
    await expect(checkpoint.set('x'.repeat(MAX_CHECKPOINT_BYTES - 1))).rejects.toThrow(/ZK_BAD_CHECKPOINT.*524289 bytes, at most 524288/);
    expect(saved).toHaveLength(1);
  });

  const cycle: { self?: unknown } = {};
  cycle.self = cycle;
  it.each([
    ['undefined', undefined],
    ['a function', () => 1],
    ['a bigint', 1n],
    ['a cycle', cycle],
  ])('refuses %s', async (_, value) => {
    const { checkpoint, saved } = setUp();
    await expect(checkpoint.set(value)).rejects.toThrow('ZK_BAD_CHECKPOINT');
    await expect(new MemoryCheckpoint().set(value)).rejects.toThrow('ZK_BAD_CHECKPOINT');
    expect(saved).toEqual([]);
  });

  it('waits through a lost connection', async () => {
    const { checkpoint, saved } = setUp([refusal('connection-loss'), refusal('connection-loss')]);
    await checkpoint.set(7);
    expect(saved).toEqual([7]);
  });

  it('waits no longer than its run lives', async () => {
    const { checkpoint, signal } = setUp(Array.from({ length: 1_000 }, () => refusal('connection-loss')));
    const set = checkpoint.set(7);
    const why = new Error('the run is over');
    signal.abort(why);
    await expect(set).rejects.toBe(why);
  });

  it('is refused to a run whose mastership is over, without asking', async () => {
    const { checkpoint, state, saved } = setUp();
    state.valid = false;
    await expect(checkpoint.set(7)).rejects.toThrow(/over/);
    expect(saved).toEqual([]);
  });

  it('is set after another look when an operator has touched the nodes of a mastership that lasts', async () => {
    const { checkpoint, state, saved } = setUp([refusal('no-node')]);
    await checkpoint.set(7);
    expect([saved, state.rechecked]).toEqual([[7], 1]);
  });

  it('says so when the job was removed meanwhile', async () => {
    const { checkpoint, state } = setUp([refusal('no-node')]);
    state.removed = true;
    await expect(checkpoint.set(7)).rejects.toThrow(/ZK_BAD_CHECKPOINT.*removed/);
    expect(state.rechecked).toBe(0);
  });

  it('is given up when ZooKeeper goes on refusing it', async () => {
    const { checkpoint, state } = setUp(Array.from({ length: 100 }, () => refusal('bad-version')));
    await expect(checkpoint.set(7)).rejects.toThrow('ZK_MASTERSHIP_LOST');
    expect(state.rechecked).toBeLessThan(10);
  });
});

describe('progress', () => {
  it.each([
    [-0.1, undefined],
    [1.1, undefined],
    [Number.NaN, undefined],
    [0.5, 'x'.repeat(201)],
  ])('refuses %s %s', (fraction, note) => {
    expect(() => checkProgress('backup', fraction, note)).toThrow('ZK_BAD_PROGRESS');
  });

  it('is written at once, then once a second with what was told last, and at the end', () => {
    const { store, tenure } = setUp();
    const clock = new HandClock();
    const notes: number[] = [];
    const noting = {
      ...store,
      saveNote: async (_: string, __: string, encoded: Buffer) =>
        void notes.push((JSON.parse(encoded.toString()) as { fraction: number }).fraction),
    };
    const progress = new Progress({ store: noting, job: 'backup', tenure, clock, observer: silentObserver, mayCreate: () => true });
    progress.report(0.1);
    progress.report(0.2);
    progress.report(0.3);
    expect(notes).toEqual([0.1]);
    clock.pass(1_000);
    expect(notes).toEqual([0.1, 0.3]);
    progress.report(0.9);
    progress.end();
    expect(notes).toEqual([0.1, 0.3, 0.9]);
    progress.report(1);
    clock.pass(5_000);
    expect(notes).toEqual([0.1, 0.3, 0.9]);
    expect(clock.waiting).toBe(0);
  });
});
