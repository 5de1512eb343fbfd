import { invariant } from '../../support/invariant.js';
import type { TickRange } from '../schedule/tick-range.js';
import type { Tick } from '../schedule/tick.js';
import * as changes from '../record/changes.js';
import {
  attemptsMade,
  heldBy,
  isHeld,
  workOf,
  type HeldRun,
  type JobRecord,
  type JobView,
  type RunEntry,
  type RunWork,
} from '../record/job-record.js';
import type { Plan, Situation } from './plan.js';
import type { RunResult } from '../run/run-result.js';
import { explain } from './obstacle.js';
import { runEnded, runInterrupted, unstartedPassed, type RunEnd } from '../record/verdict-builders.js';
import type { StoredVerdict, VerdictReason } from '../record/verdict.js';

/** Who may start runs now, as which member of the cluster. */
export type Claimant = NonNullable<Situation['tenure']>;

/**
 * A plan while it is made: the record as it is to be, and what goes with it. What keeps a record sound
 * is told in `changes.ts`.
 */
export class Draft {
  readonly verdicts: StoredVerdict[] = [];
  readonly dropped: string[] = [];
  readonly results = new Map<string, RunResult>();
  start: RunEntry | undefined;
  alarm: Plan['alarm'];
  again = false;
  waitsForCatchUp = false;
  catchesUp = false;
  isBehind = false;
  private current: JobRecord;

  constructor(readonly situation: Situation) {
    this.current = situation.view.record;
  }

  get record(): JobRecord {
    return this.current;
  }

  /** As it is to be, with what does not change. */
  get view(): Pick<JobView, 'record' | 'createdMs'> {
    return { record: this.current, createdMs: this.situation.view.createdMs };
  }

  get hasChanged(): boolean {
    return this.current !== this.situation.view.record || this.verdicts.length > 0;
  }

  /** Runs that go on, or whose end nobody has noticed yet. */
  get active(): readonly HeldRun[] {
    return this.current.running.filter(isHeld);
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
   * As `mayStart`, for a run that makes up for the past: it takes a place of the catch-up limit. False, and in line for
   * one, when there is none. A tick that fell due while older ones of its job were made up for needs none.
   */
  mayCatchUp(tick?: Tick): boolean {
    if (!this.mayStart()) return false;
    const { mayCatchUp, behindSinceMs } = this.situation;
    if (tick !== undefined && behindSinceMs !== undefined && tick.dueMs > behindSinceMs) return true;
    if (mayCatchUp) this.catchesUp = true;
    else this.waitsForCatchUp = true;
    return mayCatchUp;
  }

  /** Whether a run that makes up for the past goes on. */
  get isCatchingUp(): boolean {
    return this.active.some(({ cause }) => cause === 'misfire' || cause === 'rerun');
  }

  /** True for a run that nobody carries on, as far as this replica knows. */
  isAbandoned({ claim, holder }: RunEntry): boolean {
    const { live, gone, tenure } = this.situation;
    if (live.has(claim) || claim === this.start?.claim) return false;
    return holder.kind === 'nobody' || gone.has(holder.member) || holder.member === tenure?.member;
  }

  newEntry(claimant: Claimant, work: RunWork, cause: RunEntry['cause']): RunEntry {
    const { newClaim, wallMs } = this.situation;
    const { member, election, token } = claimant;
    return { ...work, claim: newClaim, cause, starts: 1, startedMs: Math.round(wallMs), holder: heldBy(member), election, token };
  }

  /** Starts a tick that the cursor has not passed, or a trigger. Ticks between them must have been passed before. */
  claim(entry: RunEntry): void {
    this.begin(entry);
    this.current = changes.claim(this.current, entry);
  }

  /**
   * Starts again what a replica was given and did not finish. The entry keeps its tick or trigger
   * and gets a new claim id.
   */
  reclaim(old: RunEntry, claimant: Claimant, cause: RunEntry['cause']): void {
    const attempted = attemptsMade(old, this.situation.rules);
    const entry = { ...this.newEntry(claimant, workOf(old), cause), starts: old.starts + 1, attempted };
    this.begin(entry);
    this.current = changes.reclaim(this.current, old, entry);
  }

  /** Gives an entry back: it stays, for whoever takes it. */
  free(old: RunEntry, change: Pick<RunEntry, 'cause' | 'starts' | 'attempted'>): void {
    this.current = changes.giveBack(this.current, old, change);
  }

  /** The verdict of a run of this process. */
  end(old: RunEntry, how: Omit<RunEnd, 'by'>): void {
    this.apply(changes.end(this.current, old, runEnded(old, { ...how, by: this.situation.address })));
  }

  /** The verdict of a run of which this replica knows no more than the record tells. */
  interrupt(old: RunEntry, reason: VerdictReason, error: string | undefined): void {
    this.apply(changes.end(this.current, old, runInterrupted(old, { reason, by: this.situation.address, error })));
  }

  /** The verdict of a tick that was claimed, never started, and will not be. */
  passUnstarted(old: RunEntry, outcome: 'missed' | 'skipped', reason: VerdictReason): void {
    this.apply(changes.end(this.current, old, unstartedPassed(old, outcome, reason, this.situation.address)));
  }

  /** The one verdict of ticks behind the cursor, none of which will run. */
  pass(ticks: TickRange, outcome: 'missed' | 'skipped', reason: VerdictReason): void {
    const { address, obstacles } = this.situation;
    const explanation = outcome === 'missed' ? explain(obstacles, ticks) : undefined;
    this.apply(changes.pass(this.current, ticks, { outcome, reason, by: address, explanation }));
  }

  /** Takes a trigger out of the line, unstarted. */
  refuse(trigger: string, reason: VerdictReason): void {
    this.apply(changes.refuseTrigger(this.current, trigger, reason, this.situation.address));
  }

  noteSuccess(atMs: number): void {
    this.current = changes.noteSuccess(this.current, atMs);
  }

  raiseAlarm(): void {
    this.current = changes.raiseAlarm(this.current, this.situation.wallMs);
    this.alarm = 'raised';
  }

  clearAlarm(): void {
    if (this.current.alarmedMs === undefined) return;
    this.current = changes.clearAlarm(this.current);
    this.alarm = 'cleared';
  }

  private begin(entry: RunEntry): void {
    invariant(this.start === undefined, 'two starts were planned in one change');
    this.start = entry;
  }

  private apply({ record, verdicts }: changes.Changed): void {
    this.current = record;
    this.verdicts.push(...verdicts);
  }
}
