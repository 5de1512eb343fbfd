import type { JobRules } from './job-rules.js';
import type { ScheduleSpec } from '../schedule/schedule.js';

/** Which schedule a job's method carries. */
export type ScheduleKind = 'cron' | 'interval' | 'timeout';

/** What is known about a job before it ever runs. */
export interface JobIdentity {
  /** Its name everywhere; unique among the scheduled jobs of an application. */
  readonly name: string;
  /** `Class.method`, by the instance's own class: an inherited method is one job per subclass. */
  readonly method: string;
  /** Of this election; undefined: the service's own. */
  readonly election: string | undefined;
  /** `'added'`: it has no method, `ClusterJobs.add` has made it. Undefined: a plain method. */
  readonly kind: ScheduleKind | 'added' | undefined;
  /** `disabled: true` in the schedule's options: it is registered, but does not fire. */
  readonly disabled: boolean;
  /** The options about ticks and runs, with defaults. */
  readonly rules: JobRules;
  /**
   * What the code says about the times of its ticks; undefined for a job without claimed ticks. Another one may be in
   * force (`ClusterJobs.reschedule`).
   */
  readonly schedule: ScheduleSpec | undefined;
}

/**
 * True for a class name as a minifier writes it ("t", "Te", "$1"): a job named after it changes its name with the next
 * build, and with it everything that is kept under that name.
 */
export function looksMinified(className: string): boolean {
  return /^[\w$]{1,2}\d{0,2}$/u.test(className);
}
