import { sleep } from '../../support/abort.js';
import { backoffMs } from '../../support/backoff.js';
import type { Clock } from '../../support/clock.js';
import type { JobView } from '../record/job-record.js';
import type { Change, RecordStore } from '../persistence/job-store.js';
import { audited, EMPTY_CONTROL, type AuditEntry, type ControlView, type JobControl } from '../record/job-control.js';
import { JobContendedError, OrderNotSentError, UnknownJobError, UnreadableJobError } from './errors.js';
import { livingFor } from './in-force.js';
import type { ReachParts } from './reach.js';
import { similarTo } from './similar.js';

/** What every command needs. */
export interface ControlParts extends ReachParts {
  /** `host:port` of this replica. */
  readonly address: string;
  /** Called with each change that was written. */
  readonly changed?: ((job: string, entry: Omit<AuditEntry, 'kind'>) => void) | undefined;
  /** Of the caller: nothing is sent after its abort. */
  readonly signal?: AbortSignal | undefined;
}

/** A job as a command finds it. */
export interface Subject {
  readonly view: JobView;
  readonly control: JobControl;
  /** By the ensemble's clock. */
  readonly ensembleMs: number;
  /** Where it may matter. */
  readonly living: ReadonlySet<string> | undefined;
}

/** What a command changes. */
export interface Amendment extends Partial<Pick<Change, 'record' | 'verdicts' | 'triggers'>> {
  readonly control?: JobControl;
  /** For the audit. */
  readonly done: Pick<AuditEntry, 'kind' | 'change'>;
}

/** How often a command is written anew when the record has moved; a busy per-second job moves a few times a second. */
export const MAX_TRIES = 50;
const FIRST_PAUSE_MS = 5;
const MAX_PAUSE_MS = 200;

/**
 * Before attempt `tries` (1 is the second), because somebody else has changed the job first: those who do at once get
 * out of each other's way.
 */
export function pauseAfterConflict(clock: Clock, tries: number, signal?: AbortSignal): Promise<void> {
  return sleep(clock, backoffMs(tries - 1, FIRST_PAUSE_MS, MAX_PAUSE_MS), signal);
}

/**
 * Carries a command out: record, control node and audit change in one transaction, which ZooKeeper refuses if either
 * has moved; then it is decided anew. Answers whether there was something to change.
 * @throws {UnknownJobError} {UnreadableJobError} {JobContendedError} {OrderNotSentError}, the reason of `signal`, and
 * what reading rejects with.
 */
export async function carryOut(
  parts: ControlParts,
  job: string,
  by: string | undefined,
  decide: (subject: Subject) => Amendment | undefined | Promise<Amendment | undefined>,
): Promise<boolean> {
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    if (tries > 0) await pauseAfterConflict(parts.clock, tries, parts.signal);
    const view = await loadExisting(parts.store, job);
    const control = await controlOf(parts.store, job, view);
    if (control === undefined) continue;
    const ensembleMs = Math.round(await parts.store.ensembleMs());
    const living = await livingFor(parts.store, control.control);
    const amendment = await decide({ view, control: control.control, ensembleMs, living });
    if (amendment === undefined) return false;
    parts.signal?.throwIfAborted();
    const entry = { atMs: ensembleMs, by: signature(parts.address, by), ...amendment.done };
    if (!(await write(parts.store, job, view, control, amendment, entry))) continue;
    parts.changed?.(job, entry);
    return true;
  }
  throw new JobContendedError(job, MAX_TRIES);
}

/** True when it was written, false when the record has moved. */
async function write(
  store: RecordStore,
  job: string,
  view: JobView,
  control: ControlView,
  amendment: Amendment,
  entry: AuditEntry,
): Promise<boolean> {
  const { record = view.record, verdicts = [], triggers = [] } = amendment;
  const changed = audited(amendment.control ?? control.control, entry);
  const result = await store.write(job, {
    view,
    record,
    verdicts,
    triggers,
    fence: undefined,
    control: { view: control, control: changed },
  });
  if (result.kind === 'unsent') throw new OrderNotSentError(job);
  return result.kind === 'written';
}

/** The control node; undefined when it had to be made first, as it was deleted by hand. */
async function controlOf(store: RecordStore, job: string, view: JobView): Promise<ControlView | undefined> {
  const control = await store.loadControl(job);
  if (control === undefined) await store.create(job, view.record, EMPTY_CONTROL);
  return control;
}

/** The record of a job that must exist. */
export async function loadExisting(store: RecordStore, job: string): Promise<JobView> {
  const loaded = await store.load(job);
  if (loaded.kind === 'unreadable') throw new UnreadableJobError(job, loaded.problem);
  if (loaded.kind === 'missing') throw await unknownJob(store, job);
  return loaded.view;
}

export async function unknownJob(store: RecordStore, job: string): Promise<UnknownJobError> {
  return new UnknownJobError(job, similarTo(job, await store.jobs()));
}

/** Who gave a command: what the caller says of himself, and the replica that was asked. */
export function signature(address: string, by: string | undefined): string {
  return by === undefined || by === '' ? address : `${by.slice(0, 100)} at ${address}`;
}
