import { withParents } from '../../session/parents.js';

/**
 * Where the jobs of a service live in the tree. They belong to the service, not to one of its versions.
 *
 * ```
 * <root>/jobs/<service>/<job>   the record (record-codec.ts); every decision is a compare-and-set of it
 *   /control                    what versions declare and operators ordered (control-codec.ts); the master watches it
 *   /verdicts                   the youngest segment of the log of older verdicts (verdict-log.ts)
 *   /log/<segment>              the segments before it, which nobody changes any more (zookeeper-log.ts)
 *   /triggers/<id>              a trigger, from the request to its end (trigger-codec.ts)
 *   /results/<id>               what its run has returned, as long as that node is there (result-codec.ts)
 *   /keys/<bucket>/<id>         that the trigger was asked for, and later what became of it (zookeeper-keys.ts)
 *   /checkpoint                 JSON of the job's own
 *   /progress                   JSON: how far the present run is
 * ```
 *
 * All are persistent. The folders down to the service's own are made with the rights of shared parents; the rest
 * belongs to the credentials of the service alone.
 */
export interface JobZnodes {
  /** Holds the records of all jobs of the service. */
  readonly folder: string;
  /** The folder and everything above it, parents first. */
  readonly parents: readonly string[];
  /** Holds the service's member nodes. */
  readonly members: string;
  record(job: string): string;
  control(job: string): string;
  verdicts(job: string): string;
  segments(job: string): string;
  keys(job: string): string;
  triggers(job: string): string;
  trigger(job: string, id: string): string;
  results(job: string): string;
  result(job: string, id: string): string;
  note(job: string, note: 'checkpoint' | 'progress'): string;
}

export function jobZnodes({ rootPath, service }: { readonly rootPath: string; readonly service: string }): JobZnodes {
  const root = rootPath === '/' ? '' : rootPath;
  const folder = `${root}/jobs/${service}`;
  return {
    folder,
    parents: withParents(folder),
    members: `${root}/members/${service}`,
    record: (job) => `${folder}/${job}`,
    control: (job) => `${folder}/${job}/control`,
    verdicts: (job) => `${folder}/${job}/verdicts`,
    segments: (job) => `${folder}/${job}/log`,
    keys: (job) => `${folder}/${job}/keys`,
    triggers: (job) => `${folder}/${job}/triggers`,
    trigger: (job, id) => `${folder}/${job}/triggers/${id}`,
    results: (job) => `${folder}/${job}/results`,
    result: (job, id) => `${folder}/${job}/results/${id}`,
    note: (job, note) => `${folder}/${job}/${note}`,
  };
}
