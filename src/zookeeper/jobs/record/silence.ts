import type { JobView } from './job-record.js';

/**
 * Since when a job is silent: its last success, or since when one is expected, which is also after it was resumed or
 * has had another schedule.
 */
export function silentSinceMs({ record, createdMs }: Pick<JobView, 'record' | 'createdMs'>): number {
  const { succeededMs, resumedMs, schedule } = record;
  return Math.max(createdMs, succeededMs ?? 0, resumedMs ?? 0, schedule?.sinceMs ?? 0);
}

/**
 * The last instant at which a silence of `maxSilenceMs` is not too long; undefined while the job is paused, when
 * nothing is expected of it.
 */
export function silenceEndsMs(view: Pick<JobView, 'record' | 'createdMs'>, maxSilenceMs: number): number | undefined {
  return view.record.pausedMs === undefined ? silentSinceMs(view) + maxSilenceMs : undefined;
}
