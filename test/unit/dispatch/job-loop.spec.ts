import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { GoneReplicas } from '../../../src/zookeeper/dispatch/gone-replicas.js';
import { ClockGuard } from '../../../src/zookeeper/dispatch/clock-guard.js';
import type { DispatchParts } from '../../../src/zookeeper/dispatch/dispatch-parts.js';
import { ElectionGate } from '../../../src/zookeeper/gate/election-gate.js';
import { JobLoop } from '../../../src/zookeeper/dispatch/job-loop.js';
import { CatchUpLimit } from '../../../src/zookeeper/dispatch/catch-up-limit.js';
import { JobEvents } from '../../../src/zookeeper/jobs/record/job-events.js';
import { DEFAULT_RULES } from '../../../src/zookeeper/jobs/run/job-rules.js';
import { heldBy, NOBODY, type JobRecord, type RunEntry } from '../../../src/zookeeper/jobs/record/job-record.js';
import { viewIn, type Change, type MemberView, type WriteResult } from '../../../src/zookeeper/jobs/persistence/job-store.js';
import { MemoryJobStore } from '../../../src/zookeeper/jobs/persistence/memory-store.js';
import type { Finished } from '../../../src/zookeeper/jobs/decide/plan.js';
import { StandaloneElections } from '../../../src/zookeeper/mastership/standalone.js';
import { silentObserver } from '../../../src/zookeeper/support/observer.js';
import { deferred } from '../../support/eventually.js';
import { HandClock } from '../mastership/hand-clock.js';

const JOB = 'payouts';
const EVERY_SECOND = { cronTime: '* * * * * *', timeZone: 'UTC' };
const NEVER = { cronTime: '0 0 0 29 2 *', timeZone: 'UTC' };
const EMPTY: JobRecord = {
  schedule: { ...EVERY_SECOND, sinceMs: undefined },
  cursor: undefined,
  running: [],
  triggers: [],
  pausedMs: undefined,
  resumedMs: undefined,
  recent: [],
  succeededMs: undefined,
  alarmedMs: undefined,
};

/** Keeps everything in memory; the answers to its writes can be held back, before or after they were made. */
class HeldStore extends MemoryJobStore {
  loads = 0;
  absentMembers = false;
  /** The next write is made, and its answer never known; somebody else has moved the record on since. */
  loseAnswer = false;
  private holds: { readonly when: 'before' | 'after'; readonly reached: () => void; readonly go: Promise<void> }[] = [];

  /** The next write waits: `before` it is made, or `after`, with its answer. */
  hold(when: 'before' | 'after'): { readonly reached: Promise<void>; release(): void } {
    const [reached, go] = [deferred<void>(), deferred<void>()];
    this.holds.push({ when, reached: () => reached.resolve(), go: go.promise });
    return { reached: reached.promise, release: () => go.resolve() };
  }

  override async write(job: string, change: Change): Promise<WriteResult> {
    const hold = this.holds.shift();
    if (hold?.when === 'before') {
      hold.reached();
      await hold.go;
    }
    const result = await super.write(job, change);
    if (this.loseAnswer && result.kind === 'written') {
      this.loseAnswer = false;
      await super.write(job, {
        ...change,
        view: result.view,
        record: { ...result.view.record, succeededMs: 1 },
        verdicts: [],
        triggers: [],
      });
      return { kind: 'unknown' };
    }
    if (hold?.when === 'after') {
      hold.reached();
      await hold.go;
    }
    return result;
  }

  override load(job: string): ReturnType<MemoryJobStore['load']> {
    this.loads += 1;
    return super.load(job);
  }

  /** As the real one: tells at once of a member that is not there. */
  override watchMembers(_names: readonly string[] = [], listener: () => void = () => undefined): () => void {
    if (this.absentMembers) setImmediate(listener);
    return () => undefined;
  }

  override async members(): Promise<readonly MemberView[]> {
    return this.absentMembers ? [] : super.members();
  }
}

/** As ZooKeeper: a list of the members tells of the moment at which it was asked for, and is there some time later. */
class JoiningStore extends HeldStore {
  here: readonly string[] = [];

  override async members(): Promise<readonly MemberView[]> {
    const names = this.here;
    return names.map((name) => ({ name, address: `${name}:1`, version: '2', jobs: [JOB] }));
  }
}

async function setUp<Store extends HeldStore = HeldStore>(
  record: Partial<JobRecord> = {},
  storeOf: (parts: { readonly clock: HandClock }) => Store = (parts) => new HeldStore(parts) as Store,
) {
  const clock = new HandClock();
  const store = storeOf({ clock });
  const elections = new StandaloneElections({ key: 'Bank:1', address: 'a:1' });
  const parts: DispatchParts = {
    observer: silentObserver,
    clock,
    drainTimeoutMs: 10_000,
    maxClockSkewMs: 30_000,
    logRuns: 'seldom',
    address: 'a:1',
    candidate: true,
    service: 'Bank',
    version: '1',
    store,
    events: new JobEvents(() => undefined),
  };
  const gate = new ElectionGate(elections.election(), parts);
  const started: RunEntry[] = [];
  const ends: ((finished: Finished) => void)[] = [];
  await store.create(JOB, { ...EMPTY, ...record }, { declared: [], inForce: { from: 'code', version: '1' }, audit: [] });
  const loop = new JobLoop(
    {
      identity: {
        name: JOB,
        method: 'A.b',
        election: undefined,
        kind: 'cron',
        disabled: false,
        rules: DEFAULT_RULES,
        schedule: EVERY_SECOND,
      },
      register: async () => undefined,
      start: (entry, _tenure, _schedule, _input, ended) => {
        started.push(entry);
        ends.push(ended);
      },
    },
    gate,
    {
      ...parts,
      store,
      clockGuard: new ClockGuard(clock, silentObserver, 30_000),
      catchUpLimit: new CatchUpLimit(clock),
      goneReplicas: new GoneReplicas(store, clock),
    },
  );
  elections.start();
  await settle();
  const end = (entry: RunEntry): void =>
    ends.shift()?.({
      claim: entry.claim,
      outcome: 'ran',
      reason: undefined,
      attempt: 1,
      durationMs: 1,
      endedMs: clock.wallMs(),
      error: undefined,
    });
  const running = async (): Promise<readonly RunEntry[]> => viewIn(await store.load(JOB))?.record.running ?? [];
  return { clock, store, elections, gate, loop, started, end, running };
}

/** Lets everything happen that waits for nothing but promises. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
}

describe('the loop of a job', () => {
  it('starts a tick when its claim is made, and not before', async () => {
    const { clock, store, started, end, running } = await setUp();
    const hold = store.hold('before');
    clock.pass(1_000);
    await hold.reached;
    await settle();
    expect(started).toEqual([]);
    hold.release();
    await settle();
    expect(started).toMatchObject([{ cause: 'schedule', starts: 1 }]);
    end(started[0] as RunEntry);
    await settle();
    expect(await running()).toEqual([]);
    expect(viewIn(await store.load(JOB))?.record.recent).toMatchObject([{ outcome: 'ran' }]);
  });

  it('does not start what was claimed when the mastership is over by then, and gives it back as never started', async () => {
    const { clock, store, elections, started, running } = await setUp();
    const hold = store.hold('after');
    clock.pass(1_000);
    await hold.reached;
    elections.election().lose({ kind: 'standby', master: 'b:1', rank: 0 }, 'the test took it away');
    hold.release();
    await settle();
    expect(started).toEqual([]);
    expect(await running()).toMatchObject([{ holder: NOBODY, starts: 0, cause: 'schedule' }]);
  });

  it('gives a claim back whose answer was lost, and starts the tick all the same, once', async () => {
    const { clock, store, started, end, running } = await setUp();
    store.loseAnswer = true;
    clock.pass(1_000);
    await settle();
    expect(started).toMatchObject([{ cause: 'schedule', starts: 1 }]);
    expect(await running()).toMatchObject([{ claim: started[0]?.claim }]);
    end(started[0] as RunEntry);
    await settle();
    expect(viewIn(await store.load(JOB))?.record.recent.map(({ outcome }) => outcome)).toEqual(['ran']);
  });

  it('does not start what was claimed when the job is taken out meanwhile, and gives it back', async () => {
    const { clock, store, loop, started, running } = await setUp();
    const hold = store.hold('after');
    clock.pass(1_000);
    await hold.reached;
    void loop.retire();
    hold.release();
    await settle();
    expect(started).toEqual([]);
    expect(await running()).toMatchObject([{ holder: NOBODY, starts: 0 }]);
    expect(clock.waiting).toBe(0);
  });

  it('gives a claim back whose answer was lost together with the mastership', async () => {
    const { clock, store, elections, started, running } = await setUp();
    store.loseAnswer = true;
    const hold = store.hold('before');
    clock.pass(1_000);
    await hold.reached;
    elections.election().lose({ kind: 'standby', master: 'b:1', rank: 0 }, 'the test took it away');
    hold.release();
    await settle();
    expect(started).toEqual([]);
    expect(await running()).toMatchObject([{ holder: NOBODY, starts: 0, cause: 'schedule' }]);
  });

  it('makes a drain wait for a claim under way, which is given back before the node is', async () => {
    const { clock, store, elections, started, running } = await setUp();
    const hold = store.hold('after');
    clock.pass(1_000);
    await hold.reached;
    let drained = false;
    const drain = elections
      .election()
      .giveUp('the test drains', 'resigned')
      .then(() => (drained = true));
    await settle();
    expect(drained).toBe(false);
    hold.release();
    await drain;
    expect(started).toEqual([]);
    expect(await running()).toMatchObject([{ holder: NOBODY, starts: 0 }]);
  });

  it('writes the verdict of a run before a drain is over', async () => {
    const { clock, store, elections, started, end, running } = await setUp();
    clock.pass(1_000);
    await settle();
    const hold = store.hold('before');
    end(started[0] as RunEntry);
    await hold.reached;
    let drained = false;
    const drain = elections
      .election()
      .giveUp('the test drains', 'resigned')
      .then(() => (drained = true));
    await settle();
    expect(drained).toBe(false);
    hold.release();
    await drain;
    expect(await running()).toEqual([]);
  });

  it('notices an order that was given while the answer to a write was under way', async () => {
    const { store, started, end } = await setUp({ schedule: { ...NEVER, sinceMs: undefined } });
    const trigger = { input: undefined, by: 'anna', atMs: 1, state: 'waiting', verdict: undefined } as const;
    await store.addTrigger(JOB, { ...trigger, id: 'first' });
    await settle();
    expect(started).toMatchObject([{ trigger: 'first' }]);
    const hold = store.hold('after');
    end(started[0] as RunEntry);
    await hold.reached;
    await store.addTrigger(JOB, { ...trigger, id: 'second' });
    hold.release();
    await settle();
    expect(started.map((entry) => entry.trigger)).toEqual(['first', 'second']);
  });

  it('does not spin while it waits whether the replica of another version is gone', async () => {
    const other: RunEntry = {
      claim: 'theirs',
      tick: { dueMs: 1_700_000_000_000, nominalMs: 1_700_000_000_000 },
      trigger: undefined,
      cause: 'schedule',
      starts: 1,
      startedMs: 1,
      holder: heldBy('version~b'),
      election: 'another',
      token: 1n,
    };
    const { clock, store, running } = await setUp({ running: [other], cursor: other.tick });
    store.absentMembers = true;
    clock.pass(1_000);
    await settle();
    const before = store.loads;
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(store.loads).toBe(before);
    expect((await running()).map(({ claim }) => claim)).toEqual(['theirs']);
    // Longer than any lease: its run may be taken over, which here means that it is reported.
    for (let second = 0; second < 25; second += 1) {
      clock.pass(1_000);
      await settle();
    }
    expect((await running()).map(({ claim }) => claim)).not.toContain('theirs');
    expect(viewIn(await store.load(JOB))?.record.recent.map(({ outcome }) => outcome)).toContain('interrupted');
  });

  it('does not take a run for interrupted whose replica has joined since the members were last listed', async () => {
    const election = createHash('sha256').update('Bank:1').digest('base64url').slice(0, 11);
    const run = { tick: undefined, trigger: 't', cause: 'trigger', starts: 1, startedMs: 1, token: 1n } as const;
    const dead: RunEntry = { ...run, claim: 'old', holder: heldBy('version~dead'), election: 'another' };
    const { clock, store, loop } = await setUp({ running: [dead] }, (parts) => new JoiningStore(parts));
    // The members were asked for just now. Then one joins, wins this election for a moment, and claims.
    store.here = ['version~young'];
    const view = viewIn(await store.load(JOB));
    if (view === undefined) throw new Error('There is no record.');
    const running: RunEntry[] = [{ ...run, claim: 'young', holder: heldBy('version~young'), election }];
    await store.write(JOB, { view, record: { ...view.record, running }, verdicts: [], triggers: [], fence: undefined });
    clock.pass(100);
    loop.cache.outdate();
    loop.wakeUp();
    await settle();
    expect(viewIn(await store.load(JOB))?.record.running).toMatchObject([{ claim: 'young' }]);
  });

  it('stops for good when it is closed', async () => {
    const { clock, loop, started } = await setUp();
    loop.close();
    clock.pass(60_000);
    await settle();
    expect(started).toEqual([]);
    expect(clock.waiting).toBe(0);
  });
});

describe('replicas that are absent', () => {
  function run(member: string, election: string): RunEntry {
    return {
      claim: member,
      tick: undefined,
      trigger: 't',
      cause: 'trigger',
      starts: 1,
      startedMs: 1,
      holder: heldBy(member),
      election,
      token: 1n,
    };
  }

  it('are gone at once for a run of the same election, and after the longest lease for one of another', async () => {
    const clock = new HandClock();
    const store = new HeldStore({ clock });
    store.absentMembers = true;
    const goneReplicas = new GoneReplicas(store, clock);
    const runs = [run('mine', 'own'), run('theirs', 'other')];
    const first = await goneReplicas.among(runs, 'own', goneReplicas.moment);
    expect([[...first.gone], [...first.waiting]]).toEqual([['mine'], ['theirs']]);
    clock.pass((first.askAgainInMs ?? 0) - 1);
    expect([...(await goneReplicas.among(runs, 'own', goneReplicas.moment)).gone]).toEqual(['mine']);
    clock.pass(1);
    expect([...(await goneReplicas.among(runs, 'own', goneReplicas.moment)).gone]).toEqual(['mine', 'theirs']);
  });

  it('are not gone by a list that is older than the record that names them', async () => {
    const clock = new HandClock();
    const store = new JoiningStore({ clock });
    const goneReplicas = new GoneReplicas(store, clock);
    const early = goneReplicas.moment;
    expect([...(await goneReplicas.among([run('another', 'own')], 'own', early)).gone]).toEqual(['another']);
    // It joins, and claims a run, which the record names from then on.
    store.here = ['young'];
    const readAt = goneReplicas.moment;
    expect([...(await goneReplicas.among([run('young', 'own')], 'own', readAt)).gone]).toEqual([]);
    // That list is young enough for whoever had the record before; one look serves all of them.
    store.here = [];
    expect([...(await goneReplicas.among([run('young', 'own')], 'own', readAt)).gone]).toEqual([]);
    expect([...(await goneReplicas.among([run('young', 'own')], 'own', goneReplicas.moment)).gone]).toEqual(['young']);
  });

  it('have the address that they had when they were seen, or that their master has told', async () => {
    const clock = new HandClock();
    const store = new JoiningStore({ clock });
    const goneReplicas = new GoneReplicas(store, clock);
    store.here = ['seen'];
    await goneReplicas.among([run('seen', 'own')], 'own', goneReplicas.moment);
    store.here = [];
    const runs = [run('seen', 'own'), { ...run('master', 'own'), token: 7n }, run('stranger', 'own')];
    const fence = { holderOf: (token: bigint) => (token === 7n ? '10.0.0.7:9090' : undefined) };
    const { addresses } = await goneReplicas.among(runs, 'own', goneReplicas.moment, fence);
    expect([...addresses]).toEqual([
      ['seen', 'seen:1'],
      ['master', '10.0.0.7:9090'],
    ]);
  });

  it('have to be absent anew after they were seen', async () => {
    const clock = new HandClock();
    const store = new HeldStore({ clock });
    const goneReplicas = new GoneReplicas(store, clock);
    const runs = [run('this process', 'other')];
    store.absentMembers = true;
    await goneReplicas.among(runs, 'own', goneReplicas.moment);
    clock.pass(20_000);
    store.absentMembers = false;
    expect((await goneReplicas.among(runs, 'own', goneReplicas.moment)).waiting.size).toBe(0);
    clock.pass(1_000);
    store.absentMembers = true;
    clock.pass(10_000);
    expect([...(await goneReplicas.among(runs, 'own', goneReplicas.moment)).gone]).toEqual([]);
  });
});
