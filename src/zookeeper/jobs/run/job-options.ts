import { milliseconds, oneOf, shape, whole, type Check } from '../../support/checks.js';
import { MAX_DELAY_MS } from '../../support/clock.js';
import type { ScheduleKind } from './job-identity.js';
import {
  DEFAULT_RULES,
  type InterruptedPolicy,
  type JobRules,
  type MisfirePolicy,
  type OverlapPolicy,
  type RetryOptions,
} from './job-rules.js';

/** How the ticks and runs of a job are dealt with. All durations are milliseconds. */
export interface JobOptions {
  /**
   * `'tick'`: each tick starts at most once in the cluster, decided by ZooKeeper, and gets a verdict; only for
   * schedules whose ticks all replicas have in common, so not with `@Interval` and `@Timeout`. `'none'`: the local
   * mastership check alone, no network per tick. Default `'tick'` with `@Cron`, else `'none'`.
   */
  readonly claim?: 'tick' | 'none' | undefined;
  /**
   * What becomes of ticks that fell due while no master could run them. `'run-latest'`: the latest one runs.
   * `'run-all'`: all run, oldest first, at most 1 000. `'skip'`: none. Those that do not run are reported as missed.
   * Over all its jobs a replica begins at most four such runs, and reruns, at once; one that takes longer than 5
   * seconds lets the next begin. A tick that was claimed and never started is as late as any other. Only with
   * claims. Default `'run-latest'`.
   */
  readonly misfire?: MisfirePolicy | undefined;
  /**
   * Ticks that are late by more than this are reported as missed, never run. A run that was cut short is not started
   * again either when its tick was due longer ago: let the window be longer than the runs take. Triggers have no tick,
   * and no window. 1 000 to 31 536 000 000 (a year); default 86 400 000 (a day).
   */
  readonly misfireWindowMs?: number | undefined;
  /**
   * What becomes of a run that was cut short by death, shutdown or lost mastership. `'report'`: it is reported as
   * interrupted. `{ rerun: n }`: it is started again, on whichever replica is master, at most n (1 to 100) more times,
   * with its checkpoint; the job is then run at least once instead of at most once. A version whose schedule has
   * `disabled: true` starts nothing again. Only with claims. Default `'report'`.
   */
  readonly onInterrupted?: InterruptedPolicy | undefined;
  /**
   * What becomes of a tick that is due while the job still runs. `'skip'`: it is skipped. `'queue-latest'`: the latest
   * one waits for the end of the run, those before it are skipped. `'allow'`: it runs beside it, up to four at once.
   * Calls by other code count as runs; unless this is `'allow'` they throw `JobRunningError` while the job runs on this
   * replica. Default `'skip'`.
   */
  readonly overlap?: OverlapPolicy | undefined;
  /**
   * The run's signal aborts after this, all attempts together, and the run counts as failed; until it settles it counts
   * as running. 1 to 2 147 483 647 (24 days). Default: no limit.
   */
  readonly timeoutMs?: number | undefined;
  /**
   * Repeats a run that threw, in this process and under the same claim and mastership; never after an abort.
   * `attempts`: 1 to 100, the first included. `backoffMs`: the pause before the second, doubled each time, with jitter.
   * `maxBackoffMs`: the longest pause, default ten times `backoffMs`. While the mastership is being given up no further
   * attempt is made: a run that waits for one holds nothing up, and is cut short as by an abort. Default: none.
   */
  readonly retry?: RetryOptions | undefined;
  /** An alarm is raised, once, when no run has succeeded for longer than this. At least 1 000. Default: never. */
  readonly maxSilenceMs?: number | undefined;
}

/** The options with defaults; `kind` is that of the job's schedule. */
export function rulesOf(options: JobOptions, kind: ScheduleKind | undefined): JobRules {
  return {
    claim: options.claim ?? (kind === 'cron' ? 'tick' : 'none'),
    misfire: options.misfire ?? DEFAULT_RULES.misfire,
    misfireWindowMs: options.misfireWindowMs ?? DEFAULT_RULES.misfireWindowMs,
    onInterrupted: options.onInterrupted ?? DEFAULT_RULES.onInterrupted,
    overlap: options.overlap ?? DEFAULT_RULES.overlap,
    timeoutMs: options.timeoutMs,
    retry: options.retry,
    maxSilenceMs: options.maxSilenceMs,
  };
}

const A_YEAR_MS = 31_536_000_000;
const A_DAY_MS = 86_400_000;

const CHECKS: Readonly<Record<keyof JobOptions, Check>> = {
  claim: oneOf('tick', 'none'),
  misfire: oneOf('run-latest', 'run-all', 'skip'),
  misfireWindowMs: milliseconds(1_000, A_YEAR_MS),
  onInterrupted: (value, name) =>
    value === 'report' ? undefined : shape(value, name, "'report' or { rerun: n }", { rerun: whole('a whole number', 1, 100) }, ['rerun']),
  overlap: oneOf('skip', 'queue-latest', 'allow'),
  timeoutMs: milliseconds(1, MAX_DELAY_MS),
  retry: (value, name) => {
    const checks = {
      attempts: whole('a whole number', 1, 100),
      backoffMs: milliseconds(1, A_DAY_MS),
      maxBackoffMs: milliseconds(1, A_DAY_MS),
    };
    return (
      shape(value, name, '{ attempts, backoffMs, maxBackoffMs? }', checks, ['attempts', 'backoffMs']) ??
      backoffProblem(value as RetryOptions)
    );
  },
  maxSilenceMs: milliseconds(1_000, Number.MAX_SAFE_INTEGER),
};

/** The names of the options. */
export const JOB_OPTIONS = Object.keys(CHECKS) as readonly (keyof JobOptions)[];

/**
 * What is wrong with the value of one option, as a clause: what was expected, what was received.
 * Undefined when it is fine.
 */
export function jobOptionProblem(option: keyof JobOptions, value: unknown): string | undefined {
  return value === undefined ? undefined : CHECKS[option](value, option);
}

function backoffProblem({ backoffMs, maxBackoffMs }: RetryOptions): string | undefined {
  if (maxBackoffMs === undefined || maxBackoffMs >= backoffMs) return undefined;
  return `"retry.maxBackoffMs" must be at least retry.backoffMs (${backoffMs}), received ${maxBackoffMs}`;
}
