import { addTrigger } from '../../../../src/zookeeper/jobs/record/changes.js';
import type { JobRecord, JobView } from '../../../../src/zookeeper/jobs/record/job-record.js';
import type {
  Change,
  JobStore,
  LoadedRecord,
  MemberView,
  RecordRepair,
  WriteResult,
} from '../../../../src/zookeeper/jobs/persistence/job-store.js';
import type { ControlView, Declaration, JobControl } from '../../../../src/zookeeper/jobs/record/job-control.js';
import { NotConnectedError } from '../../../../src/zookeeper/session/connected.js';
import { decodeResult, encodeResult } from '../../../../src/zookeeper/jobs/persistence/codec/result-codec.js';
import type { KeptResult, RunResult } from '../../../../src/zookeeper/jobs/run/run-result.js';
import { endBy, isOpen, next, type TriggerAndRecord, type TriggerNode } from '../../../../src/zookeeper/jobs/record/trigger.state.js';
import type { StoredVerdict } from '../../../../src/zookeeper/jobs/record/verdict.js';
import { Listeners } from '../../../../src/zookeeper/support/listeners.js';

interface Kept {
  view: JobView | undefined;
  problem: string | undefined;
  control: ControlView | undefined;
  log: readonly StoredVerdict[];
  readonly triggers: Map<string, TriggerNode>;
  readonly results: Map<string, RunResult>;
  readonly notes: Map<string, unknown>;
  readonly told: Listeners<[]>;
}

/**
 * Where jobs are kept in the memory of a test, which owns the clock and the members, and may step in before each write.
 */
export class KeptStore implements JobStore {
  readonly kept = new Map<string, Kept>();
  clockMs: number;
  alive: MemberView[] = [];
  /** Called before each write. */
  beforeWrite: () => void = () => undefined;
  /** No connection: nothing is sent. */
  isDetached = false;
  writes = 0;
  private versions = 0;

  constructor(nowMs: number) {
    this.clockMs = nowMs;
  }

  /** Puts a job there as a test wants it. */
  put(job: string, record: Partial<JobRecord>, control?: Partial<JobControl>, createdMs = this.clockMs): void {
    const kept = this.at(job);
    kept.view = { record: { ...NOTHING, ...record }, version: (this.versions += 1), createdMs, czxid: 1n };
    if (control !== undefined) kept.control = { control: { ...CONTROL, ...control }, version: (this.versions += 1) };
  }

  damage(job: string, problem: string): void {
    const kept = this.at(job);
    kept.view = undefined;
    kept.problem = problem;
  }

  /** The record, of a job that has one. */
  record(job: string): JobRecord {
    const { view } = this.at(job);
    if (view === undefined) throw new Error(`There is no record of ${job}.`);
    return view.record;
  }

  control(job: string): JobControl {
    const { control } = this.at(job);
    if (control === undefined) throw new Error(`There is no control node of ${job}.`);
    return control.control;
  }

  ready(): Promise<void> {
    return Promise.resolve();
  }

  load(job: string): Promise<LoadedRecord> {
    const { view, problem } = this.kept.get(job) ?? {};
    if (problem !== undefined) return Promise.resolve({ kind: 'unreadable', problem });
    return Promise.resolve(view === undefined ? { kind: 'missing' } : { kind: 'found', view });
  }

  write(job: string, change: Change): Promise<WriteResult> {
    this.beforeWrite();
    if (this.isDetached) return Promise.resolve({ kind: 'unsent' });
    const kept = this.at(job);
    const { view, control } = kept;
    const isMoved =
      view?.version !== change.view.version || (change.control !== undefined && control?.version !== change.control.view.version);
    if (view === undefined || isMoved) return Promise.resolve({ kind: 'moved' });
    this.writes += 1;
    const record = { ...change.record, recent: [...change.record.recent, ...change.verdicts] };
    kept.view = { ...view, record, version: (this.versions += 1) };
    if (change.control !== undefined) kept.control = { control: change.control.control, version: (this.versions += 1) };
    for (const triggered of change.triggers) {
      const node = kept.triggers.get(triggered.id);
      if ('result' in triggered && triggered.result !== undefined) kept.results.set(triggered.id, triggered.result);
      if (node !== undefined) kept.triggers.set(triggered.id, next(node, triggered));
    }
    kept.told.tell();
    return Promise.resolve({ kind: 'written', view: kept.view });
  }

  create(job: string, record: JobRecord, control: JobControl): Promise<void> {
    const kept = this.at(job);
    kept.view ??= { record, version: (this.versions += 1), createdMs: this.clockMs, czxid: BigInt(this.versions) };
    kept.control ??= { control, version: (this.versions += 1) };
    return Promise.resolve();
  }

  loadControl(job: string): Promise<ControlView | undefined> {
    return Promise.resolve(this.kept.get(job)?.control);
  }

  loadLog(job: string): Promise<readonly StoredVerdict[]> {
    return Promise.resolve(this.at(job).log);
  }

  jobs(): Promise<readonly string[]> {
    return Promise.resolve([...this.kept.keys()]);
  }

  addTrigger(job: string, trigger: TriggerNode): ReturnType<JobStore['addTrigger']> {
    const { view, triggers, told } = this.at(job);
    if (view === undefined) return Promise.resolve('no job');
    if (triggers.has(trigger.id)) return Promise.resolve('exists');
    const record = addTrigger(view.record, trigger.id);
    if (record === undefined) return Promise.resolve('full');
    this.put(job, record, undefined, view.createdMs);
    triggers.set(trigger.id, trigger);
    told.tell();
    return Promise.resolve('added');
  }

  loadTrigger(job: string, id: string): Promise<TriggerNode | undefined> {
    return Promise.resolve(this.at(job).triggers.get(id));
  }

  loadResult(job: string, id: string): Promise<KeptResult | undefined> {
    if (this.isDetached) return Promise.reject(new NotConnectedError({ ms: 0, state: { kind: 'connecting' } as never }));
    const result = this.at(job).results.get(id);
    return Promise.resolve(result && decodeResult(encodeResult(result)));
  }

  triggers(job: string, limit: number): Promise<readonly TriggerNode[]> {
    return Promise.resolve([...(this.kept.get(job)?.triggers.values() ?? [])].slice(-limit));
  }

  loadTriggerAndRecord(job: string, id: string): Promise<TriggerAndRecord | undefined> {
    const { view, triggers } = this.at(job);
    const trigger = triggers.get(id);
    return Promise.resolve(view && trigger && { view, trigger });
  }

  watchTrigger(job: string, _id: string, listener: () => void): () => void {
    return this.at(job).told.add(listener);
  }

  watchControl(job: string, listener: () => void): () => void {
    return this.at(job).told.add(listener);
  }

  watchRecord(job: string, listener: () => void): () => void {
    return this.at(job).told.add(listener);
  }

  watchMembers(): () => void {
    return () => undefined;
  }

  remove(job: string): Promise<void> {
    this.kept.delete(job);
    return Promise.resolve();
  }

  repair(job: string, { record, control, end }: RecordRepair): ReturnType<JobStore['repair']> {
    this.beforeWrite();
    const kept = this.at(job);
    if (kept.problem === undefined) return Promise.resolve('readable');
    for (const [id, node] of kept.triggers) if (isOpen(node)) kept.triggers.set(id, next(node, endBy(id, end(node))));
    if (kept.control?.version !== control.view.version) return Promise.resolve('moved');
    kept.problem = undefined;
    kept.control = { control: control.control, version: (this.versions += 1) };
    kept.view = { record, version: (this.versions += 1), createdMs: 0, czxid: 1n };
    return Promise.resolve('repaired');
  }

  ensembleMs(): Promise<number> {
    return Promise.resolve(this.clockMs);
  }

  loadNote(job: string, note: string): Promise<unknown> {
    return Promise.resolve(this.at(job).notes.get(note));
  }

  saveNote(job: string, note: string, encoded: Buffer): Promise<void> {
    this.at(job).notes.set(note, JSON.parse(encoded.toString('utf8')));
    return Promise.resolve();
  }

  members(): Promise<readonly MemberView[]> {
    return Promise.resolve(this.alive);
  }

  private at(job: string): Kept {
    const found = this.kept.get(job);
    if (found !== undefined) return found;
    const made: Kept = {
      view: undefined,
      problem: undefined,
      control: undefined,
      log: [],
      triggers: new Map(),
      results: new Map(),
      notes: new Map(),
      told: new Listeners(),
    };
    this.kept.set(job, made);
    return made;
  }
}

const NOTHING: JobRecord = {
  schedule: undefined,
  cursor: undefined,
  running: [],
  triggers: [],
  pausedMs: undefined,
  resumedMs: undefined,
  recent: [],
  succeededMs: undefined,
  alarmedMs: undefined,
};

const CONTROL: JobControl = { declared: [], inForce: { from: 'code', version: '1.0' }, audit: [] };

export const HOURLY = { cronTime: '0 0 * * * *', timeZone: 'UTC' };
export const DAILY = { cronTime: '0 0 2 * * *', timeZone: 'UTC' };

export function declared(version: string, change: Partial<Declaration> = {}): Declaration {
  return {
    version,
    schedule: HOURLY,
    kind: 'cron',
    claim: 'tick',
    election: `Accounts:${version}`,
    maxSilenceMs: undefined,
    disabled: false,
    ...change,
  };
}

/** A candidate of this version that lives and has these jobs. */
export function member(version: string, jobs: readonly string[] | undefined, address = `10.0.0.1:${version.replace('.', '')}`): MemberView {
  return { name: `version~${version}-${address}`, address, version, jobs };
}

export const ms = (text: string): number => Date.parse(text);

/** The nominal time of a tick in UTC is the due one. */
export const tick = (text: string): { dueMs: number; nominalMs: number } => ({ dueMs: ms(text), nominalMs: ms(text) });
