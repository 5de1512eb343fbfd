import type { JobRules } from '../job-rules.js';
import type { RunCause } from '../run-cause.js';
import type { ScheduleSpec } from '../schedule/schedule.js';
import type { Tick } from '../tick.js';
import type { StoredVerdict } from './verdict.js';

/** A run that was claimed and has no verdict yet. */
export interface RunEntry {
  /** Random; names this claim. */
  readonly claim: string;
  /** Undefined for a trigger. */
  readonly tick: Tick | undefined;
  /** The id of the trigger, for a triggered run. */
  readonly trigger: string | undefined;
  readonly cause: RunCause;
  /** How often it was started, this time included. */
  readonly starts: number;
  /** Of one that was given back, and of one that this process starts: how many attempts were made before. Undefined where the record does not tell. */
  readonly attempted?: number | undefined;
  /** When it was claimed, by the wall clock of the replica that has claimed it. The method is called once the claim is acknowledged. */
  readonly startedMs: number;
  /** The name of its replica's member node; empty: given back without having ended, free to be taken. */
  readonly member: string;
  /** A digest of the election's key: tells whose master runs it. */
  readonly election: string;
  readonly token: bigint;
}

/**
 * How many attempts a run has made when nobody carries it on. Of a process that has died nobody knows: as many are counted as its starts may have made, so
 * that no number comes twice.
 */
export function attemptsMade({ member, attempted, starts }: RunEntry, { retry }: Pick<JobRules, 'retry'>): number {
  return member === '' ? (attempted ?? starts) : starts * (retry?.attempts ?? 1);
}

/** The schedule in force, and the instant after which its ticks count; undefined: since the record was made. */
export interface ScheduleInForce extends ScheduleSpec {
  readonly sinceMs: number | undefined;
}

/** What the cluster has decided about one job of one service. Every change is a compare-and-set of the whole; at most 1 KiB. */
export interface JobRecord {
  /** Undefined for a job without slots: `@Interval`, `@Timeout`, `claim: 'none'`. */
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

/** Of a job that nobody has decided about yet. Without a schedule, it has no slots. */
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
