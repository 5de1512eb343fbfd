import type { JobStore } from '../record/job-store.js';
import { unknownJob } from './amend.js';

/** One change of a job that was ordered, or that came with a deploy. */
export interface JobChange {
  /** By ZooKeeper's clock. */
  readonly at: Date;
  /** `host:port` of the replica that was asked, with what the caller said of himself before it: `anna at 10.0.0.7:9090`. */
  readonly by: string;
  /** What was done, as a participle: `paused`, `rescheduled to …, before …`. */
  readonly change: string;
}

/**
 * The newest 50 changes of a job that are kept, oldest first; also of a job whose record cannot be read.
 * @throws {UnknownJobError}
 */
export async function history(store: JobStore, job: string): Promise<JobChange[]> {
  const [{ view, problem }, control] = await Promise.all([store.load(job), store.loadControl(job)]);
  if (view === undefined && problem === undefined) throw await unknownJob(store, job);
  return (control?.control.audit ?? []).map(({ atMs, by, change }) => ({ at: new Date(atMs), by, change }));
}
