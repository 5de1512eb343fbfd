import { describe, expect, it } from 'vitest';
import { ElectionGate } from '../../../src/zookeeper/gate/election-gate.js';
import { execute, type RunRequest, runBehind } from '../../../src/zookeeper/execution/execution.js';
import type { JobRun } from '../../../src/zookeeper/jobs/run/job-run.js';
import { LocalMastership } from '../../../src/zookeeper/mastership/election/local-mastership.js';
import type { Drain, Election } from '../../../src/zookeeper/mastership/election/election.js';
import { Departure } from '../../../src/zookeeper/mastership/tenure/departure.js';
import type { Mastership, Tenure } from '../../../src/zookeeper/mastership/election/mastership.state.js';
import type { Lease } from '../../../src/zookeeper/session/lease.js';
import { silentObserver } from '../../../src/zookeeper/support/observer.js';
import { HandClock } from '../mastership/hand-clock.js';
import { settle } from '../dispatch/lone-replica.js';

const DRAIN_TIMEOUT_MS = 10_000;
const LEASE_MS = 100_000;
const TENURE: Tenure = { id: 'a', token: 7n, czxid: 7n };

/** A master whose hand-overs begin and are taken back when the test says so. */
class HandElection implements Election {
  readonly key = 'Bank:1';
  readonly path = '/';
  readonly mastership: LocalMastership;
  departure: Departure | undefined;
  /** How the last drain has ended; undefined while it goes on. */
  drained: 'drained' | 'stuck' | undefined;
  private drain: Drain | undefined;

  constructor(private readonly clock: HandClock) {
    this.mastership = new LocalMastership(this.key, clock, silentObserver, 'not started');
  }

  believe(tenure = TENURE): void {
    this.mastership.apply({ kind: 'believed', tenure, lease: this.lease() });
  }

  renew(): void {
    this.mastership.apply({ kind: 'renewed', tenure: TENURE, lease: this.lease() });
  }

  /** As `TenureKeeper.leave`. */
  leave(): void {
    const why = 'handing over to b:1';
    this.departure = new Departure();
    this.drained = undefined;
    this.mastership.apply({ kind: 'drain', why });
    this.departure.begin(this.drain, this.mastership.heldTenure(), why, (outcome) => (this.drained = outcome));
  }

  /** As when the edit is taken back. */
  takeBack(): void {
    this.departure?.settle('ended');
    this.mastership.apply({ kind: 'resumed' });
  }

  /** The node is gone: as when an operator deletes it. */
  end(): void {
    this.mastership.apply({ kind: 'ended', why: 'the election node was deleted' });
    this.departure?.settle('ended');
  }

  state(): Mastership {
    return this.mastership.state();
  }
  isMaster(): boolean {
    return this.mastership.isMaster();
  }
  tenure(): ReturnType<Election['tenure']> {
    return this.mastership.tenure();
  }
  onChange(listener: (state: Mastership) => void): () => void {
    return this.mastership.onChange(listener);
  }
  setDrain(drain: Drain): void {
    this.drain = drain;
  }
  master(): Promise<undefined> {
    return Promise.resolve(undefined);
  }
  resign(): Promise<void> {
    throw new Error('not needed here');
  }
  transferTo(): Promise<void> {
    throw new Error('not needed here');
  }
  private lease(): Lease {
    return { sentAtMs: this.clock.monotonicMs(), sentWallMs: this.clock.wallMs(), lengthMs: LEASE_MS };
  }
}

interface Run {
  readonly run: JobRun;
  end(): void;
  fail(): void;
}

function setUp() {
  const clock = new HandClock();
  const election = new HandElection(clock);
  const events: string[] = [];
  const gate = new ElectionGate(election, {
    observer: { observe: ({ event }) => void (event.startsWith('drain.') && events.push(event)) },
    clock,
    drainTimeoutMs: DRAIN_TIMEOUT_MS,
    address: 'a:1',
  });
  const outcomes: string[] = [];
  /** Starts a run that heeds its signal unless told otherwise. */
  const start = (options: { readonly heeds?: boolean; readonly retries?: number } = {}): Run[] => {
    const tenure = gate.ask();
    if (tenure === undefined) throw new Error('nothing may start');
    const calls: Run[] = [];
    const request: RunRequest = {
      job: 'payouts',
      cause: 'schedule',
      firstAttempt: 1,
      checkpoint: () => undefined as never,
      progress: () => undefined,
      over: () => undefined,
      retrying: () => undefined,
      overdue: () => undefined,
      through: (first) =>
        runBehind([first])?.passage?.enter(
          (run = first) =>
            new Promise<void>((resolve, reject) => {
              calls.push({ run, end: resolve, fail: () => reject(new Error('no luck')) });
              if (options.heeds !== false) run.signal.addEventListener('abort', () => reject(run.signal.reason as Error));
            }),
        ),
    };
    const retry = options.retries === undefined ? undefined : { attempts: options.retries + 1, backoffMs: 1_000, maxBackoffMs: undefined };
    const parts = { gate, clock, rules: { timeoutMs: undefined, retry }, instance: {}, method: 'A.b' };
    void execute(request, tenure, parts, ({ outcome, reason }) => outcomes.push(reason === undefined ? outcome : `${outcome}: ${reason}`));
    return calls;
  };
  /** Hooks of one provider, in the order of their calls. */
  const hooks = (name: string, which: 'both' | 'lost' = 'both'): string[] => {
    const told: string[] = [];
    gate.hooks.add({
      elected:
        which === 'lost'
          ? []
          : [
              {
                what: `${name}.start`,
                run: (signal) => {
                  told.push('elected');
                  signal.addEventListener('abort', () => told.push('aborted'));
                },
              },
            ],
      lost: [{ what: `${name}.stop`, run: () => void told.push('lost') }],
    });
    return told;
  };
  return { clock, election, gate, events, outcomes, start, hooks };
}

describe('a hand-over that is taken back during its drain', () => {
  it('lets work start again at once, while the run that it waited for goes on', async () => {
    const { clock, election, gate, start, outcomes, events } = setUp();
    election.believe();
    const [run] = start();
    election.leave();
    expect(gate.ask()).toBeUndefined();
    await settle();
    election.takeBack();
    expect(gate.ask()).toBeDefined();
    await settle();
    expect(events).toEqual(['drain.started', 'drain.called-off']);
    for (let passed = 0; passed < 4; passed += 1) {
      clock.pass(DRAIN_TIMEOUT_MS);
      election.renew();
      await settle();
    }
    expect([run?.run.signal.aborted, gate.ask() === undefined, outcomes]).toEqual([false, false, []]);
    expect(() => run?.run.assertMaster()).not.toThrow();
    run?.end();
    await settle();
    expect(outcomes).toEqual(['ran']);
  });

  it('is told to hooks as lost and elected where their signal has aborted, and to nobody else', async () => {
    const { election, start, hooks } = setUp();
    const [both, onlyLost] = [hooks('Both'), hooks('OnlyLost', 'lost')];
    election.believe();
    start();
    election.leave();
    await settle();
    expect(both).toEqual(['elected', 'aborted']);
    election.takeBack();
    await settle();
    expect([both, onlyLost]).toEqual([['elected', 'aborted', 'lost', 'elected'], []]);
    election.end();
    expect([both, onlyLost]).toEqual([['elected', 'aborted', 'lost', 'elected', 'aborted', 'lost'], ['lost']]);
  });

  it('gives a later drain its full time, and is told again for each', async () => {
    const { clock, election, start, hooks, events, outcomes } = setUp();
    const told = hooks('Both');
    election.believe();
    start();
    for (let turn = 0; turn < 3; turn += 1) {
      election.leave();
      await settle();
      clock.pass(DRAIN_TIMEOUT_MS - 1);
      await settle();
      election.renew();
      election.takeBack();
      await settle();
    }
    expect(outcomes).toEqual([]);
    expect(told).toEqual(['elected', ...Array.from({ length: 3 }, () => ['aborted', 'lost', 'elected']).flat()]);
    election.leave();
    await settle();
    clock.pass(DRAIN_TIMEOUT_MS);
    await settle();
    expect(outcomes).toEqual(['interrupted: shutdown']);
    expect([events.at(-1), told.at(-1)]).toEqual(['drain.finished', 'lost']);
  });

  it('after its runs were aborted lets go of those that ignore it', async () => {
    const { clock, election, gate, start, outcomes, events, hooks } = setUp();
    const told = hooks('Both');
    election.believe();
    const [deaf] = start({ heeds: false });
    election.leave();
    await settle();
    clock.pass(DRAIN_TIMEOUT_MS);
    await settle();
    expect(deaf?.run.signal.aborted).toBe(true);
    election.takeBack();
    await settle();
    clock.pass(60_000);
    await settle();
    expect([events.includes('drain.stuck'), outcomes, gate.ask() === undefined]).toEqual([false, [], false]);
    expect(told).toEqual(['elected', 'aborted', 'lost', 'elected']);
  });

  it('lets a shutdown that follows drain as ever', async () => {
    const { clock, election, gate, start, outcomes } = setUp();
    election.believe();
    start();
    election.leave();
    await settle();
    clock.pass(DRAIN_TIMEOUT_MS / 2);
    election.takeBack();
    gate.close();
    expect(gate.ask()).toBeUndefined();
    election.leave();
    await settle();
    clock.pass(DRAIN_TIMEOUT_MS - 1);
    await settle();
    expect(outcomes).toEqual([]);
    clock.pass(1);
    await settle();
    expect(outcomes).toEqual(['interrupted: shutdown']);
    expect(election.drained).toBe('drained');
  });

  it('leaves a doubt that came meanwhile to the next renewal', async () => {
    const { clock, election, gate, start, hooks, outcomes } = setUp();
    const told = hooks('Both');
    election.believe();
    start();
    election.leave();
    await settle();
    clock.pass(LEASE_MS);
    await settle();
    expect([told, outcomes]).toEqual([['elected', 'aborted', 'lost'], ['interrupted: mastership lost']]);
    election.takeBack();
    await settle();
    expect([gate.ask(), told.length]).toEqual([undefined, 3]);
    clock.stall(1);
    election.renew();
    expect([gate.ask()?.isValid(), told.at(-1)]).toEqual([true, 'elected']);
  });
});

describe('a drain whose tenure ends', () => {
  it('stops nothing of the next tenure', async () => {
    const { clock, election, gate, start, outcomes, hooks } = setUp();
    const told = hooks('Both');
    election.believe();
    const [deaf] = start({ heeds: false });
    election.leave();
    await settle();
    election.end();
    election.believe({ id: 'b', token: 8n, czxid: 8n });
    expect(gate.ask()?.token).toBe(8n);
    const [next] = start();
    await settle();
    clock.pass(DRAIN_TIMEOUT_MS * 2);
    await settle();
    expect([deaf?.run.signal.aborted, next?.run.signal.aborted, outcomes]).toEqual([true, false, []]);
    expect(told).toEqual(['elected', 'aborted', 'lost', 'elected']);
  });
});

describe('a hook whose provider is busy', () => {
  it('is not called during a drain, nor told "lost" without "elected"', async () => {
    const { election, gate, start } = setUp();
    const told: string[] = [];
    let free!: () => void;
    gate.hooks.add({
      elected: [{ what: 'A.start', run: () => void told.push('elected') }],
      lost: [{ what: 'A.stop', run: () => (told.push('lost'), new Promise<void>((resolve) => (free = resolve))) }],
    });
    election.believe();
    election.end();
    election.believe({ id: 'b', token: 8n, czxid: 8n });
    start();
    election.leave();
    free();
    await settle();
    expect(told).toEqual(['elected', 'lost']);
    election.takeBack();
    await settle();
    expect(told).toEqual(['elected', 'lost', 'elected']);
  });
});

describe('a run that waits for its next attempt', () => {
  it('does not hold a drain, and is cut short as by any shutdown', async () => {
    const { election, start, outcomes, events } = setUp();
    election.believe();
    const calls = start({ retries: 3 });
    calls[0]?.fail();
    await settle();
    election.leave();
    await settle();
    expect([outcomes, events.at(-1), election.drained]).toEqual([['interrupted: shutdown'], 'drain.finished', 'drained']);
    expect(calls).toHaveLength(1);
  });

  it('makes none while a drain waits for others, and goes on when that is called off', async () => {
    const { clock, election, start, outcomes } = setUp();
    election.believe();
    const calls = start({ retries: 3 });
    const [other] = start();
    calls[0]?.fail();
    await settle();
    election.leave();
    await settle();
    clock.pass(DRAIN_TIMEOUT_MS - 1);
    await settle();
    expect([calls.length, outcomes]).toEqual([1, []]);
    election.takeBack();
    await settle();
    expect(calls).toHaveLength(2);
    calls[1]?.end();
    other?.end();
    await settle();
    expect(outcomes).toEqual(['ran', 'ran']);
  });

  it('is cut short as soon as the last of the others has ended', async () => {
    const { election, start, outcomes } = setUp();
    election.believe();
    const calls = start({ retries: 3 });
    const [other] = start();
    calls[0]?.fail();
    await settle();
    election.leave();
    await settle();
    expect(outcomes).toEqual([]);
    other?.end();
    await settle();
    expect(outcomes).toEqual(['ran', 'interrupted: shutdown']);
    expect(election.drained).toBe('drained');
  });
});
