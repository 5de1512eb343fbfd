import type { Observer } from '../../support/observer.js';

/** Tells of an order that has changed something, on the replica that was asked. `change`: a participle, as in the job's history. */
export function tellOrder(observer: Observer, job: string, change: string, by: string): void {
  const message = `Job "${job}": ${change}${change.includes(',') ? ',' : ''} by ${by}.`;
  observer.observe({ level: 'info', event: 'job.ordered', message, fields: { job, by } });
}
