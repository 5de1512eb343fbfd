import type { Fence } from '../../mastership/election/held-tenure.js';
import type { Waiting } from '../../session/connected.js';
import type { ControlView, JobControl } from '../record/job-control.js';
import type { JobRecord, JobView } from '../record/job-record.js';
import type { NoteStore } from '../run/note-store.js';
import type { KeptResult } from '../run/run-result.js';
import type { TriggerAndRecord, TriggerChange, TriggerNode } from '../record/trigger.state.js';
import type { StoredVerdict } from '../record/verdict.js';

/** What a look at a record finds. */
export type LoadedRecord =
  | { readonly kind: 'found'; readonly view: JobView }
  | { readonly kind: 'missing' }
  /** It is not what this version of the library writes; why, as a clause. */
  | { readonly kind: 'unreadable'; readonly problem: string };

/** Undefined where there is none that can be read. */
export function viewIn(loaded: LoadedRecord): JobView | undefined {
  return loaded.kind === 'found' ? loaded.view : undefined;
}

/** How a write of the record ended. */
export type WriteResult =
  | { readonly kind: 'written'; readonly view: JobView }
  /** The record is not what `view` says any more, or is gone: load it again. Nothing was written. */
  | { readonly kind: 'moved' }
  /** As `'moved'`, but it may have been written before the record was moved on: a reply was lost, and nothing tells. */
  | { readonly kind: 'unknown' }
  /** A check of the tenure was refused. Nothing was written. */
  | { readonly kind: 'refused' }
  /** There is no connection, or the session has ended: what was asked for has not happened and will not. */
  | { readonly kind: 'unsent' };

/** One change of a job's record. */
export interface Change {
  readonly view: JobView;
  readonly record: JobRecord;
  readonly verdicts: readonly StoredVerdict[];
  /** Triggers whose state changes with it. */
  readonly triggers: readonly TriggerChange[];
  /** Given for what only a master may write; undefined for the verdict of a run that is over. */
  readonly fence: Fence | undefined;
  /** Also replaces the control node, whose view this was. */
  readonly control?: { readonly view: ControlView; readonly control: JobControl };
}

/** What comes in place of a record that cannot be read. */
export interface RecordRepair {
  readonly record: JobRecord;
  readonly control: { readonly view: ControlView; readonly control: JobControl };
  /** The verdict of a trigger that waits or runs. */
  readonly end: (open: TriggerNode) => StoredVerdict;
}

/**
 * Where the cluster keeps its decisions about the jobs of one service: records, with their verdicts, and control nodes.
 */
export interface RecordStore {
  /**
   * Resolves when the cluster can be asked and told something; at once where it can be.
   * @throws {NotConnectedError} when that is not so in time. The signal's reason.
   */
  ready(waiting: Waiting): Promise<void>;
  load(job: string): Promise<LoadedRecord>;
  /**
   * Makes the changes in one transaction, in one round trip as long as the log need not be moved. A lost reply is
   * resolved by the same transaction again, after the reconnect, and only then by reading; the answer is exact.
   * `signal`: gives up waiting for a connection.
   */
  write(job: string, change: Change, signal?: AbortSignal): Promise<WriteResult>;
  /**
   * Makes the record, its parents and the control node where they are missing; `record` is written
   * only when there is none.
   */
  create(job: string, record: JobRecord, control: JobControl): Promise<void>;
  loadControl(job: string): Promise<ControlView | undefined>;
  /**
   * `listener` is called after each change of the control node, and after a reconnect or a new session, until the
   * function returned is called.
   */
  watchControl(job: string, listener: () => void): () => void;
  /**
   * `listener` is called when the job's record has changed; made for the short time that another
   * replica's run stands in the way.
   */
  watchRecord(job: string, listener: () => void): () => void;
  /** The verdicts that were moved to the log, oldest first. */
  loadLog(job: string): Promise<readonly StoredVerdict[]>;
  /** The names of all jobs that have a record. */
  jobs(): Promise<readonly string[]>;
  /** Removes the record and everything below it. */
  remove(job: string): Promise<void>;
  /**
   * Puts a record in place of one that cannot be read, and changes the control node with it, in one transaction. Of
   * what is below it, the triggers that wait or run have their verdict before; the rest stays. `'readable'`: it can be
   * read, or is gone, and was not changed. `'moved'`: the control node is not what its view says any more; record and
   * control node were not changed.
   */
  repair(job: string, repair: RecordRepair): Promise<'repaired' | 'readable' | 'moved'>;
  /**
   * The ensemble's clock now, in milliseconds since 1970: as of the session's last write, or of a small one where there
   * was none. In memory: the wall clock. Rejects as that write does.
   */
  ensembleMs(): Promise<number>;
}

/** What was asked for by hand, and what became of it. */
export interface TriggerStore {
  /**
   * Asks for a run: adds it to the record and makes its node. `'exists'`: this id was used before, and nothing was
   * changed. `'contended'`: the record moved all the while, and nothing was changed.
   */
  addTrigger(job: string, trigger: TriggerNode): Promise<'added' | 'exists' | 'full' | 'no job' | 'contended'>;
  loadTrigger(job: string, id: string): Promise<TriggerNode | undefined>;
  /** What the run of a trigger has returned; undefined when that was nothing, or is not kept (any more). */
  loadResult(job: string, id: string): Promise<KeptResult | undefined>;
  /** The newest triggers whose nodes are kept, at most `limit`, the one that was made first at the beginning. */
  triggers(job: string, limit: number): Promise<readonly TriggerNode[]>;
  /** Undefined when the trigger or the record is missing or cannot be read, or when they never stood still. */
  loadTriggerAndRecord(job: string, id: string): Promise<TriggerAndRecord | undefined>;
  watchTrigger(job: string, id: string, listener: () => void): () => void;
}

/** The living replicas of the service, and what they tell of themselves. */
export interface MemberDirectory {
  /** `'latest'`: with all that was told before the question, on whichever server. */
  members(read?: 'latest'): Promise<readonly MemberView[]>;
  /** Calls `listener` once, when one of these members has gone, or the connection was lost meanwhile. */
  watchMembers(names: readonly string[], listener: () => void): () => void;
}

/** All that the cluster keeps about the jobs of one service. Whoever needs a part of it asks for that part. */
export interface JobStore extends RecordStore, TriggerStore, NoteStore, MemberDirectory {}

export interface MemberView {
  /** The name of its node. */
  readonly name: string;
  readonly address: string;
  readonly version: string;
  /** Undefined when it is too long to be told. */
  readonly jobs: readonly string[] | undefined;
}
