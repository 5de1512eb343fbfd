import { describe, expect, it } from 'vitest';
import { NO_RUN } from '../../../../src/zookeeper/jobs/record/verdict.js';
import type { ControlParts } from '../../../../src/zookeeper/jobs/control/amend.js';
import { history } from '../../../../src/zookeeper/jobs/control/history.js';
import { OrderNotSentError } from '../../../../src/zookeeper/jobs/control/errors.js';
import { trigger, type Triggered } from '../../../../src/zookeeper/jobs/control/trigger.js';
import { verdicts } from '../../../../src/zookeeper/jobs/control/verdicts.js';
import { heldBy, MAX_WAITING_TRIGGERS, NOBODY, type RunEntry } from '../../../../src/zookeeper/jobs/record/job-record.js';
import { MAX_AUDIT } from '../../../../src/zookeeper/jobs/record/job-control.js';
import { endBy } from '../../../../src/zookeeper/jobs/record/trigger.state.js';
import type { RunResult } from '../../../../src/zookeeper/jobs/run/run-result.js';
import { systemClock, type Clock } from '../../../../src/zookeeper/support/clock.js';
import { eventually, failureOf } from '../../../support/eventually.js';
import { ManualClock } from '../../wire/manual-clock.js';
import { HOURLY, KeptStore, ms } from './kept-store.js';
import { PausesNoted } from './pauses-noted.js';

/** How often a caller that waits looks again at least. */
const LOOK_AGAIN_MS = 5_000;

/** A store, and what a master does in it. */
class Scene {
  readonly store = new KeptStore(ms('2026-11-21T12:00:00Z'));
  readonly parts: ControlParts;

  constructor(clock: Clock = systemClock) {
    this.parts = { store: this.store, clock, address: '10.0.0.7:90' };
    this.store.put('payouts', { schedule: { ...HOURLY, sinceMs: undefined }, pausedMs: 1 }, {});
  }

  async waiting(): Promise<string> {
    return eventually(
      () => {
        const [id] = this.store.record('payouts').triggers;
        if (id === undefined) throw new Error('none waits');
        return id;
      },
      { what: 'a trigger that waits' },
    );
  }

  async set(id: string, state: 'started' | 'ended' | 'refused', reason?: 'overlap', result?: RunResult, run = runOf(id)): Promise<void> {
    const view = this.store.kept.get('payouts')?.view;
    if (view === undefined) throw new Error('no record');
    const others = { triggers: view.record.triggers.filter((each) => each !== id), running: [] };
    const record = { ...view.record, ...others, ...(state === 'started' && { running: [run] }) };
    const outcome = reason === undefined ? ('ran' as const) : ('skipped' as const);
    const verdict = state === 'started' ? undefined : { ...NO_RUN, outcome, reason, trigger: id, durationMs: 5 };
    await this.store.write('payouts', {
      view,
      record,
      verdicts: verdict === undefined ? [] : [verdict],
      triggers: [verdict === undefined ? { id, state: 'started' } : endBy(id, verdict, result)],
      fence: undefined,
    });
  }

  async start(id: string): Promise<void> {
    await this.set(id, 'started');
  }

  /** Its master gives the claim back, after so many starts. */
  async giveBack(id: string, starts: number): Promise<void> {
    await this.set(id, 'started', undefined, undefined, { ...runOf(id), holder: NOBODY, starts });
  }

  /** Somebody writes an old record over it. */
  forget(): void {
    this.store.put('payouts', { ...this.store.record('payouts'), triggers: [], running: [] });
  }

  /** Until the caller has looked and waits. */
  async asleep(clock: ManualClock): Promise<void> {
    await eventually(() => expect(clock.pending).toBe(1), { what: 'the caller to wait', everyMs: 1 });
  }
}

function runOf(trigger: string): RunEntry {
  const run = {
    tick: undefined,
    cause: 'trigger',
    starts: 1,
    startedMs: 1,
    holder: heldBy('version~a'),
    election: 'e',
    token: 1n,
  } as const;
  return { claim: `claim of ${trigger}`, trigger, ...run };
}

describe('trigger', () => {
  it('resolves when the master has started it, also of a paused job', async () => {
    const scene = new Scene();
    const asked = trigger(scene.parts, 'payouts', { input: { invoice: 7 }, by: 'anna' });
    const id = await scene.waiting();
    expect(await scene.store.loadTrigger('payouts', id)).toMatchObject({ input: { invoice: 7 }, by: 'anna at 10.0.0.7:90' });
    await scene.start(id);
    expect(await asked).toEqual({ id, verdict: undefined });
  });

  it('does not take a claim for its start that was given back before the run began', async () => {
    const clock = new ManualClock();
    const scene = new Scene(clock);
    let accepted = false;
    const asked = trigger(scene.parts, 'payouts', { timeoutMs: 86_400_000 }).finally(() => (accepted = true));
    const id = await scene.waiting();
    await scene.asleep(clock);
    await scene.giveBack(id, 0);
    // It has looked again, and waits again.
    await scene.asleep(clock);
    clock.pass(LOOK_AGAIN_MS);
    await scene.asleep(clock);
    expect(accepted).toBe(false);
    await scene.start(id);
    expect(await asked).toEqual({ id, verdict: undefined });
  });

  it('takes one back whose claim was given back, when nobody takes it in time', async () => {
    const clock = new ManualClock();
    const scene = new Scene(clock);
    const asked = failureOf(trigger(scene.parts, 'payouts', { timeoutMs: 4_000 }));
    const id = await scene.waiting();
    await scene.asleep(clock);
    await scene.giveBack(id, 0);
    await scene.asleep(clock);
    clock.pass(4_000);
    expect(await asked).toMatchObject({ code: 'ZK_TRIGGER_NOT_ACCEPTED' });
    expect(scene.store.record('payouts')).toMatchObject({
      running: [],
      recent: [{ outcome: 'skipped', reason: 'withdrawn', trigger: id }],
    });
    expect(await scene.store.loadTrigger('payouts', id)).toMatchObject({ state: 'refused' });
  });

  it('counts as started when its run was cut short and is free to run again', async () => {
    const scene = new Scene();
    const asked = trigger(scene.parts, 'payouts');
    const id = await scene.waiting();
    await scene.giveBack(id, 1);
    expect(await asked).toEqual({ id, verdict: undefined });
  });

  it('waits for the end on request, and answers the verdict', async () => {
    const scene = new Scene();
    const asked = trigger(scene.parts, 'payouts', { wait: 'done', timeoutMs: 30_000 });
    const id = await scene.waiting();
    await scene.start(id);
    await scene.set(id, 'ended');
    expect(await asked).toMatchObject({ id, verdict: { outcome: 'ran', trigger: id } });
  });

  it('tells who has asked for it, in its verdict and in the history of the job', async () => {
    const scene = new Scene();
    const asked = trigger(scene.parts, 'payouts', { idempotencyKey: 'invoice-7', wait: 'done', by: 'anna' });
    await scene.set(await scene.waiting(), 'ended');
    const by = 'anna at 10.0.0.7:90';
    expect((await asked).verdict).toMatchObject({ trigger: 'invoice-7', triggeredBy: by });
    expect(await verdicts(scene.store, 'payouts')).toMatchObject([{ outcome: 'ran', triggeredBy: by }]);
    expect(await history(scene.store, 'payouts')).toEqual([
      { at: new Date('2026-11-21T12:00:00Z'), by, change: 'trigger invoice-7 asked for' },
    ]);
  });

  it('is put down to whoever asked for it anew, and its refusal before to nobody', async () => {
    const scene = new Scene();
    const [refused, again] = ['anna', 'bob'].map((by) => ({ idempotencyKey: 'invoice-7', wait: 'done' as const, by }));
    const first = failureOf(trigger(scene.parts, 'payouts', refused));
    await scene.set(await scene.waiting(), 'refused', 'overlap');
    await first;
    expect(await verdicts(scene.store, 'payouts')).toMatchObject([{ reason: 'overlap', triggeredBy: 'anna at 10.0.0.7:90' }]);
    const second = trigger(scene.parts, 'payouts', again);
    const id = await scene.waiting();
    expect((await verdicts(scene.store, 'payouts')).map(({ triggeredBy }) => triggeredBy)).toEqual([undefined]);
    await scene.set(id, 'ended');
    expect((await second).verdict).toMatchObject({ outcome: 'ran', triggeredBy: 'bob at 10.0.0.7:90' });
    const told = await verdicts(scene.store, 'payouts');
    expect(told.map(({ outcome, triggeredBy }) => [outcome, triggeredBy])).toEqual([
      ['skipped', undefined],
      ['ran', 'bob at 10.0.0.7:90'],
    ]);
  });

  it('leaves the changes of the job in its history, however many there are', async () => {
    const scene = new Scene();
    const audit = Array.from({ length: MAX_AUDIT }, (_, n) => ({ atMs: n, by: 'anna', kind: 'other' as const, change: `change ${n}` }));
    scene.store.put('payouts', {}, { audit });
    for (let n = 0; n < 60; n += 1) {
      scene.store.put('payouts', {});
      await scene.store.addTrigger('payouts', { id: `t${n}`, input: undefined, by: 'bob', atMs: 25, state: 'waiting', verdict: undefined });
    }
    const told = (await history(scene.store, 'payouts')).map(({ change }) => change);
    const asked = Array.from({ length: 50 }, (_, n) => `trigger t${n + 10} asked for`);
    const changes = audit.map(({ change }) => change);
    expect(told).toEqual([...changes.slice(0, 26), ...asked, ...changes.slice(26)]);
  });

  it('answers what the run has returned, or why that is left out', async () => {
    const scene = new Scene();
    const ended = async (idempotencyKey: string, result: RunResult | undefined): Promise<Triggered> => {
      const asked = trigger(scene.parts, 'payouts', { idempotencyKey, wait: 'done' });
      await scene.set(await scene.waiting(), 'ended', undefined, result);
      return asked;
    };
    expect(await ended('a', { kind: 'json', json: '{"paid":[7,null]}' })).toMatchObject({ id: 'a', result: { paid: [7, null] } });
    expect(await ended('b', { kind: 'left out', why: 'it is too long' })).toMatchObject({ id: 'b', resultLeftOut: 'it is too long' });
    const none = await ended('c', undefined);
    expect(none).toMatchObject({ id: 'c', verdict: { outcome: 'ran' } });
    expect([none.result, none.resultLeftOut]).toEqual([undefined, undefined]);
    expect(await trigger(scene.parts, 'payouts', { idempotencyKey: 'a' })).toMatchObject({ result: { paid: [7, null] } });
  });

  it('waits for ZooKeeper to read the result, and does without it when its caller gives up', async () => {
    const scene = new Scene();
    const read = scene.store.loadResult.bind(scene.store);
    let tries = 0;
    const detached = (): void => void (scene.store.isDetached = (tries += 1) < 2);
    scene.store.loadResult = async (...asked) => (detached(), read(...asked));
    const asked = trigger(scene.parts, 'payouts', { wait: 'done' });
    await scene.set(await scene.waiting(), 'ended', undefined, { kind: 'json', json: '7' });
    expect([(await asked).result, tries]).toEqual([7, 2]);
    const caller = new AbortController();
    scene.store.loadResult = () => (caller.abort(), Promise.reject(new OrderNotSentError('payouts')));
    const given = trigger(scene.parts, 'payouts', { wait: 'done', signal: caller.signal });
    await scene.set(await scene.waiting(), 'ended', undefined, { kind: 'json', json: '7' });
    expect(await given).toMatchObject({ verdict: { outcome: 'ran' }, resultLeftOut: expect.stringMatching(/^it could not be read/) });
  });

  it('is asked for once with one key, and answers the same again', async () => {
    const scene = new Scene();
    const both = [1, 2].map(() => trigger(scene.parts, 'payouts', { idempotencyKey: 'invoice-7', wait: 'done' }));
    await scene.waiting();
    expect(scene.store.record('payouts').triggers).toEqual(['invoice-7']);
    await scene.set('invoice-7', 'ended');
    const [first, second] = await Promise.all(both);
    expect(first).toEqual(second);
    expect(await trigger(scene.parts, 'payouts', { idempotencyKey: 'invoice-7' })).toEqual(first);
    expect(scene.store.record('payouts').triggers).toEqual([]);
  });

  it('keeps a long key as its digest, which the record has room for', async () => {
    const scene = new Scene();
    const asked = [1, 2].map(() => trigger(scene.parts, 'payouts', { idempotencyKey: 'k'.repeat(100) }));
    const id = await scene.waiting();
    expect(id).toHaveLength(27);
    await scene.start(id);
    expect(await Promise.all(asked)).toMatchObject([{ id }, { id }]);
  });

  it.each(['', 'a/b', 'k'.repeat(101), '..'])('refuses the key %j', async (idempotencyKey) => {
    const scene = new Scene();
    await expect(trigger(scene.parts, 'payouts', { idempotencyKey })).rejects.toMatchObject({ code: 'ZK_BAD_TRIGGER' });
  });

  it('is refused by overlap', async () => {
    const scene = new Scene();
    const asked = failureOf(trigger(scene.parts, 'payouts'));
    await scene.set(await scene.waiting(), 'refused', 'overlap');
    expect(await asked).toMatchObject({ code: 'ZK_TRIGGER_REFUSED', reason: 'overlap' });
  });

  it('is taken back when no master has started it in time', async () => {
    const scene = new Scene();
    const failure = await failureOf(trigger(scene.parts, 'payouts', { timeoutMs: 20 }));
    expect(failure).toMatchObject({ code: 'ZK_TRIGGER_NOT_ACCEPTED' });
    expect(scene.store.record('payouts')).toMatchObject({ triggers: [], recent: [{ outcome: 'skipped', reason: 'withdrawn' }] });
  });

  it('may still run when it could not be taken back, and says so', async () => {
    const scene = new Scene();
    // The first write is the one that takes it back.
    scene.store.beforeWrite = () => (scene.store.isDetached = true);
    const thrown = await failureOf(trigger(scene.parts, 'payouts', { timeoutMs: 20 }));
    expect(thrown).toMatchObject({ code: 'ZK_TRIGGER_UNCERTAIN', trigger: scene.store.record('payouts').triggers[0] });
  });

  it('counts as accepted when it was started at the very moment at which it was to be taken back', async () => {
    const scene = new Scene();
    let id = '';
    scene.store.beforeWrite = () => {
      scene.store.beforeWrite = () => undefined;
      id = scene.store.record('payouts').triggers[0] ?? '';
      void scene.set(id, 'started');
    };
    expect(await trigger(scene.parts, 'payouts', { timeoutMs: 20 })).toEqual({ id, verdict: undefined });
  });

  it('is taken back when its caller gives it up', async () => {
    const scene = new Scene();
    const caller = new AbortController();
    const asked = failureOf(trigger(scene.parts, 'payouts', { signal: caller.signal }));
    await scene.waiting();
    caller.abort();
    expect(await asked).toMatchObject({ code: 'ZK_TRIGGER_NOT_ACCEPTED' });
    expect(scene.store.record('payouts').triggers).toEqual([]);
  });

  it('leaves a run alone whose caller gives up waiting for its end', async () => {
    const scene = new Scene();
    const caller = new AbortController();
    const asked = failureOf(trigger(scene.parts, 'payouts', { wait: 'done', signal: caller.signal }));
    const id = await scene.waiting();
    await scene.start(id);
    caller.abort(new Error('no time'));
    expect(await asked).toMatchObject({ message: 'no time' });
    expect(await scene.store.loadTrigger('payouts', id)).toMatchObject({ state: 'started' });
  });

  it('is asked for anew with the key of one that was taken back', async () => {
    const scene = new Scene();
    await failureOf(trigger(scene.parts, 'payouts', { idempotencyKey: 'invoice-7', timeoutMs: 10 }));
    const asked = trigger(scene.parts, 'payouts', { idempotencyKey: 'invoice-7' });
    await scene.set(await scene.waiting(), 'started');
    expect(await asked).toMatchObject({ id: 'invoice-7' });
  });

  it('says how many may wait', async () => {
    const scene = new Scene();
    const callers = Array.from({ length: MAX_WAITING_TRIGGERS }, () => failureOf(trigger(scene.parts, 'payouts', { timeoutMs: 300 })));
    await eventually(() => expect(scene.store.record('payouts').triggers).toHaveLength(MAX_WAITING_TRIGGERS), {
      what: 'all to wait',
      everyMs: 1,
    });
    await expect(trigger(scene.parts, 'payouts')).rejects.toMatchObject({ code: 'ZK_TOO_MANY_TRIGGERS' });
    await Promise.all(callers);
  });

  it('is accepted when it was started between two looks, whatever became of the record since', async () => {
    const scene = new Scene();
    scene.store.loadTriggerAndRecord = async (job, id) => {
      await scene.start(id);
      scene.forget();
      return KeptStore.prototype.loadTriggerAndRecord.call(scene.store, job, id);
    };
    expect(await trigger(scene.parts, 'payouts', { idempotencyKey: 'invoice-7' })).toMatchObject({ id: 'invoice-7' });
  });

  it('is heard of by the master when it is asked for anew with its key', async () => {
    const scene = new Scene();
    await failureOf(trigger(scene.parts, 'payouts', { idempotencyKey: 'invoice-7', timeoutMs: 1 }));
    // It watches the control node.
    const version = (): number | undefined => scene.store.kept.get('payouts')?.control?.version;
    const before = version();
    const caller = new AbortController();
    const asked = failureOf(trigger(scene.parts, 'payouts', { idempotencyKey: 'invoice-7', signal: caller.signal }));
    await scene.waiting();
    expect(version()).toBeGreaterThan(before ?? Infinity);
    caller.abort();
    await asked;
  });

  it('says so when the record moves all the while, and does not call that full', async () => {
    const scene = new Scene();
    scene.store.addTrigger = async () => 'contended';
    await expect(trigger(scene.parts, 'payouts')).rejects.toMatchObject({ code: 'ZK_JOB_CONTENDED' });
  });

  it('pauses before it is asked for anew again, when the record moves all the while', async () => {
    const clock = new PausesNoted();
    const scene = new Scene(clock);
    scene.store.addTrigger = async () => 'exists';
    const refused = { ...NO_RUN, outcome: 'skipped', reason: 'overlap', trigger: 'invoice-7' } as const;
    const node = { id: 'invoice-7', input: undefined, by: 'anna', atMs: 1, state: 'refused', verdict: refused } as const;
    scene.store.kept.get('payouts')?.triggers.set('invoice-7', node);
    scene.store.beforeWrite = () => scene.store.put('payouts', scene.store.record('payouts'));
    await expect(trigger(scene.parts, 'payouts', { idempotencyKey: 'invoice-7' })).rejects.toMatchObject({ code: 'ZK_JOB_CONTENDED' });
    clock.mustHaveGrown();
  });

  it('names the jobs that may have been meant', async () => {
    const scene = new Scene();
    await expect(trigger(scene.parts, 'payout')).rejects.toMatchObject({ code: 'ZK_UNKNOWN_JOB' });
  });

  it('says so when the job is removed while it waits', async () => {
    const scene = new Scene();
    const asked = failureOf(trigger(scene.parts, 'payouts', { timeoutMs: 30_000 }));
    const id = await scene.waiting();
    scene.store.kept.get('payouts')?.triggers.delete(id);
    scene.store.kept.get('payouts')?.told.tell();
    expect(await asked).toMatchObject({ code: 'ZK_TRIGGER_LOST' });
  });

  it('is lost, and says that it has not run, when the record forgets it while it waits', async () => {
    const clock = new ManualClock();
    const scene = new Scene(clock);
    const asked = failureOf(trigger(scene.parts, 'payouts', { timeoutMs: 86_400_000 }));
    const id = await scene.waiting();
    await scene.asleep(clock);
    scene.forget();
    clock.pass(5_000);
    expect(await asked).toMatchObject({
      code: 'ZK_TRIGGER_LOST',
      trigger: id,
      message: expect.stringMatching(/does not name it.*has not run/),
    });
  });

  it('is lost, and says that it was started, when the record forgets it while its end is waited for', async () => {
    const clock = new ManualClock();
    const scene = new Scene(clock);
    const asked = failureOf(trigger(scene.parts, 'payouts', { wait: 'done' }));
    const id = await scene.waiting();
    await scene.start(id);
    await scene.asleep(clock);
    clock.pass(5_000);
    await scene.asleep(clock);
    scene.forget();
    clock.pass(5_000);
    expect(await asked).toMatchObject({ code: 'ZK_TRIGGER_LOST', message: expect.stringMatching(/does not name it.*was started/) });
  });

  it('is not lost when it ends while it is looked at', async () => {
    const scene = new Scene();
    const asked = trigger(scene.parts, 'payouts', { wait: 'done' });
    const id = await scene.waiting();
    const { loadTriggerAndRecord } = scene.store;
    scene.store.loadTriggerAndRecord = async (...of) => {
      await scene.set(id, 'ended');
      return loadTriggerAndRecord.apply(scene.store, of);
    };
    await scene.start(id);
    expect(await asked).toMatchObject({ id, verdict: { outcome: 'ran' } });
  });

  it('is lost when the record forgets it at the very moment at which it was to be taken back', async () => {
    const scene = new Scene();
    scene.store.beforeWrite = () => scene.forget();
    expect(await failureOf(trigger(scene.parts, 'payouts', { timeoutMs: 20 }))).toMatchObject({ code: 'ZK_TRIGGER_LOST' });
  });

  it('is taken back also when another caller has asked for it anew meanwhile', async () => {
    const scene = new Scene();
    const { load } = scene.store;
    scene.store.load = async (job) => {
      scene.store.load = load;
      const loaded = await load.call(scene.store, job);
      return loaded.kind === 'found'
        ? { kind: 'found', view: { ...loaded.view, record: { ...loaded.view.record, triggers: [] } } }
        : loaded;
    };
    expect(await failureOf(trigger(scene.parts, 'payouts', { timeoutMs: 20 }))).toMatchObject({ code: 'ZK_TRIGGER_NOT_ACCEPTED' });
    expect(scene.store.record('payouts').triggers).toEqual([]);
  });

  it('is asked for anew with the key of one that was lost before it was started', async () => {
    const scene = new Scene();
    const lost = trigger(scene.parts, 'payouts', { idempotencyKey: 'invoice-7' });
    await scene.waiting();
    scene.forget();
    const asked = trigger(scene.parts, 'payouts', { idempotencyKey: 'invoice-7' });
    expect(await scene.waiting()).toBe('invoice-7');
    await scene.start('invoice-7');
    expect(await Promise.all([lost, asked])).toMatchObject([{ id: 'invoice-7' }, { id: 'invoice-7' }]);
  });

  it('is not run a second time with the key of one that was lost after it was started', async () => {
    const scene = new Scene();
    const first = trigger(scene.parts, 'payouts', { idempotencyKey: 'invoice-7' });
    await scene.start(await scene.waiting());
    await first;
    scene.forget();
    expect(await trigger(scene.parts, 'payouts', { idempotencyKey: 'invoice-7' })).toEqual({ id: 'invoice-7', verdict: undefined });
    await expect(trigger(scene.parts, 'payouts', { idempotencyKey: 'invoice-7', wait: 'done' })).rejects.toMatchObject({
      code: 'ZK_TRIGGER_LOST',
    });
    expect(scene.store.record('payouts').triggers).toEqual([]);
  });
});
