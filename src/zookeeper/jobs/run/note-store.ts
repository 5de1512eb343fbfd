import type { Fence } from '../../mastership/election/held-tenure.js';

/** What a run may keep under its job's record: what the next runs are to know, or how far it is. */
export type Note = 'checkpoint' | 'progress';

/**
 * Where the checkpoints and the progress of jobs are kept: any JSON, fenced by the tenure of the run that writes it.
 */
export interface NoteStore {
  /**
   * Undefined when nothing is kept. A checkpoint is read with all that was acknowledged before the
   * question, on whichever server.
   */
  loadNote(job: string, note: Note): Promise<unknown>;
  /**
   * `mayCreate`: makes the record where there is none; else that is refused as no-node. Default true.
   * @throws the ZooKeeperError of a refused check: the tenure is over.
   */
  saveNote(job: string, note: Note, encoded: Buffer, fence: Fence | undefined, mayCreate?: boolean): Promise<void>;
}
