import { ConsoleLogger, Logger } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { Dispatcher } from '../../../src/zookeeper/dispatch/dispatcher.js';
import type { GatedJob, Method } from '../../../src/zookeeper/dispatch/gated-job.js';
import { JobEvents } from '../../../src/zookeeper/jobs/record/job-events.js';
import { DEFAULT_RULES } from '../../../src/zookeeper/jobs/run/job-rules.js';
import { insideRun, JobRun } from '../../../src/zookeeper/jobs/run/job-run.js';
import { looksMinified } from '../../../src/zookeeper/jobs/run/job-identity.js';
import { nameProblem } from '../../../src/zookeeper/support/names.js';
import { RunSignal } from '../../../src/zookeeper/support/run-signal.js';
import type { HeldTenure } from '../../../src/zookeeper/mastership/election/held-tenure.js';
import { StandaloneElections } from '../../../src/zookeeper/mastership/standalone.js';
import { systemClock } from '../../../src/zookeeper/support/clock.js';
import { silentObserver, type Observation } from '../../../src/zookeeper/support/observer.js';
import { formatObservation, LogObserver } from '../../../src/zookeeper/zookeeper.logger.js';

/** A tenure whose deadline passes without any timer, as after a stalled loop. */
function tenure(): HeldTenure & { valid: boolean; listeners: Set<(why: string) => void> } {
  const listeners = new Set<(why: string) => void>();
  return {
    id: 'x',
    token: 7n,
    czxid: 0n,
    fence: undefined,
    valid: true,
    listeners,
    isValid() {
      return this.valid;
    },
    onInvalid: (listener) => (listeners.add(listener), () => void listeners.delete(listener)),
  };
}

describe('the signal of a run', () => {
  const lost = (why: string): Error => new Error(`lost: ${why}`);

  it.each([
    ['aborted', (signal: AbortSignal): boolean => signal.aborted],
    ['reason', (signal: AbortSignal): boolean => signal.reason !== undefined],
    ['throwIfAborted', (signal: AbortSignal): boolean => throws(() => signal.throwIfAborted())],
    ['AbortSignal.any', (signal: AbortSignal): boolean => AbortSignal.any([signal]).aborted],
  ])('compares the deadline when asked: %s', (_name, ask) => {
    const held = tenure();
    const { signal } = new RunSignal(held, lost);
    expect(ask(signal)).toBe(false);
    held.valid = false;
    expect(ask(signal)).toBe(true);
    expect(signal.reason).toEqual(new Error('lost: its lease is over'));
  });

  it('tells its listeners once, whether it was asked or the tenure told it', () => {
    const held = tenure();
    const { signal } = new RunSignal(held, lost);
    let told = 0;
    signal.addEventListener('abort', () => (told += 1));
    for (const listener of held.listeners) listener('cut off');
    held.valid = false;
    expect(signal.aborted).toBe(true);
    expect(told).toBe(1);
    expect(signal.reason).toEqual(new Error('lost: cut off'));
  });

  it('is one that the platform takes', async () => {
    const held = tenure();
    const { signal } = new RunSignal(held, lost);
    expect(signal).toBeInstanceOf(AbortSignal);
    const { setTimeout: wait } = await import('node:timers/promises');
    const waiting = wait(1_000_000, undefined, { signal });
    held.valid = false;
    expect(signal.aborted).toBe(true);
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
    await expect(fetch('http://127.0.0.1:1', { signal })).rejects.toThrow('lost: its lease is over');
  });

  it('lets go of the tenure when the run is over', () => {
    const held = tenure();
    const signal = new RunSignal(held, lost);
    signal.release();
    expect(held.listeners.size).toBe(0);
    held.valid = false;
    expect(signal.signal.aborted).toBe(true);
  });

  function throws(run: () => void): boolean {
    try {
      run();
      return false;
    } catch {
      return true;
    }
  }
});

describe('JobRun', () => {
  it('is current below the run only, and judges its tenure at use', async () => {
    const held = tenure();
    const signal = new RunSignal(held, () => new Error('lost'));
    const run = new JobRun({ job: 'job', election: 'A:1', firedTime: new Date(0), cause: 'schedule', tenure: held, signal });
    expect(JobRun.current()).toBeUndefined();
    await insideRun(run, async () => {
      await new Promise(setImmediate);
      expect(JobRun.current()).toBe(run);
    });
    expect(JobRun.current()).toBeUndefined();
    expect(() => run.assertMaster()).not.toThrow();
    held.valid = false;
    expect(() => run.assertMaster()).toThrow(/ZK_MASTERSHIP_LOST.*"A:1".*token 7/u);
  });
});

/** A promise that the test settles. */
function deferred(): { readonly promise: Promise<void>; resolve(): void } {
  let resolve!: () => void;
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
}

const UNCLAIMED = { rules: { ...DEFAULT_RULES, claim: 'none' as const }, schedule: undefined };

describe('the gate', () => {
  const parts = {
    observer: silentObserver,
    clock: systemClock,
    drainTimeoutMs: 60_000,
    maxClockSkewMs: 30_000,
    logRuns: 'seldom' as const,
    address: 'here:1',
    candidate: true,
    service: 'A',
    version: '1',
    store: undefined,
    events: new JobEvents(() => undefined),
  };

  function job(observe?: (seen: Observation) => void): {
    readonly job: GatedJob;
    readonly elections: StandaloneElections;
    readonly gate: Dispatcher;
  } {
    const elections = new StandaloneElections({ key: 'A:1', address: 'here:1' });
    const gate = new Dispatcher(elections, observe === undefined ? parts : { ...parts, observer: { observe } });
    return {
      gate,
      elections,
      job: gate.job({ name: 'job', method: 'A.b', election: undefined, kind: 'cron', disabled: false, ...UNCLAIMED }),
    };
  }

  /** What a timer of ScheduleModule does, for a job of this instance. */
  function fire(one: GatedJob, instance: object, method: Method): unknown {
    one.bind({ instance, through: (run) => one.enter(instance, method, [run]) });
    return one.fire();
  }

  it('tracks a run until its promise settles', async () => {
    const { job: one, elections } = job();
    elections.start();
    let finish!: () => void;
    const running = fire(one, {}, () => new Promise<void>((resolve) => (finish = resolve)));
    expect(one.gate.inProgress.list().map(({ what }) => what)).toEqual(['job']);
    finish();
    await running;
    expect(one.gate.inProgress.list()).toEqual([]);
  });

  it('never lets a scheduled run reject or throw, and logs its failure', async () => {
    const seen: Observation[] = [];
    const { job: one, elections } = job((observation) => seen.push(observation));
    elections.start();
    await expect(fire(one, {}, async () => Promise.reject(new Error('async')))).resolves.toBeUndefined();
    expect(fire(one, {}, () => { throw new Error('sync'); })).toBeUndefined(); // prettier-ignore
    expect(seen.filter(({ event }) => event === 'run.failed').map(({ level, message }) => [level, message.includes('sync')])).toEqual([
      ['error', true],
      ['error', true],
    ]);
  });

  it('survives an observer that throws', async () => {
    const { harmless } = await import('../../../src/zookeeper/support/observer.js');
    const observer = harmless({ observe: () => { throw new Error('broken sink'); } }); // prettier-ignore
    const elections = new StandaloneElections({ key: 'A:1', address: 'here:1' });
    elections.start();
    const one = new Dispatcher(elections, { ...parts, observer }).job({
      name: 'job',
      method: 'A.b',
      election: undefined,
      kind: 'cron',
      disabled: false,
      ...UNCLAIMED,
    });
    expect(fire(one, {}, () => { throw new Error('x'); })).toBeUndefined(); // prettier-ignore
    expect(one.gate.inProgress.list()).toEqual([]);
  });

  it('answers every call the same way once it is closed', () => {
    const { job: one, elections, gate } = job();
    elections.start();
    const method: Method = () => 'ran';
    expect(one.call({}, method, [1])).toBe('ran');
    gate.close();
    expect(fire(one, {}, method)).toBeUndefined();
    expect(() => one.call({}, method, [])).toThrow('ZK_NOT_MASTER');
    expect(() => gate.job({ ...one.identity, name: 'late', election: 'other' }).call({}, method, [])).toThrow('ZK_NOT_MASTER');
  });

  it('lets a run go on through super.method() while its mastership drains, and starts no other', async () => {
    const { job: one, elections } = job();
    elections.start();
    const instance = {};
    const goOn = deferred();
    const seen: unknown[] = [];
    const base: Method = (...args) => void seen.push(['base', ...args]);
    const running = fire(one, instance, async (run) => {
      seen.push('starts');
      await goOn.promise;
      one.enter(instance, base, [run, 'more']);
    });
    const stopped = elections.stop(60_000);
    expect(one.gate.ask()).toBeUndefined();
    expect(() => one.enter(instance, base, ['from outside'])).toThrow('ZK_NOT_MASTER');
    expect(one.fire()).toBeUndefined();
    goOn.resolve();
    await Promise.all([running, stopped]);
    expect(seen).toEqual(['starts', ['base', expect.any(JobRun), 'more']]);
  });

  it('starts nothing on a standby while a run of the lost mastership goes on, not from inside of it either', async () => {
    const observed: Observation[] = [];
    const { job: one, elections } = job((observation) => observed.push(observation));
    elections.start();
    const goOn = deferred();
    const instance = {};
    let starts = 0;
    const running = fire(one, instance, async () => {
      starts += 1;
      await goOn.promise;
      expect(() => one.enter(instance, () => 'super', [])).toThrow('ZK_MASTERSHIP_LOST');
      expect(() => one.enter({}, () => 'another instance', [])).toThrow('ZK_NOT_MASTER');
      expect(() => one.call(instance, () => 'nested', [])).toThrow('ZK_NOT_MASTER');
      throw new Error('refused');
    });
    elections.election().lose({ kind: 'standby', master: 'other:1', rank: 0 }, 'cut off');
    expect(one.fire()).toBeUndefined();
    goOn.resolve();
    await running;
    expect(starts).toBe(1);
    expect(observed.filter(({ event }) => ['run.aborted', 'run.failed'].includes(event)).map(({ level }) => level)).toEqual(['warn']);
  });

  it('keeps a mastership that is resigned while a run ignores its abort, and gives it up when nothing runs', async () => {
    const elections = new StandaloneElections({ key: 'A:1', address: 'here:1' });
    const one = new Dispatcher(elections, { ...parts, drainTimeoutMs: 10 }).job({
      name: 'job',
      method: 'A.b',
      election: undefined,
      kind: 'cron',
      disabled: false,
      ...UNCLAIMED,
    });
    elections.start();
    const election = elections.election();
    const token = election.tenure()?.token as bigint;
    let finish!: () => void;
    const running = fire(one, {}, () => new Promise<void>((resolve) => (finish = resolve)));
    await expect(election.resign()).rejects.toMatchObject({ code: 'ZK_RUN_IGNORES_ABORT' });
    expect(election.tenure()?.token).toBe(token);
    expect(() => one.call({}, () => 'ran', [1])).toThrow('ZK_JOB_RUNNING');
    finish();
    await running;
    await election.resign();
    expect(election.tenure()?.token).toBeGreaterThan(token);
  });

  it('does not take leftovers of a run that is over for the run', async () => {
    const { job: one, elections } = job();
    elections.start();
    let late!: () => unknown;
    await fire(one, {}, () => {
      const here = JobRun.current();
      late = () => insideRun(here as JobRun, () => one.call({}, () => 'ran', [1]));
    });
    one.gate.close();
    expect(late).toThrow('ZK_NOT_MASTER');
  });
});

describe('names', () => {
  it.each(['', ' ', '.', '..', 'a/b', 'a\u0000b', 'a\nb', '\ud800', '😀', 'job 𠮷', '\ue000', '\uffff', 'x'.repeat(201)])(
    'refuses %j',
    (name) => expect(nameProblem(name)).toBeDefined(),
  );
  it.each(['job', 'a:b', 'Straße 7', '送信', '\ufb01', '\uffef'])('takes %j', (name) => expect(nameProblem(name)).toBeUndefined());
  it('tells minified class names', () => {
    expect(['t', 'Te', '$1', 'a12', '_'].map(looksMinified)).toEqual([true, true, true, true, true]);
    expect(['Jobs', 'Job', 'API'].map(looksMinified)).toEqual([false, false, false]);
  });
});

describe('log lines', () => {
  it('are the sentence and its facts, on one line', () => {
    const line = formatObservation({
      level: 'info',
      event: 'mastership.won',
      message: 'Won.\nNow master.',
      fields: { election: 'A:1', token: '12', why: 'said "so"', none: undefined, stack: 'Error\n at' },
    });
    expect(line).toBe('Won. Now master. event=mastership.won election=A:1 token=12 why="said \\"so\\""');
  });

  it('repeat no fact that the sentence tells, and keep those that stand in it only by chance', () => {
    const line = formatObservation({
      level: 'info',
      event: 'mastership.master',
      message: 'Election "Bank:1": is master now, with fencing token 4711 of 10.0.0.7:9090, after 1250 ms.',
      fields: { election: 'Bank:1', address: '10.0.0.7:9090', token: '4711', waitMs: 125, part: '471', attempt: 1, cause: 'master' },
    });
    expect(line).toBe(
      'Election "Bank:1": is master now, with fencing token 4711 of 10.0.0.7:9090, after 1250 ms. event=mastership.master waitMs=125 part=471 attempt=1 cause=master',
    );
  });

  it('are objects with every fact a field where the logger of Nest writes JSON, and text elsewhere', () => {
    const observation = {
      level: 'warn',
      event: 'a.b',
      message: 'Of Bank:1.',
      fields: { election: 'Bank:1', token: '12', none: undefined },
    } as const;
    const written: unknown[] = [];
    class Json extends ConsoleLogger {
      override warn(message: unknown): void {
        written.push(message);
      }
    }
    try {
      for (const json of [true, false]) {
        Logger.overrideLogger(new Json({ json }));
        new LogObserver().observe(observation);
      }
      Logger.overrideLogger({ log: () => undefined, error: () => undefined, warn: (message: unknown) => void written.push(message) });
      new LogObserver().observe(observation);
    } finally {
      Logger.overrideLogger(new ConsoleLogger());
    }
    expect(written).toEqual([
      { message: 'Of Bank:1.', event: 'a.b', election: 'Bank:1', token: '12' },
      'Of Bank:1. event=a.b token=12',
      'Of Bank:1. event=a.b token=12',
    ]);
  });
});
