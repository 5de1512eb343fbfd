import type { JobRules } from '../run/job-rules.js';
import type { Schedule } from '../schedule/schedule.js';
import type { JobRecord, JobView, RunEntry } from '../record/job-record.js';
import type { Obstacle } from './obstacle.js';
import type { RunResult } from '../run/run-result.js';
import type { Outcome, StoredVerdict, VerdictReason } from '../record/verdict.js';

/** A run of this process that is over. */
export interface Finished {
  readonly claim: string;
  /**
   * `'released'`: it was cut short and is to be run again (`onInterrupted: { rerun }`): its entry becomes
   * free, with its starts. `'unstarted'`: claimed, but the mastership was over before it was started: free,
   * and that start does not count.
   */
  readonly outcome: Outcome | 'released' | 'unstarted';
  readonly reason: VerdictReason | undefined;
  /** The number of the last attempt, counted over all starts. */
  readonly attempt: number;
  readonly durationMs: number;
  readonly endedMs: number;
  readonly error: string | undefined;
  /** What a triggered run has returned. */
  readonly result?: RunResult | undefined;
}

/** From when to when, by the wall clock. */
export interface Span {
  readonly sinceMs: number;
  readonly untilMs: number;
}

/** Everything that a decision depends on, as one value. */
export interface Situation {
  readonly view: JobView;
  /** The schedule of the record, parsed; undefined for a job without claimed ticks. */
  readonly schedule: Schedule | undefined;
  readonly rules: JobRules;
  /** This replica's wall clock. Clocks that are too far off never come here. */
  readonly wallMs: number;
  /**
   * Under which mastership this replica may start runs and decide about ticks. Undefined: it may only write down
   * what became of its own runs.
   */
  readonly tenure: { readonly member: string; readonly election: string; readonly token: bigint } | undefined;
  /** `host:port` of this replica. */
  readonly address: string;
  /** Claims whose runs go on in this process. */
  readonly live: ReadonlySet<string>;
  /**
   * Whether a call by other code goes on in this process: it has no claim, and is in the way of runs as one that has.
   */
  readonly isCalled: boolean;
  readonly finished: readonly Finished[];
  /** Verdicts that need no entry in `running`: failures of runs without a claim. */
  readonly reports: readonly StoredVerdict[];
  /** When a run without a claim last succeeded here; noted in the record when `maxSilenceMs` needs it. */
  readonly succeededMs: number | undefined;
  /** Members whose runs may be taken over: gone, and for long enough. */
  readonly gone: ReadonlySet<string>;
  /** `host:port` of those, where it is known: a verdict about their runs names it. */
  readonly addresses: ReadonlyMap<string, string>;
  /**
   * The run that ended last in this process, from its claim to its end, by this replica's wall clock: ticks due
   * meanwhile waited for it, or overlapped it.
   */
  readonly freed: Span | undefined;
  /** Whether a run that makes up for the past may start now (the catch-up limit over all jobs of this replica). */
  readonly mayCatchUp: boolean;
  /**
   * Since when this replica, as master, has been making up for ticks of this job, by its wall clock. What has fallen
   * due since then is late only because it stands behind older ones, and needs no place of the catch-up limit:
   * otherwise jobs that are due often would never have caught up.
   */
  readonly behindSinceMs: number | undefined;
  /** What this replica knows of why ticks could not be run in time, oldest first: for people. */
  readonly obstacles: readonly Obstacle[];
  /**
   * `disabled: true` in the code of this version: nothing starts by the schedule, nor again. What
   * triggers ask for still does.
   */
  readonly disabled: boolean;
  /** A fresh random claim id. */
  readonly newClaim: string;
}

/** What to write, and what to do once it is written. */
export interface Plan {
  /** The record as it is to be; undefined: nothing to write. */
  readonly record: JobRecord | undefined;
  /** To be added to `record.recent` and the log, in this order. Not contained in `record` yet. */
  readonly verdicts: readonly StoredVerdict[];
  /**
   * Claims of `finished` that no longer stand in `running`: somebody else has decided about them (a successor, or an
   * operator), so what became of the run here is not written down.
   */
  readonly dropped: readonly string[];
  /** To start once the record is written: also stands in `record.running`. */
  readonly start: RunEntry | undefined;
  /** By trigger, what the runs have returned that end with this write. */
  readonly results: ReadonlyMap<string, RunResult>;
  /** What this write does to the alarm about the job's silence. */
  readonly alarm: 'raised' | 'cleared' | undefined;
  /** Look again at this time of the wall clock; undefined: only an event can change anything. */
  readonly wakeAtMs: number | undefined;
  /** There is more to do as soon as this is written. */
  readonly again: boolean;
  /** Members whose runs stand in the way: look again when one of them has gone or ended its run. */
  readonly waitsFor: readonly string[];
  /** True: something waits for its turn in catching up. */
  readonly waitsForCatchUp: boolean;
  /** True: the start takes a place of the catch-up limit. */
  readonly catchesUp: boolean;
  /** True: there are late ticks that are not decided about, or a run that makes up for one goes on. */
  readonly isBehind: boolean;
}
