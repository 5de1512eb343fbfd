import type { Observer } from '../../support/observer.js';
import type { JobStore } from '../record/job-store.js';

/** Tells of an order that has changed something, on the replica that was asked. `change`: a participle, as in the job's history. */
export function tellOrder(observer: Observer, job: string, change: string, by: string): void {
  const message = `Job "${job}": ${change}${change.includes(',') ? ',' : ''} by ${by}.`;
  observer.observe({ level: 'info', event: 'job.ordered', message, fields: { job, by } });
}

/** The same store; `asked` is called with the id of each trigger that begins to wait for its start, also of one that had been taken back before. */
export function withTriggersTold(store: JobStore, asked: (id: string) => void): JobStore {
  const addTrigger: JobStore['addTrigger'] = async (job, trigger) => {
    const added = await store.addTrigger(job, trigger);
    if (added === 'added') asked(trigger.id);
    return added;
  };
  const write: JobStore['write'] = async (job, change, signal) => {
    const result = await store.write(job, change, signal);
    const waiting = change.triggers.filter(({ state }) => state === 'waiting');
    if (result.kind === 'written') waiting.forEach(({ id }) => asked(id));
    return result;
  };
  const told: Partial<JobStore> = { addTrigger, write };
  return new Proxy(store, {
    get(target, key) {
      const method: unknown = Reflect.get(told, key) ?? Reflect.get(target, key);
      return typeof method === 'function' ? (method.bind(target) as unknown) : method;
    },
  });
}
