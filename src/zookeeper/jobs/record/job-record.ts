import type { JobRules } from '../run/job-rules.js';
import type { RunCause } from '../run/run-cause.js';
import type { ScheduleSpec } from '../schedule/schedule.js';
import type { Tick } from '../schedule/tick.js';
import type { StoredVerdict } from './verdict.js';

/**
 * Which replica has a run: it goes on there, as far as anybody knows. Or nobody: it was given back without having
 * ended, and is free to be taken.
 */
export type Holder =
  | {
      readonly kind: 'replica';
      /** The name of its member node. */
      readonly member: string;
    }
  | { readonly kind: 'nobody' };

export const NOBODY: Holder = { kind: 'nobody' };

export function heldBy(member: string): Holder {
  return { kind: 'replica', member };
}

/** What is known of every run that was claimed and has no verdict yet. */
interface ClaimedRun {
  /** Random; names this claim. */
  readonly claim: string;
  readonly cause: RunCause;
  /** How often it was started, this time included. */
  readonly starts: number;
  /**
   * Of one that was given back, and of one that this process starts: how many attempts were made before. Undefined
   * where the record does not tell.
   */
  readonly attempted?: number | undefined;
  /**
   * When it was claimed, by the wall clock of the replica that has claimed it. The method is called once
   * the claim is acknowledged.
   */
  readonly startedMs: number;
  readonly holder: Holder;
  /** A digest of the election's key: tells whose master runs it. */
  readonly election: string;
  readonly token: bigint;
}

/** What a run is for: a tick, or a trigger, by its id. Never both, and never neither. */
export type RunWork = { readonly tick: Tick; readonly trigger?: undefined } | { readonly tick?: undefined; readonly trigger: string };

/** A run that was claimed and has no verdict yet. */
export type RunEntry = ClaimedRun & RunWork;

/** Of a run. */
export function workOf({ tick, trigger }: RunEntry): RunWork {
  return tick === undefined ? { trigger } : { tick };
}

/** A run that a replica has. */
export type HeldRun = RunEntry & { readonly holder: { readonly kind: 'replica' } };

export function isHeld(entry: RunEntry): entry is HeldRun {
  return entry.holder.kind === 'replica';
}

/** Whether it was given back before its method was called for the first time. */
export function isUnstarted(entry: RunEntry): boolean {
  return !isHeld(entry) && entry.starts === 0;
}

/**
 * How many attempts a run has made when nobody carries it on. Of a process that has died nobody knows: as many are
 * counted as its starts may have made, so that no number comes twice.
 */
export function attemptsMade(entry: RunEntry, { retry }: Pick<JobRules, 'retry'>): number {
  const { attempted, starts } = entry;
  return isHeld(entry) ? starts * (retry?.attempts ?? 1) : (attempted ?? starts);
}

/** The schedule in force, and the instant after which its ticks count; undefined: since the record was made. */
export interface ScheduleInForce extends ScheduleSpec {
  readonly sinceMs: number | undefined;
}

/**
 * What the cluster has decided about one job of one service. Every change is a compare-and-set of
 * the whole; at most 1 KiB.
 */
export interface JobRecord {
  /** Undefined for a job without claimed ticks: `@Interval`, `@Timeout`, `claim: 'none'`. */
  readonly schedule: ScheduleInForce | undefined;
  /** Every tick up to this one has a verdict, or stands in `running`. */
  readonly cursor: Tick | undefined;
  /** At most `MAX_RUNNING`. */
  readonly running: readonly RunEntry[];
  /** Ids of triggers that wait for their start, oldest first; at most `MAX_WAITING_TRIGGERS`. */
  readonly triggers: readonly string[];
  /** Since when the job is paused. */
  readonly pausedMs: number | undefined;
  /** When it was last resumed: nothing is made up for, and no silence counted, from before. */
  readonly resumedMs: number | undefined;
  /** The newest verdicts, which have not been moved to the log yet; oldest first. */
  readonly recent: readonly StoredVerdict[];
  /** When the last run succeeded. */
  readonly succeededMs: number | undefined;
  /** Since when its silence is alarmed about. */
  readonly alarmedMs: number | undefined;
}

/** Of a job that nobody has decided about yet. Without a schedule, none of its ticks are claimed. */
export const EMPTY_RECORD: JobRecord = {
  schedule: undefined,
  cursor: undefined,
  running: [],
  triggers: [],
  pausedMs: undefined,
  resumedMs: undefined,
  recent: [],
  succeededMs: undefined,
  alarmedMs: undefined,
};

export const MAX_RUNNING = 4;
export const MAX_WAITING_TRIGGERS = 6;
export const MAX_RECORD_BYTES = 1_024;

/** The record as read. */
export interface JobView {
  readonly record: JobRecord;
  /** For compare-and-set. */
  readonly version: number;
  /** When the record was made, by the ensemble's clock. */
  readonly createdMs: number;
  /** Tells a record that was deleted and made again from this one. */
  readonly czxid: bigint;
}
