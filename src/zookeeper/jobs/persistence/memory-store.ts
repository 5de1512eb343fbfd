import type { Clock } from '../../support/clock.js';
import { addTrigger as withTrigger } from '../record/changes.js';
import { EMPTY_RECORD, type JobRecord, type JobView } from '../record/job-record.js';
import type { Change, JobStore, LoadedRecord, MemberView, WriteResult } from './job-store.js';
import { EMPTY_CONTROL, type ControlView, type JobControl } from '../record/job-control.js';
import { decodeResult, encodeResult } from './codec/result-codec.js';
import type { KeptResult, RunResult } from '../run/run-result.js';
import { encodeTrigger } from './codec/trigger-codec.js';
import { isOpen, next, type TriggerAndRecord, type TriggerNode } from '../record/trigger.state.js';
import { appendToLog, place } from './verdict-log.js';
import { KEY_RETENTION_MS, MAX_KEYS } from './zookeeper-keys.js';
import type { StoredVerdict } from '../record/verdict.js';

interface Kept {
  view: JobView;
  control: ControlView;
  log: readonly StoredVerdict[];
  readonly triggers: Map<string, TriggerNode>;
  /** What became of older ones, without their input. */
  readonly answers: Map<string, TriggerNode>;
  readonly results: Map<string, RunResult>;
  readonly notes: Map<string, string>;
}

/** How many triggers that are over are kept for each job with their input. */
const MAX_KEPT_TRIGGERS = 100;

/** The decisions about the jobs of one process, for as long as it lives: for `standalone`. */
export class MemoryJobStore implements JobStore {
  private readonly kept = new Map<string, Kept>();
  private readonly listeners = new Map<string, Set<() => void>>();
  private made = 0n;

  constructor(private readonly parts: { readonly clock: Clock; readonly address?: string; readonly version?: string }) {}

  async ready(): Promise<void> {}

  async load(job: string): Promise<LoadedRecord> {
    const kept = this.kept.get(job);
    return kept === undefined ? { kind: 'missing' } : { kind: 'found', view: kept.view };
  }

  async write(job: string, change: Change): Promise<WriteResult> {
    const kept = this.kept.get(job);
    if (kept === undefined || !isSame(kept.view, change.view)) return { kind: 'moved' };
    if (change.control !== undefined && kept.control.version !== change.control.view.version) return { kind: 'moved' };
    const { record, moved } = place(change.record, change.verdicts);
    kept.view = { ...kept.view, record, version: kept.view.version + 1 };
    if (moved.length > 0) kept.log = appendToLog(kept.log, moved, record);
    for (const triggered of change.triggers) {
      const { id } = triggered;
      const trigger = kept.triggers.get(id);
      if (trigger === undefined) continue;
      kept.triggers.set(id, next(trigger, triggered));
      if ('result' in triggered && triggered.result !== undefined) kept.results.set(id, triggered.result);
      this.tell(`trigger ${job} ${id}`);
    }
    if (change.control !== undefined) {
      kept.control = { control: change.control.control, version: kept.control.version + 1 };
      this.tell(`control ${job}`);
    }
    this.tell(`record ${job}`);
    return { kind: 'written', view: kept.view };
  }

  async create(job: string, record: JobRecord, control: JobControl): Promise<void> {
    if (this.kept.has(job)) return;
    const view = { record, version: 0, createdMs: this.parts.clock.wallMs(), czxid: ++this.made };
    this.kept.set(job, {
      view,
      control: { control, version: 0 },
      log: [],
      triggers: new Map(),
      answers: new Map(),
      results: new Map(),
      notes: new Map(),
    });
    this.tell(`control ${job}`);
  }

  async loadControl(job: string): Promise<ControlView | undefined> {
    return this.kept.get(job)?.control;
  }

  watchControl(job: string, listener: () => void): () => void {
    return this.watch(`control ${job}`, listener);
  }

  watchRecord(job: string, listener: () => void): () => void {
    return this.watch(`record ${job}`, listener);
  }

  async loadLog(job: string): Promise<readonly StoredVerdict[]> {
    return this.kept.get(job)?.log ?? [];
  }

  async jobs(): Promise<readonly string[]> {
    return [...this.kept.keys()];
  }

  async addTrigger(job: string, trigger: TriggerNode): Promise<'added' | 'exists' | 'full' | 'no job'> {
    // Refuses what ZooKeeper would refuse.
    encodeTrigger(trigger);
    const kept = this.kept.get(job);
    if (kept === undefined) return 'no job';
    if (kept.triggers.has(trigger.id) || kept.answers.has(trigger.id)) return 'exists';
    const record = withTrigger(kept.view.record, trigger.id);
    if (record === undefined) return 'full';
    kept.triggers.set(trigger.id, trigger);
    removeOld(kept, trigger.atMs);
    kept.view = { ...kept.view, record, version: kept.view.version + 1 };
    kept.control = { ...kept.control, version: kept.control.version + 1 };
    this.tell(`control ${job}`);
    return 'added';
  }

  async loadTrigger(job: string, id: string): Promise<TriggerNode | undefined> {
    const kept = this.kept.get(job);
    return kept?.triggers.get(id) ?? kept?.answers.get(id);
  }

  async loadResult(job: string, id: string): Promise<KeptResult | undefined> {
    const result = this.kept.get(job)?.results.get(id);
    return result && decodeResult(encodeResult(result));
  }

  async triggers(job: string, limit: number): Promise<readonly TriggerNode[]> {
    return [...(this.kept.get(job)?.triggers.values() ?? [])].slice(-limit);
  }

  async loadTriggerAndRecord(job: string, id: string): Promise<TriggerAndRecord | undefined> {
    const kept = this.kept.get(job);
    const trigger = await this.loadTrigger(job, id);
    return kept && trigger && { view: kept.view, trigger };
  }

  watchTrigger(job: string, id: string, listener: () => void): () => void {
    return this.watch(`trigger ${job} ${id}`, listener);
  }

  async remove(job: string): Promise<void> {
    this.kept.delete(job);
    this.tell(`control ${job}`);
  }

  /** Nobody can write over memory by hand. */
  async repair(): Promise<'readable'> {
    return 'readable';
  }

  async ensembleMs(): Promise<number> {
    return this.parts.clock.wallMs();
  }

  async loadNote(job: string, note: 'checkpoint' | 'progress'): Promise<unknown> {
    const text = this.kept.get(job)?.notes.get(note);
    return text === undefined ? undefined : JSON.parse(text);
  }

  async saveNote(job: string, note: 'checkpoint' | 'progress', encoded: Buffer, _fence?: unknown, mayCreate = true): Promise<void> {
    if (!this.kept.has(job) && mayCreate) await this.create(job, EMPTY_RECORD, EMPTY_CONTROL);
    this.kept.get(job)?.notes.set(note, encoded.toString('utf8'));
  }

  /** This process is the only one, and knows itself which jobs it has. */
  async members(): Promise<readonly MemberView[]> {
    const { address = '', version = '' } = this.parts;
    return [{ name: 'this process', address, version, jobs: [] }];
  }

  watchMembers(): () => void {
    return () => undefined;
  }

  private watch(what: string, listener: () => void): () => void {
    const set = this.listeners.get(what) ?? new Set();
    this.listeners.set(what, set);
    set.add(listener);
    return () => {
      set.delete(listener);
      if (set.size === 0) this.listeners.delete(what);
    };
  }

  private tell(what: string): void {
    for (const listener of this.listeners.get(what) ?? []) listener();
  }
}

/**
 * As in ZooKeeper: what has not run may be asked for anew, so nothing is kept of it; of what has run
 * the answer is, for as long.
 */
function removeOld({ triggers, answers, results }: Kept, ensembleMs: number): void {
  for (const [id, trigger] of triggers) {
    if (triggers.size <= MAX_KEPT_TRIGGERS) break;
    if (isOpen(trigger)) continue;
    triggers.delete(id);
    results.delete(id);
    if (trigger.state === 'ended') answers.set(id, { ...trigger, input: undefined });
  }
  for (const [id, { atMs }] of answers) {
    if (answers.size <= MAX_KEYS && atMs > ensembleMs - KEY_RETENTION_MS) break;
    answers.delete(id);
  }
}

function isSame(a: JobView, b: JobView): boolean {
  return a.version === b.version && a.czxid === b.czxid;
}
