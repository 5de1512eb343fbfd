import { describe, expect, it } from 'vitest';
import { NO_RUN } from '../../../../src/zookeeper/jobs/record/verdict.js';
import { trigger } from '../../../../src/zookeeper/jobs/control/trigger.js';
import { MAX_WAITING_TRIGGERS } from '../../../../src/zookeeper/jobs/record/job-record.js';
import type { TriggerNode } from '../../../../src/zookeeper/jobs/record/job-store.js';
import { systemClock } from '../../../../src/zookeeper/support/clock.js';
import { eventually, failureOf } from '../../../support/eventually.js';
import { HOURLY, KeptStore, ms } from './kept-store.js';

/** A store, and what a master does in it. */
class Scene {
  readonly store = new KeptStore(ms('2026-11-21T12:00:00Z'));
  readonly parts = { store: this.store, clock: systemClock, address: '10.0.0.7:90' };

  constructor() {
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

  async set(id: string, state: TriggerNode['state'], reason?: 'overlap'): Promise<void> {
    const view = this.store.kept.get('payouts')?.view;
    if (view === undefined) throw new Error('no record');
    const record = { ...view.record, triggers: view.record.triggers.filter((each) => each !== id) };
    const outcome = reason === undefined ? ('ran' as const) : ('skipped' as const);
    const verdict = state === 'started' ? undefined : { ...NO_RUN, outcome, reason, trigger: id, durationMs: 5 };
    await this.store.write('payouts', {
      view,
      record,
      verdicts: verdict === undefined ? [] : [verdict],
      triggers: [{ id, state, ...(verdict && { verdict }) }],
      ground: undefined,
    });
  }
}

describe('trigger', () => {
  it('resolves when the master has started it, also of a paused job', async () => {
    const scene = new Scene();
    const asked = trigger(scene.parts, 'payouts', { input: { invoice: 7 }, by: 'anna' });
    const id = await scene.waiting();
    expect(await scene.store.loadTrigger('payouts', id)).toMatchObject({ input: { invoice: 7 }, by: 'anna at 10.0.0.7:90' });
    await scene.set(id, 'started');
    expect(await asked).toEqual({ id, verdict: undefined });
  });

  it('waits for the end on request, and answers the verdict', async () => {
    const scene = new Scene();
    const asked = trigger(scene.parts, 'payouts', { wait: 'done', timeoutMs: 30_000 });
    const id = await scene.waiting();
    await scene.set(id, 'started');
    await scene.set(id, 'ended');
    expect(await asked).toMatchObject({ id, verdict: { outcome: 'ran', trigger: id } });
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
    await scene.set(id, 'started');
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
    const asked = failureOf(trigger(scene.parts, 'payouts', { timeoutMs: 20 }));
    const id = await scene.waiting();
    scene.store.isDetached = true;
    expect(await asked).toMatchObject({ code: 'ZK_TRIGGER_UNCERTAIN', trigger: id });
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
    await scene.set(id, 'started');
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
});
