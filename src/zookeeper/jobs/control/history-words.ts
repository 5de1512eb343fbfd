import type { Observer } from '../../support/observer.js';

/** What a trigger is in the history and in the log. */
export const askedFor = (id: string): string => `trigger ${id} asked for`;

/**
 * Tells of a command that has changed something, on the replica that was asked. `change`: a participle,
 * as in the job's history.
 */
export function tellOrder(observer: Observer, job: string, change: string, by: string): void {
  const message = `Job "${job}": ${change}${change.includes(',') ? ',' : ''} by ${by}.`;
  observer.observe({ level: 'info', event: 'job.ordered', message, fields: { job, by } });
}
