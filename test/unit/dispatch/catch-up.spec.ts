import { describe, expect, it } from 'vitest';
import { Dispatcher } from '../../../src/zookeeper/dispatch/dispatcher.js';
import { MAX_CATCHING_UP, PLACE_MS } from '../../../src/zookeeper/dispatch/catch-up-limit.js';
import { JobEvents } from '../../../src/zookeeper/jobs/record/job-events.js';
import { DEFAULT_RULES, type JobRules } from '../../../src/zookeeper/jobs/run/job-rules.js';
import type { JobRun } from '../../../src/zookeeper/jobs/run/job-run.js';
import { EMPTY_RECORD } from '../../../src/zookeeper/jobs/record/job-record.js';
import type { StoredVerdict } from '../../../src/zookeeper/jobs/record/verdict.js';
import { StandaloneElections } from '../../../src/zookeeper/mastership/standalone.js';
import { silentObserver } from '../../../src/zookeeper/support/observer.js';
import { HandClock } from '../mastership/hand-clock.js';
import { EVERY_HOUR, EVERY_SECOND, LoneStore, settle } from './lone-replica.js';

interface Spec {
  readonly name: string;
  readonly everySecond?: boolean;
  readonly rules?: Partial<JobRules>;
  /** By default it ends at once. */
  readonly work?: (run: JobRun) => unknown;
}

const HANGING = (): Promise<void> => new Promise(() => undefined);
const CONTROL = { declared: [], inForce: { from: 'code', version: '1' }, audit: [] } as const;

/** A replica that becomes master when each of these jobs has had a record for `lateMs`, and so late ticks. */
class Successor {
  readonly clock = new HandClock();
  readonly store = new LoneStore({ clock: this.clock });
  readonly runs: JobRun[] = [];
  readonly verdicts: (StoredVerdict & { readonly job: string })[] = [];
  /** Runs that have not ended. */
  going = 0;
  mostGoing = 0;
  readonly gate: Dispatcher;
  private readonly elections: StandaloneElections;

  private constructor() {
    const { clock, store } = this;
    this.elections = new StandaloneElections({ key: 'Bank:1', address: 'a:1', clock });
    const events = new JobEvents(() => undefined);
    events.verdicts.add((job, verdict) => this.verdicts.push({ ...verdict, job }));
    this.gate = new Dispatcher(this.elections, {
      observer: silentObserver,
      clock,
      drainTimeoutMs: 10_000,
      maxClockSkewMs: 30_000,
      address: 'a:1',
      candidate: true,
      service: 'Bank',
      version: '1',
      logRuns: 'seldom',
      store,
      events,
    });
  }

  static async after(lateMs: number, specs: readonly Spec[]): Promise<Successor> {
    const made = new Successor();
    for (const { name, everySecond } of specs) {
      const schedule = { ...(everySecond === true ? EVERY_SECOND : EVERY_HOUR), sinceMs: undefined };
      await made.store.create(name, { ...EMPTY_RECORD, schedule }, CONTROL);
    }
    made.clock.stall(lateMs);
    for (const spec of specs) made.add(spec);
    made.gate.start();
    made.elections.start();
    await settle();
    return made;
  }

  private add({ name, everySecond, rules, work }: Spec): void {
    const schedule = everySecond === true ? EVERY_SECOND : EVERY_HOUR;
    const identity = { name, method: `Jobs.${name}`, election: undefined, kind: 'cron', disabled: false, schedule } as const;
    this.gate.add({ ...identity, rules: { ...DEFAULT_RULES, ...rules } }, async (given) => {
      const run = given as JobRun;
      this.runs.push(run);
      this.going += 1;
      this.mostGoing = Math.max(this.mostGoing, this.going);
      try {
        await work?.(run);
      } finally {
        this.going -= 1;
      }
    });
  }

  async pass(ms: number, stepMs = 250): Promise<void> {
    for (let passedMs = 0; passedMs < ms; passedMs += stepMs) {
      this.clock.pass(stepMs);
      await settle();
      await settle();
    }
  }

  ran(job: string): number {
    return this.runs.filter((run) => run.job === job).length;
  }
}

function many(count: number, spec: Omit<Spec, 'name'> = {}): Spec[] {
  return Array.from({ length: count }, (_, n) => ({ ...spec, name: `job-${n}` }));
}

/** Two hours and a half: each hourly job has a late tick, and no other for half an hour. */
const LATE_MS = 9_000_000;

describe('the making-up after an outage', () => {
  it('begins with as many runs as the limit says, however many jobs look at one instant', async () => {
    const ends: (() => void)[] = [];
    const successor = await Successor.after(LATE_MS, many(60, { work: () => new Promise<void>((resolve) => void ends.push(resolve)) }));
    expect(successor.runs.length).toBe(MAX_CATCHING_UP);
    expect(new Set(successor.runs.map(({ cause }) => cause))).toEqual(new Set(['misfire']));
    for (let ended = 0; ended < 60; ended += 1) {
      ends[ended]?.();
      await settle();
      await settle();
    }
    expect(successor.runs.length).toBe(60);
    expect(successor.mostGoing).toBe(MAX_CATCHING_UP);
  });

  it('goes on behind runs that hang, for as many jobs as there are, a few at a time', async () => {
    const successor = await Successor.after(LATE_MS, many(41, { work: HANGING }));
    expect(successor.going).toBe(MAX_CATCHING_UP);
    for (let window = 2; window <= 10; window += 1) {
      await successor.pass(PLACE_MS);
      expect(successor.going).toBe(window * MAX_CATCHING_UP);
    }
    await successor.pass(PLACE_MS);
    expect(new Set(successor.runs.map(({ job }) => job)).size).toBe(41);
  });

  it('does not keep the ticks on time of a job that runs them all from starting', async () => {
    const each = { name: 'each', everySecond: true, rules: { misfire: 'run-all' } } as const;
    const successor = await Successor.after(3_500, [...many(4, { everySecond: true, rules: { misfire: 'run-all' }, work: HANGING }), each]);
    expect(successor.ran('each')).toBe(0);
    await successor.pass(PLACE_MS + 2_000);
    const before = successor.ran('each');
    expect(before).toBeGreaterThanOrEqual(9);
    await successor.pass(5_000);
    expect(successor.ran('each') - before).toBe(5);
    const ticks = successor.runs.filter(({ job }) => job === 'each').map((run) => run.scheduledTime?.getTime() ?? 0);
    expect(ticks).toEqual([...new Set(ticks)].sort((a, b) => a - b));
    expect(successor.runs.at(-1)).toMatchObject({ job: 'each', cause: 'schedule' });
  });

  it('is over some time also for jobs that fall due faster than the limit lets them start', async () => {
    const work = async (): Promise<void> => {
      await new Promise<void>((resolve) => void successor.clock.after(500, resolve));
    };
    const jobs = many(20, { everySecond: true, rules: { misfire: 'run-all' }, work });
    const successor: Successor = await Successor.after(3_500, jobs);
    await successor.pass(60_000, 500);
    const newest = jobs.map(({ name }) => successor.runs.findLast(({ job }) => job === name)?.cause);
    expect(new Set(newest)).toEqual(new Set(['schedule']));
    expect(successor.verdicts.filter(({ outcome }) => outcome === 'missed')).toEqual([]);
  }, 60_000);
});
