import { invariant } from '../../support/invariant.js';
import { compareTicks, laterTick, type Tick } from '../tick.js';
import { attemptsMade, type JobRecord, type RunEntry } from './job-record.js';
import type { Plan, Situation } from './plan.js';
import type { RunResult } from './result-codec.js';
import { hasRoomForRun } from './room.js';
import { NO_RUN, type StoredVerdict, type VerdictReason } from './verdict.js';

/** Who may start runs now, as which member of the cluster. */
export type Office = NonNullable<Situation['tenure']>;

/**
 * A plan while it is made: the record as it is to be, and what goes with it.
 *
 * The safety of the whole job layer rests on how these few functions change the record, and on ZooKeeper accepting a change only if the record is
 * still what it was made from. Together they keep:
 *
 * - **A tick is claimed at most once.** `claim` takes ticks from behind the cursor only, and moves the cursor past them in the same change. No function
 *   moves the cursor back. Two masters (of two versions, or one that does not know yet that it was deposed) may both make such a change, from one
 *   record; ZooKeeper accepts one of them, and the other finds the tick passed. A second start of the same tick is only ever `reclaim`: of an entry whose
 *   run was never started, or which may be started again (`onInterrupted`), with `starts` counted in the record.
 * - **A tick has exactly one verdict.** It gets one when the cursor passes it without a claim (`pass`), or when its entry leaves `running` (`end`), and
 *   never otherwise. An entry leaves `running` by its claim id, which is new for each start; so of the replica that ran it, its successor and an operator
 *   only the first to write decides, and the others find nothing to decide about.
 */
export class Draft {
  readonly verdicts: StoredVerdict[] = [];
  readonly refused: { readonly trigger: string; readonly reason: VerdictReason }[] = [];
  readonly dropped: string[] = [];
  readonly results = new Map<string, RunResult>();
  start: RunEntry | undefined;
  alarm: Plan['alarm'];
  again = false;
  waitsForPace = false;
  catchesUp = false;
  isBehind = false;
  private current: JobRecord;

  constructor(readonly situation: Situation) {
    this.current = situation.view.record;
  }

  get record(): JobRecord {
    return this.current;
  }

  get hasChanged(): boolean {
    return this.current !== this.situation.view.record || this.verdicts.length > 0;
  }

  update(change: Partial<Omit<JobRecord, 'cursor' | 'running'>>): void {
    this.current = { ...this.current, ...change };
  }

  /** Runs that go on, or whose end nobody has noticed yet. */
  get active(): readonly RunEntry[] {
    return this.current.running.filter(({ member }) => member !== '');
  }

  /** Nothing is in the way of a run that must not overlap. */
  get isFree(): boolean {
    return this.active.length === 0 && !this.situation.isCalled;
  }

  /** True when this run could be put down now; false, and more to do later, when the plan has its start already. */
  mayStart(): boolean {
    if (this.start === undefined) return true;
    this.again = true;
    return false;
  }

  /**
   * As `mayStart`, for a run that makes up for the past: it takes a place of the catch-up limit. False, and in line for one, when there is none. A tick
   * that fell due while older ones of its job were made up for needs none.
   */
  mayCatchUp(tick?: Tick): boolean {
    if (!this.mayStart()) return false;
    const { mayCatchUp, behindSinceMs } = this.situation;
    if (tick !== undefined && behindSinceMs !== undefined && tick.dueMs > behindSinceMs) return true;
    if (mayCatchUp) this.catchesUp = true;
    else this.waitsForPace = true;
    return mayCatchUp;
  }

  /** Whether a run that makes up for the past goes on. */
  get isCatchingUp(): boolean {
    return this.active.some(({ cause }) => cause === 'misfire' || cause === 'rerun');
  }

  /** True for a run that nobody carries on, as far as this replica knows. */
  isAbandoned({ claim, member }: RunEntry): boolean {
    const { live, gone, tenure } = this.situation;
    if (live.has(claim) || claim === this.start?.claim) return false;
    return member === '' || gone.has(member) || member === tenure?.member;
  }

  newEntry(office: Office, work: Pick<RunEntry, 'tick' | 'trigger' | 'cause'>): RunEntry {
    const { newClaim, nowMs } = this.situation;
    const { member, election, token } = office;
    return { ...work, claim: newClaim, starts: 1, startedMs: Math.round(nowMs), member, election, token };
  }

  /** Starts a tick that the cursor has not passed, or a trigger. Ticks between them must have been passed before. */
  claim(entry: RunEntry): void {
    invariant(this.start === undefined, 'two starts were planned in one change');
    invariant(hasRoomForRun(this.current, entry), 'a run was to start that the record has no room for');
    if (entry.tick !== undefined) this.moveCursor(entry.tick);
    this.current = { ...this.current, running: [...this.current.running, entry] };
    this.start = entry;
  }

  /** Starts again what a replica was given and did not finish. The entry keeps its tick or trigger and gets a new claim id. */
  reclaim(old: RunEntry, office: Office, cause: RunEntry['cause']): void {
    invariant(this.start === undefined, 'two starts were planned in one change');
    const attempted = attemptsMade(old, this.situation.rules);
    const work = { tick: old.tick, trigger: old.trigger, cause };
    const entry = { ...this.newEntry(office, work), starts: old.starts + 1, attempted };
    this.replace(old, entry);
    this.start = entry;
  }

  /** Gives an entry back: it stays, for whoever takes it. */
  free(old: RunEntry, change: Pick<RunEntry, 'cause' | 'starts' | 'attempted'>): void {
    this.replace(old, { ...old, ...change, member: '' });
  }

  /** The one verdict of an entry, which so leaves `running`. */
  end(old: RunEntry, verdict: Pick<StoredVerdict, 'outcome' | 'reason' | 'by'> & Partial<StoredVerdict>): void {
    this.replace(old, undefined);
    const { tick, trigger, cause, starts, startedMs, token } = old;
    this.verdicts.push({ ...NO_RUN, tick, trigger, cause, attempt: starts, startedMs, token, ...verdict });
  }

  /** The one verdict of `count` ticks behind the cursor, from the first to the last, none of which will run. */
  pass(
    ticks: { readonly first: Tick; readonly last: Tick; readonly count: number },
    outcome: 'missed' | 'skipped',
    reason: VerdictReason,
  ): void {
    const { first, last, count } = ticks;
    invariant(count >= 1, 'a verdict was to be given about no tick');
    const { cursor } = this.current;
    invariant(cursor === undefined || compareTicks(first, cursor) > 0, 'a tick was to be decided about twice');
    this.moveCursor(last);
    const until = compareTicks(first, last) === 0 ? undefined : last;
    this.verdicts.push({ ...NO_RUN, outcome, reason, tick: first, until, count, by: this.situation.address });
  }

  /** Takes a trigger out of the line, unstarted. */
  refuse(trigger: string, reason: VerdictReason): void {
    this.update({ triggers: this.current.triggers.filter((id) => id !== trigger) });
    this.verdicts.push({ ...NO_RUN, outcome: 'skipped', reason, trigger, cause: 'trigger', by: this.situation.address });
    this.refused.push({ trigger, reason });
  }

  private moveCursor(tick: Tick): void {
    const { cursor } = this.current;
    invariant(cursor === undefined || compareTicks(tick, cursor) > 0, 'a tick was to be decided about twice');
    this.current = { ...this.current, cursor: laterTick(tick, cursor) };
  }

  private replace(old: RunEntry, entry: RunEntry | undefined): void {
    const { running } = this.current;
    invariant(running.includes(old), 'a run was to be decided about twice');
    this.current = { ...this.current, running: running.flatMap((each) => (each === old ? (entry ?? []) : each)) };
  }
}
