/** How ticks are made up for that fell due while nobody could run them. */
export type MisfirePolicy = 'run-latest' | 'run-all' | 'skip';

/** What happens to a tick that is due while the job still runs. */
export type OverlapPolicy = 'skip' | 'queue-latest' | 'allow';

/** What happens to a run that was cut short. */
export type InterruptedPolicy = 'report' | { readonly rerun: number };

/** In-process repetition of a run that threw. */
export interface RetryOptions {
  /** How often it is started at most, the first time included. */
  readonly attempts: number;
  /** The pause before the second attempt, milliseconds; doubles each time, with jitter. */
  readonly backoffMs: number;
  /** The longest pause, milliseconds. Default ten times `backoffMs`. */
  readonly maxBackoffMs?: number | undefined;
}

/** The options of `@MasterOnly` that decide about ticks and runs, with defaults filled in. */
export interface JobRules {
  readonly claim: 'tick' | 'none';
  readonly misfire: MisfirePolicy;
  readonly misfireWindowMs: number;
  readonly onInterrupted: InterruptedPolicy;
  readonly overlap: OverlapPolicy;
  readonly timeoutMs: number | undefined;
  readonly retry: RetryOptions | undefined;
  /** Alarm when no run has succeeded for longer. */
  readonly maxSilenceMs: number | undefined;
}

export const DEFAULT_RULES: JobRules = {
  claim: 'tick',
  misfire: 'run-latest',
  misfireWindowMs: 86_400_000,
  onInterrupted: 'report',
  overlap: 'skip',
  timeoutMs: undefined,
  retry: undefined,
  maxSilenceMs: undefined,
};

/** A tick that is looked at later than this after it was due is a misfire; earlier it is on time. */
export const ON_TIME_MS = 1_000;
/** How many ticks `misfire: 'run-all'` makes up for after one outage, the newest; older ones are reported as missed. */
export const MAX_CATCH_UP = 1_000;
