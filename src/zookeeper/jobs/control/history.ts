import type { RecordStore, TriggerStore } from '../persistence/job-store.js';
import { MAX_AUDIT } from '../record/job-control.js';
import { unknownJob } from './amend.js';
import { askedFor } from './history-words.js';

const MAX_TRIGGERS = MAX_AUDIT;

/** One change of a job that was ordered, or that came with a deploy; or a run that was asked for. */
export interface JobChange {
  /** By ZooKeeper's clock. */
  readonly at: Date;
  /**
   * `host:port` of the replica that was asked, with what the caller said of himself before it: `anna at 10.0.0.7:9090`.
   */
  readonly by: string;
  /** What was done, as a participle: `paused`, `rescheduled to …, before …`, `trigger … asked for`. */
  readonly change: string;
}

/**
 * The newest 50 changes of a job that are kept and the newest 50 triggers, as one row, oldest first; also
 * of a job whose record cannot be read. Triggers are told by their own nodes: noted among the changes,
 * they would push those out.
 * @throws {UnknownJobError}
 */
export async function history(store: RecordStore & TriggerStore, job: string): Promise<JobChange[]> {
  const [{ kind }, control, triggers] = await Promise.all([store.load(job), store.loadControl(job), store.triggers(job, MAX_TRIGGERS)]);
  if (kind === 'missing') throw await unknownJob(store, job);
  const asked = triggers.map(({ id, atMs, by }) => ({ atMs, by, change: askedFor(id) }));
  return [...(control?.control.audit ?? []), ...asked]
    .toSorted((a, b) => a.atMs - b.atMs)
    .map(({ atMs, by, change }) => ({ at: new Date(atMs), by, change }));
}
