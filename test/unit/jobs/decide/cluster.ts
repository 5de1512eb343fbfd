import * as changes from '../../../../src/zookeeper/jobs/record/changes.js';
import { decide } from '../../../../src/zookeeper/jobs/decide/decide.js';
import { decodeRecord, encodeRecord } from '../../../../src/zookeeper/jobs/persistence/codec/record-codec.js';
import { appendToLog, encodeLog, place } from '../../../../src/zookeeper/jobs/persistence/verdict-log.js';
import type { JobRules } from '../../../../src/zookeeper/jobs/run/job-rules.js';
import type { JobRecord, JobView, RunEntry } from '../../../../src/zookeeper/jobs/record/job-record.js';
import type { Finished, Plan, Span } from '../../../../src/zookeeper/jobs/decide/plan.js';
import type { StoredVerdict } from '../../../../src/zookeeper/jobs/record/verdict.js';
import { compareTicks, endOf, type Tick } from '../../../../src/zookeeper/jobs/schedule/tick.js';
import { CREATED_MS, emptyRecord, Every, finished } from './situations.js';
import { uuid } from '../persistence/arbitraries.js';

/** A promise of `decide` that a simulation saw broken. */
class Broken extends Error {}

function holds(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Broken(what);
}

/** One job's record in memory, with the compare-and-set that ZooKeeper gives, and everything that was ever written. */
export class SharedRecord {
  view: JobView = { record: emptyRecord, version: 0, createdMs: CREATED_MS, czxid: 1n };
  log: readonly StoredVerdict[] = [];
  readonly verdicts: StoredVerdict[] = [];
  /** By what was started (the due time of a tick, the id of a trigger): how often. */
  readonly starts = new Map<number | string, number>();
  readonly triggers = new Set<string>();

  constructor(readonly schedule: Every) {
    const schedules = new Map([
      [1_000, '* * * * * *'],
      [3_000, '*/3 * * * * *'],
    ]);
    // What no expression can say is what this replica cannot read.
    const cronTime = schedules.get(schedule.stepMs) ?? `every ${schedule.stepMs} ms`;
    const { record } = this.view;
    this.view = { ...this.view, record: { ...record, schedule: record.schedule && { ...record.schedule, cronTime } } };
  }

  write(view: JobView, record: JobRecord, verdicts: readonly StoredVerdict[]): boolean {
    if (view.version !== this.view.version) return false;
    const placed = place(record, verdicts);
    this.check(placed.record);
    if (placed.moved.length > 0) this.log = appendToLog(this.log, placed.moved, placed.record);
    encodeLog(this.log);
    this.checkApart([...this.log, ...placed.record.recent, ...placed.record.running]);
    const data = encodeRecord(placed.record);
    const read = decodeRecord(data);
    holds(read.record !== undefined, `the record cannot be read: ${read.problem}`);
    this.verdicts.push(...verdicts);
    this.view = { ...this.view, record: read.record, version: view.version + 1 };
    return true;
  }

  started(entry: RunEntry): void {
    const what = entry.trigger ?? entry.tick?.dueMs ?? -1;
    this.starts.set(what, (this.starts.get(what) ?? 0) + 1);
  }

  /** Each tick after the record was made, up to the cursor, has exactly one verdict; and so has each trigger. */
  checkVerdicts(): void {
    const seen = new Map<number, string>();
    const note = (dueMs: number, what: string): void => {
      holds(!seen.has(dueMs), `the tick ${dueMs} has two verdicts: ${seen.get(dueMs)}, and ${what}`);
      seen.set(dueMs, what);
    };
    for (const { tick, until, count, outcome, reason } of this.verdicts) {
      if (tick === undefined) continue;
      const last = until ?? tick;
      for (let dueMs = tick.dueMs; dueMs <= last.dueMs; dueMs += this.schedule.stepMs) note(dueMs, `${outcome} ${reason}`);
      holds(count === (last.dueMs - tick.dueMs) / this.schedule.stepMs + 1, `a row counts ${count} ticks`);
    }
    const { cursor } = this.view.record;
    const passed = cursor === undefined ? 0 : this.schedule.count(endOf(CREATED_MS), cursor.dueMs);
    holds(seen.size === passed, `${passed} ticks have passed, ${seen.size} have verdicts`);
    for (const id of this.triggers) {
      const told = this.verdicts.filter(({ trigger }) => trigger === id).length;
      holds(told === 1, `the trigger ${id} has ${told} verdicts`);
    }
  }

  /** What is kept about one tick is not contradicted by a row that covers it. */
  private checkApart(kept: readonly { readonly tick?: Tick | undefined; readonly until?: Tick | undefined }[]): void {
    const rows = kept.flatMap(({ tick, until }) => (tick === undefined ? [] : [{ tick, last: until ?? tick }]));
    rows.sort((a, b) => compareTicks(a.tick, b.tick));
    for (const [index, { tick }] of rows.entries()) {
      const before = rows[index - 1];
      holds(before === undefined || compareTicks(before.last, tick) < 0, `the tick ${tick.dueMs} is told of twice`);
    }
  }

  private check(record: JobRecord): void {
    const before = this.view.record;
    const { cursor, running } = record;
    holds(before.cursor === undefined || (cursor !== undefined && compareTicks(cursor, before.cursor) >= 0), 'the cursor went back');
    holds(running.filter(({ cause }) => cause === 'misfire').length <= 1, 'two runs make up for the past at once');
    holds(running.length <= 4, 'more runs than there may be');
    for (const { tick } of running)
      holds(
        tick === undefined || (cursor !== undefined && compareTicks(tick, cursor) <= 0),
        'a run of a tick that the cursor has not passed',
      );
    const had = new Map(before.running.map((each) => [each.claim, each]));
    for (const each of running) {
      const { tick } = each;
      if (tick === undefined || had.has(each.claim) || before.running.some((old) => old.tick?.dueMs === tick.dueMs)) continue;
      holds(before.cursor === undefined || compareTicks(tick, before.cursor) > 0, `the tick ${tick.dueMs} is claimed twice`);
    }
  }
}

interface Pending {
  readonly nowMs: number;
  readonly view: JobView;
  readonly plan: Plan;
  readonly finished: readonly Finished[];
}

/**
 * A replica as the job loop is: it thinks, writes, and starts what was written. Any of them may take itself
 * for master, at any time.
 */
export class Replica {
  private static made = 0;
  readonly member = `version~${uuid((Replica.made += 1))}`;
  readonly live = new Map<string, RunEntry>();
  isMaster = false;
  private finished: Finished[] = [];
  private view: JobView | undefined;
  private freed: Span | undefined;
  private pending: Pending | undefined;
  private claims = 0;
  private behindSinceMs: number | undefined;

  constructor(
    private readonly shared: SharedRecord,
    private readonly rules: JobRules,
    private readonly skewMs: number,
    private readonly gone: ReadonlySet<string>,
    private readonly disabled = false,
  ) {}

  get hasNothingToTell(): boolean {
    return this.finished.length === 0;
  }

  /** Decides, by what it knows: perhaps an old record. */
  think(nowMs: number, mayCatchUp = true): Plan {
    this.view ??= this.shared.view;
    const plan = decide({
      view: this.view,
      schedule: this.disabled ? undefined : this.shared.schedule,
      rules: this.rules,
      wallMs: nowMs + this.skewMs,
      tenure: this.isMaster ? { member: this.member, election: 'election', token: 1n } : undefined,
      address: this.member,
      isCalled: false,
      live: new Set(this.live.keys()),
      finished: this.finished,
      reports: [],
      succeededMs: undefined,
      gone: new Set(this.gone),
      addresses: new Map(),
      freed: this.freed,
      mayCatchUp,
      behindSinceMs: this.behindSinceMs,
      obstacles: [],
      disabled: this.disabled,
      newClaim: `${this.member} ${(this.claims += 1)}`.slice(-18),
    });
    holds(plan.start === undefined || this.isMaster, 'a start without a mastership');
    holds(!plan.again || plan.record !== undefined, 'more to do after a change that is none');
    holds(!plan.catchesUp || (mayCatchUp && plan.start !== undefined), 'a turn in catching up that there was not, or for nothing');
    if (plan.start !== undefined) this.checkStart(plan.start, plan.catchesUp, nowMs + this.skewMs);
    this.pending = { nowMs: nowMs + this.skewMs, view: this.view, plan, finished: [...this.finished] };
    return plan;
  }

  /**
   * Whatever was claimed, given back or cut short before: what starts is as late as the rules allow, and in its turn.
   */
  private checkStart({ tick, cause }: RunEntry, catchesUp: boolean, nowMs: number): void {
    const { rules, behindSinceMs } = this;
    holds(!this.disabled || cause === 'trigger', `a ${cause} starts by a version that has disabled the job`);
    if (tick === undefined) return;
    const lateMs = nowMs - tick.dueMs;
    const waited = rules.overlap === 'queue-latest' && cause === 'schedule';
    holds(waited || lateMs <= Math.max(1_000, rules.misfireWindowMs), `a ${cause} starts ${lateMs} ms late`);
    holds(waited || cause !== 'schedule' || lateMs <= 1_000, `a tick on time starts ${lateMs} ms late`);
    holds(cause !== 'misfire' || rules.misfire !== 'skip', 'a misfire starts that is to be skipped');
    const isBehind = behindSinceMs !== undefined && tick.dueMs > behindSinceMs && cause === 'misfire';
    holds(catchesUp || isBehind || cause === 'schedule', `a ${cause} starts out of its turn`);
  }

  /**
   * Writes what it has decided. `'misled'`: it is told that nothing was written, and tells its verdicts again.
   * `'deposed'`: before the start.
   */
  write(nowMs: number, fault: 'none' | 'misled' | 'deposed' = 'none'): boolean {
    const { pending } = this;
    this.pending = undefined;
    if (pending === undefined) return false;
    const { view, plan } = pending;
    if (plan.record !== undefined && (!this.shared.write(view, plan.record, plan.verdicts) || fault === 'misled')) {
      this.view = undefined;
      return false;
    }
    if (plan.record !== undefined) this.view = this.shared.view;
    this.behindSinceMs = plan.isBehind ? (this.behindSinceMs ?? pending.nowMs) : undefined;
    this.finished = this.finished.filter((each) => !pending.finished.includes(each));
    if (plan.start === undefined) return true;
    if (fault === 'deposed') {
      this.isMaster = false;
      this.finished.push(finished({ claim: plan.start.claim, outcome: 'unstarted', endedMs: nowMs }));
    } else {
      this.live.set(plan.start.claim, plan.start);
      this.shared.started(plan.start);
    }
    return true;
  }

  look(nowMs: number): boolean {
    this.view = undefined;
    const { record } = this.think(nowMs);
    return this.write(nowMs) && record !== undefined;
  }

  /** Ends its oldest run. */
  end(nowMs: number, outcome: Finished['outcome']): void {
    const [first] = this.live;
    if (first === undefined) return;
    const [claim, entry] = first;
    const { onInterrupted } = this.rules;
    const released = outcome === 'released' && entry.starts > (onInterrupted === 'report' ? 0 : onInterrupted.rerun);
    this.live.delete(claim);
    this.finished.push(finished({ claim, outcome: released ? 'interrupted' : outcome, endedMs: nowMs + this.skewMs }));
    this.freed = { sinceMs: entry.startedMs, untilMs: nowMs + this.skewMs };
  }
}

/** What operators do, by somebody's clock: the changes that their orders make. */
export class Operator {
  /** The claims of runs that were written off. */
  readonly forgotten = new Set<string>();
  private triggered = 100;

  constructor(private readonly shared: SharedRecord) {}

  trigger(): void {
    const { view } = this.shared;
    const id = uuid((this.triggered += 1));
    const record = changes.addTrigger(view.record, id);
    if (record === undefined) return;
    this.shared.write(view, record, []);
    this.shared.triggers.add(id);
  }

  /** Takes back the trigger that has waited longest. */
  withdraw(): void {
    const { view } = this.shared;
    const [id] = view.record.triggers;
    if (id === undefined) return;
    const { record, verdicts } = changes.refuseTrigger(view.record, id, 'withdrawn', 'operator');
    this.shared.write(view, record, verdicts);
  }

  pauseOrResume(nowMs: number): void {
    const { view, schedule } = this.shared;
    const paused = changes.pause(view.record, nowMs);
    if (paused !== undefined) return void this.shared.write(view, paused, []);
    const resumed = changes.resume(view, schedule, nowMs, 'operator');
    if (resumed !== undefined) this.shared.write(view, resumed.record, resumed.verdicts);
  }

  /** Runs that go on are not stopped by it. */
  reset(nowMs: number): void {
    const { view, schedule } = this.shared;
    for (const { claim } of view.record.running) this.forgotten.add(claim);
    const { record, verdicts } = changes.reset(view, schedule, nowMs, 'operator');
    this.shared.write(view, record, verdicts);
  }

  /** To the same schedule, whose ticks so count from now. */
  reschedule(nowMs: number): void {
    const { view, schedule } = this.shared;
    const { record, verdicts } = changes.replaceSchedule(view, schedule, view.record.schedule, nowMs, 'operator');
    this.shared.write(view, record, verdicts);
  }
}
