import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEFAULT_RULES, type JobRules } from '../../../../src/zookeeper/jobs/run/job-rules.js';
import { Operator, Replica, SharedRecord } from './cluster.js';
import { CREATED_MS, Every } from './situations.js';

const ACTIONS = [
  'wait',
  'look',
  'think',
  'write',
  'misled',
  'deposed',
  'master',
  'standby',
  'end',
  'fail',
  'release',
  'die',
  'trigger',
  'pause',
  'withdraw',
  'reset',
  'reschedule',
] as const;
/** Most of the time things go well: a master looks, time passes, runs end. */
const steps = fc.array(
  fc.record({
    action: fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom(...ACTIONS) },
      { weight: 6, arbitrary: fc.constantFrom('wait', 'wait', 'look', 'look', 'think', 'write', 'end', 'master' as const) },
    ),
    who: fc.oneof(fc.constant(0), fc.nat({ max: 2 })),
    ms: fc.oneof(fc.nat({ max: 1_200 }), fc.nat({ max: 9_000 })),
    mayCatchUp: fc.boolean(),
  }),
  { maxLength: 150, size: 'max' },
);
const overlaps = fc.constantFrom<JobRules['overlap']>('skip', 'queue-latest', 'allow');
const versions = fc.record({
  misfire: fc.constantFrom<JobRules['misfire']>('skip', 'run-latest', 'run-all'),
  misfireWindowMs: fc.constantFrom(4_000, 86_400_000),
  onInterrupted: fc.constantFrom<JobRules['onInterrupted']>('report', { rerun: 1 }, { rerun: 3 }),
});
const clusters = fc.record({
  /** Of both versions: what a version may not know is that another one lets runs overlap. */
  overlap: overlaps,
  versions: fc.tuple(versions, versions),
  /** Whether the second version has disabled the job. */
  disabled: fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, fc.constant(true)),
  skewsMs: fc.tuple(...[0, 1, 2].map(() => fc.integer({ min: -3_000, max: 3_000 }))),
  stepMs: fc.constantFrom(250, 1_000, 3_000),
  steps,
});

interface Cluster {
  readonly overlap: JobRules['overlap'];
  readonly versions: readonly Partial<JobRules>[];
  readonly disabled: boolean;
  readonly skewsMs: readonly number[];
  readonly stepMs: number;
  readonly steps: readonly {
    readonly action: (typeof ACTIONS)[number];
    readonly who: number;
    readonly ms: number;
    readonly mayCatchUp: boolean;
  }[];
}

class Simulation {
  private readonly gone = new Set<string>();
  readonly shared: SharedRecord;
  private readonly operator: Operator;
  private readonly replicas: Replica[];
  private nowMs = CREATED_MS;

  constructor(private readonly cluster: Cluster) {
    this.shared = new SharedRecord(new Every(cluster.stepMs));
    this.operator = new Operator(this.shared);
    this.replicas = cluster.skewsMs.map((_, index) => this.newReplica(index));
  }

  run(): void {
    for (const step of this.cluster.steps) {
      this.act(step);
      this.checkLive();
    }
    this.comeToRest();
    this.shared.checkVerdicts();
    this.checkStarts();
  }

  private newReplica(index: number): Replica {
    const { overlap, versions, disabled, skewsMs } = this.cluster;
    const rules = { ...DEFAULT_RULES, ...versions[index % 2], overlap };
    const replica = new Replica(this.shared, rules, skewsMs[index] ?? 0, this.gone, disabled && index % 2 === 1);
    replica.isMaster = index === 0;
    return replica;
  }

  private act({ action, who, ms, mayCatchUp }: Cluster['steps'][number]): void {
    const replica = this.replicas[who];
    if (replica === undefined) return;
    const { nowMs } = this;
    if (action === 'wait') this.nowMs += ms;
    else if (action === 'look') replica.look(nowMs);
    else if (action === 'think') replica.think(nowMs, mayCatchUp);
    else if (action === 'write') replica.write(nowMs);
    else if (action === 'misled' || action === 'deposed') replica.write(nowMs, action);
    else if (action === 'master' || action === 'standby') replica.isMaster = action === 'master';
    else if (action === 'end') replica.end(nowMs, 'ran');
    else if (action === 'fail') replica.end(nowMs, 'failed');
    else if (action === 'release') replica.end(nowMs, 'released');
    else if (action === 'trigger') this.operator.trigger();
    else if (action === 'pause') this.operator.pauseOrResume(nowMs);
    else if (action === 'withdraw') this.operator.withdraw();
    else if (action === 'reset') this.operator.reset(nowMs);
    else if (action === 'reschedule') this.operator.reschedule(nowMs);
    else {
      this.gone.add(replica.member);
      this.replicas[who] = this.newReplica(who);
    }
  }

  /**
   * All clocks agree about what is due, every run ends, and one replica stays as the master
   * until nothing is left to do.
   */
  private comeToRest(): void {
    this.nowMs += 10_000;
    if (this.shared.view.record.pausedMs !== undefined) this.operator.pauseOrResume(this.nowMs);
    for (const replica of this.replicas) {
      replica.isMaster = false;
      while (replica.live.size > 0) replica.end(this.nowMs, 'ran');
      while (!replica.hasNothingToTell) replica.look(this.nowMs);
    }
    const [last, ...others] = this.replicas;
    if (last === undefined) return;
    // A claim whose replica was misled is decided about by that replica as a master, or when it is gone.
    for (const { member } of others) this.gone.add(member);
    last.isMaster = true;
    let isBusy = true;
    for (let looks = 0; isBusy; looks += 1) {
      isBusy = last.look(this.nowMs);
      while (last.live.size > 0) last.end(this.nowMs, 'ran');
      isBusy ||= !last.hasNothingToTell;
      if (looks > 5_000) throw new Error('it does not come to rest');
    }
    const { running, triggers } = this.shared.view.record;
    expect({ running, triggers }).toEqual({ running: [], triggers: [] });
    const untilMs = this.nowMs + (this.cluster.skewsMs[0] ?? 0);
    expect(this.shared.schedule.count(this.shared.view.record.cursor ?? { dueMs: CREATED_MS, nominalMs: CREATED_MS }, untilMs)).toBe(0);
  }

  private checkLive(): void {
    // A run that an operator has written off goes on beside what starts after that.
    const going = this.replicas.flatMap(({ live }) => [...live.values()]).filter(({ claim }) => !this.operator.forgotten.has(claim));
    if (this.cluster.overlap !== 'allow') expect(going.length, 'runs at once').toBeLessThanOrEqual(1);
    expect(going.filter(({ cause }) => cause === 'misfire').length, 'runs that make up for the past').toBeLessThanOrEqual(1);
    expect(new Set(going.map(({ tick, trigger }) => trigger ?? tick?.dueMs)).size, 'different ticks and triggers').toBe(going.length);
  }

  private checkStarts(): void {
    const reruns = this.cluster.versions.map(({ onInterrupted = 'report' }) => (onInterrupted === 'report' ? 0 : onInterrupted.rerun));
    for (const [what, times] of this.shared.starts) expect(times, `starts of ${what}`).toBeLessThanOrEqual(1 + Math.max(...reruns));
  }
}

/** `SIMULATION_RUNS=10000 npm test -- test/unit/jobs/decide/simulation.spec.ts` for a long search. */
const RUNS = Number(process.env['SIMULATION_RUNS'] ?? 200);

describe('several replicas of two versions, any of which may take itself for master at any time', () => {
  it.each(['skip', 'queue-latest', 'allow'] as const)(
    'start no tick twice, and give each one verdict, through stalls, deaths, lost answers, pauses and triggers, with overlap "%s"',
    (overlap) => {
      fc.assert(
        fc.property(clusters, (cluster) => {
          new Simulation({ ...cluster, overlap }).run();
        }),
        { numRuns: RUNS },
      );
    },
  );

  it('go through all that there is to see: each outcome, each cause, takeovers and refusals', () => {
    const seen = new Set<string>();
    for (const cluster of fc.sample(clusters, { numRuns: 600, seed: 5 })) {
      const simulation = new Simulation(cluster);
      simulation.run();
      for (const verdict of simulation.shared.verdicts) {
        const { tick, cause, outcome, reason } = verdict;
        seen.add([outcome, reason, tick === undefined ? 'trigger' : 'tick', cause].filter(Boolean).join(' '));
      }
    }
    for (const what of [
      'ran tick schedule',
      'ran tick misfire',
      'ran tick rerun',
      'ran trigger trigger',
      'ran trigger rerun',
      'failed tick schedule',
      'interrupted replica gone tick schedule',
      'interrupted mastership lost tick schedule',
      'missed late tick',
      'missed too old tick',
      'skipped overlap tick',
      'skipped overlap trigger trigger',
      'skipped paused tick',
      'skipped withdrawn trigger trigger',
      'missed reset tick',
      'interrupted reset tick schedule',
    ])
      expect([...seen].sort()).toContain(what);
  });
});
