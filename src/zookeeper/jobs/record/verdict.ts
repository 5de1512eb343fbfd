import type { Tick } from '../schedule/tick.js';
import type { RunCause } from '../run/run-cause.js';

/** What became of a tick or a trigger. */
export type Outcome = 'ran' | 'failed' | 'skipped' | 'missed' | 'interrupted';

/** Why, where the outcome alone does not say it. */
export type VerdictReason =
  /** skipped: the job was paused. */
  | 'paused'
  /** skipped: the run before was still going on. */
  | 'overlap'
  /** missed: nobody could run it in time, and its misfire policy does not make up for it. */
  | 'late'
  /** missed: older than `misfireWindowMs`. */
  | 'too old'
  /** missed: more ticks were due than are made up for (`MAX_CATCH_UP`). */
  | 'too many'
  /** missed: the job's record had been lost, so nobody can say whether it ran. */
  | 'record lost'
  /** missed: an operator has reset the claims. */
  | 'reset'
  /** skipped: this replica's clock is off, so it decides nothing. Only told to listeners: the tick stays due. */
  | 'clock'
  /** skipped: the trigger was taken back before it was started. */
  | 'withdrawn'
  /** failed: it took longer than `timeoutMs`. */
  | 'timeout'
  /** interrupted: its process has ended. */
  | 'replica gone'
  /** interrupted: its replica was not master any more. */
  | 'mastership lost'
  /** interrupted: by a shutdown or a hand-over. */
  | 'shutdown';

/** A verdict as it is kept: one tick, one trigger, or a range of ticks that share it. */
export interface StoredVerdict {
  readonly outcome: Outcome;
  readonly reason: VerdictReason | undefined;
  /** The tick, or the first of the range; undefined for a trigger. */
  readonly tick: Tick | undefined;
  /** The last of the range; undefined for a single one. */
  readonly until: Tick | undefined;
  /** Number of ticks; 1 for a single one or a trigger. */
  readonly count: number;
  readonly trigger: string | undefined;
  /** The rest is known of runs only. */
  readonly cause: RunCause | undefined;
  readonly attempt: number | undefined;
  /** Without a duration (somebody else than its replica has written it down): when it was claimed. */
  readonly startedMs: number | undefined;
  readonly durationMs: number | undefined;
  /** `host:port` of the replica that ran it, or that decided. */
  readonly by: string | undefined;
  readonly token: bigint | undefined;
  /** Cut to `MAX_ERROR_LENGTH`. */
  readonly error: string | undefined;
  /**
   * Of missed ticks: what the master that decided knew of why nobody could run them in time, in words, at most
   * `MAX_EXPLANATION_LENGTH`. Undefined when it knew nothing.
   */
  readonly explanation: string | undefined;
}

/** What every verdict says unless its builder says more (verdict-builders.ts). How it came out has no default. */
export const NO_RUN: Omit<StoredVerdict, 'outcome'> = {
  reason: undefined,
  tick: undefined,
  until: undefined,
  count: 1,
  trigger: undefined,
  cause: undefined,
  attempt: undefined,
  startedMs: undefined,
  durationMs: undefined,
  by: undefined,
  token: undefined,
  error: undefined,
  explanation: undefined,
};

/**
 * What an entry is about, whatever has been added to it since: the first of its ticks, its trigger, or
 * when its first run started.
 */
export function verdictKey({ tick, trigger, startedMs, outcome }: StoredVerdict): string {
  return JSON.stringify([
    tick?.dueMs,
    tick?.nominalMs,
    trigger,
    tick === undefined && trigger === undefined ? startedMs : undefined,
    outcome,
  ]);
}

/** How many are kept for each job. */
export const MAX_VERDICTS = 100;
export const MAX_LOG_BYTES = 65_536;
export const MAX_ERROR_LENGTH = 400;
/** Not more than an error: older replicas read it as one. */
export const MAX_EXPLANATION_LENGTH = 400;
