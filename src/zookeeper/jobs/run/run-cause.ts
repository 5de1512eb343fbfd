/**
 * Why a run was started: on time, late, again after it was cut short, by `ClusterJobs.trigger`,
 * or called by other code.
 */
export type RunCause = 'schedule' | 'misfire' | 'rerun' | 'trigger' | 'direct';
