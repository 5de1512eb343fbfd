import { describe, expect, it } from 'vitest';
import { Limit, runAttempts, type AttemptsParts, type AttemptsResult } from '../../../src/zookeeper/execution/attempts.js';
import { RunAbortedError, RunTimeoutError } from '../../../src/zookeeper/jobs/run/errors.js';
import { RunSignal } from '../../../src/zookeeper/support/run-signal.js';
import type { HeldTenure } from '../../../src/zookeeper/mastership/election/held-tenure.js';
import { HandClock } from '../mastership/hand-clock.js';

function setUp(rules: AttemptsParts['rules']): {
  readonly clock: HandClock;
  readonly signal: RunSignal;
  readonly retries: string[];
  /** When the job was told to be overdue, from the abort on. */
  readonly overdue: number[];
  run(once: (attempt: number) => unknown, firstAttempt?: number): AttemptsResult | Promise<AttemptsResult>;
} {
  const clock = new HandClock();
  const tenure: HeldTenure = { id: 't', token: 1n, czxid: 0n, fence: undefined, isValid: () => true, onInvalid: () => () => undefined };
  const signal = new RunSignal(tenure, (why) => new Error(why));
  const retries: string[] = [];
  const overdue: number[] = [];
  return {
    clock,
    signal,
    retries,
    overdue,
    run: (once, firstAttempt = 1) => {
      const parts: AttemptsParts = {
        clock,
        job: 'job',
        rules,
        signal,
        firstAttempt,
        once,
        overdue: (_, sinceMs) => overdue.push(sinceMs),
        retrying: (thrown, attempt, delayMs) => retries.push(`${attempt} ${(thrown as Error).message} ${delayMs >= 0}`),
      };
      const limit = new Limit(parts);
      const result = runAttempts(parts, limit);
      if (result instanceof Promise) return result.finally(() => limit.cancel());
      limit.cancel();
      return result;
    },
  };
}

/** Lets promises settle and due timers run until the run is over. */
async function over(clock: HandClock, result: AttemptsResult | Promise<AttemptsResult>, stepMs = 1_000): Promise<AttemptsResult> {
  let settled: AttemptsResult | undefined;
  void Promise.resolve(result).then((value) => (settled = value));
  for (let round = 0; round < 200 && settled === undefined; round += 1) {
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
    if (settled === undefined) clock.pass(stepMs);
  }
  if (settled === undefined) throw new Error('the run does not end');
  return settled;
}

const ONCE = { timeoutMs: undefined, retry: undefined };

describe('a run', () => {
  it('of a method that is not async is over when the call returns, and leaves no timer', () => {
    const { run, clock } = setUp({ ...ONCE, timeoutMs: 1_000 });
    expect(run(() => 'done')).toEqual({ outcome: 'ran', reason: undefined, attempt: 1, thrown: undefined });
    const boom = new Error('boom');
    expect(run(() => { throw boom; })).toEqual({ outcome: 'failed', reason: undefined, attempt: 1, thrown: boom }); // prettier-ignore
    expect(clock.waiting).toBe(0);
  });

  it('is tried again as often as it may, with a growing pause, and counts from the attempts before', async () => {
    const { run, clock, retries } = setUp({ ...ONCE, retry: { attempts: 3, backoffMs: 100 } });
    const attempts: number[] = [];
    const result = run(async (attempt) => {
      attempts.push(attempt);
      throw new Error(`no ${attempt}`);
    }, 4);
    expect(await over(clock, result)).toMatchObject({ outcome: 'failed', attempt: 6 });
    expect(attempts).toEqual([4, 5, 6]);
    expect(retries).toEqual(['4 no 4 true', '5 no 5 true']);
    expect(clock.waiting).toBe(0);
  });

  it('has run when a later attempt returns', async () => {
    const { run, clock } = setUp({ ...ONCE, retry: { attempts: 5, backoffMs: 1 } });
    const result = run((attempt) => {
      if (attempt < 3) throw new Error('not yet');
    });
    expect(await over(clock, result)).toMatchObject({ outcome: 'ran', attempt: 3, thrown: undefined });
  });

  it('has failed when the time limit strikes, also when it returns afterwards, and is over only then', async () => {
    const { run, clock, signal } = setUp({ ...ONCE, timeoutMs: 500 });
    let end!: () => void;
    const result = run(() => new Promise<void>((resolve) => (end = resolve)));
    clock.pass(499);
    expect(signal.signal.aborted).toBe(false);
    clock.pass(1);
    expect(signal.signal.reason).toBeInstanceOf(RunTimeoutError);
    let isOver = false;
    void Promise.resolve(result).then(() => (isOver = true));
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
    expect(isOver).toBe(false);
    end();
    expect(await over(clock, result)).toMatchObject({ outcome: 'failed', reason: 'timeout' });
  });

  it('is not tried again after the time limit, which covers all attempts and their pauses', async () => {
    const { run, clock } = setUp({ timeoutMs: 1_000, retry: { attempts: 10, backoffMs: 400, maxBackoffMs: 400 } });
    let attempts = 0;
    const result = run(async () => {
      attempts += 1;
      throw new Error('again');
    });
    expect(await over(clock, result, 100)).toMatchObject({ outcome: 'failed', reason: 'timeout' });
    expect(attempts).toBeLessThan(7);
    expect(clock.waiting).toBe(0);
  });

  it('is not even announced to be tried again when the time limit has struck during an attempt', async () => {
    const { run, clock, signal, retries } = setUp({ timeoutMs: 500, retry: { attempts: 10, backoffMs: 1 } });
    const result = run(async () => {
      clock.pass(500);
      signal.signal.throwIfAborted();
    });
    expect(await over(clock, result)).toMatchObject({ outcome: 'failed', reason: 'timeout', attempt: 1 });
    expect(retries).toEqual([]);
  });

  it('is told to be overdue when the time limit strikes, and again when it goes on', async () => {
    const { run, clock, signal, overdue } = setUp({ ...ONCE, timeoutMs: 500 });
    let end!: () => void;
    const result = run(() => new Promise<void>((resolve) => (end = resolve)));
    clock.pass(499);
    expect(overdue).toEqual([]);
    clock.pass(1);
    expect([overdue, signal.signal.aborted]).toEqual([[0], true]);
    clock.pass(1_999);
    expect(overdue).toEqual([0]);
    clock.pass(1);
    clock.pass(60_000);
    expect(overdue).toEqual([0, 2_000]);
    end();
    expect(await over(clock, result)).toMatchObject({ outcome: 'failed', reason: 'timeout' });
  });

  it('is told once, and leaves no timer, when it heeds the time limit', async () => {
    const { run, clock, signal, overdue } = setUp({ ...ONCE, timeoutMs: 500 });
    const result = run(
      () =>
        new Promise((_, reject) => signal.signal.addEventListener('abort', () => reject(signal.signal.reason as Error), { once: true })),
    );
    clock.pass(500);
    expect(await over(clock, result)).toMatchObject({ outcome: 'failed', reason: 'timeout' });
    expect([overdue, clock.waiting]).toEqual([[0], 0]);
  });

  it('is interrupted, not timed out, when its mastership was lost before the overdue limit was noticed', async () => {
    const { run, clock, signal } = setUp({ ...ONCE, timeoutMs: 500 });
    let fail!: (thrown: unknown) => void;
    const result = run(() => new Promise((_, reject) => (fail = reject)));
    clock.stall(10_000);
    const lost = new Error('mastership lost');
    signal.abort(lost);
    clock.runDue();
    fail(lost);
    expect(signal.signal.reason).toBe(lost);
    expect(await over(clock, result)).toMatchObject({ outcome: 'interrupted', reason: undefined });
  });

  it.each([
    ['throws the reason of its abort', (signal: RunSignal) => { throw signal.signal.reason; }], // prettier-ignore
    ['throws something else after its abort', () => { throw new Error('socket closed'); }], // prettier-ignore
  ])('is interrupted when it %s', async (_, end) => {
    const { run, clock, signal } = setUp({ ...ONCE, retry: { attempts: 3, backoffMs: 1 } });
    let attempts = 0;
    const result = run(async () => {
      attempts += 1;
      await Promise.resolve();
      end(signal);
    });
    signal.abort(new RunAbortedError('job', 'shutdown', 0));
    expect(await over(clock, result)).toMatchObject({ outcome: 'interrupted', reason: undefined });
    expect(attempts).toBe(1);
  });

  it('is interrupted when its abort comes in the pause before the next attempt', async () => {
    const { run, clock, signal, retries } = setUp({ ...ONCE, retry: { attempts: 3, backoffMs: 60_000 } });
    const result = run(async () => {
      throw new Error('once');
    });
    for (let turn = 0; turn < 20 && retries.length === 0; turn += 1) await Promise.resolve();
    signal.abort(new RunAbortedError('job', 'shutdown', 0));
    expect(await over(clock, result, 0)).toMatchObject({ outcome: 'interrupted', attempt: 1 });
    expect(clock.waiting).toBe(0);
  });

  it('has run when it returns in spite of its abort', async () => {
    const { run, clock, signal } = setUp(ONCE);
    const result = run(async () => Promise.resolve());
    signal.abort(new RunAbortedError('job', 'shutdown', 0));
    expect(await over(clock, result)).toMatchObject({ outcome: 'ran' });
  });
});
