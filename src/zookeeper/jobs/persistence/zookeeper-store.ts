import type { Fence } from '../../mastership/election/held-tenure.js';
import { makeParents } from '../../session/parents.js';
import { decodeMember } from '../../recipes/membership/member-codec.js';
import type { Session, Sessions } from '../../session/session.js';
import type { Clock } from '../../support/clock.js';
import { ClusterCronError } from '../../support/errors.js';
import { invariant } from '../../support/invariant.js';
import type { Observer } from '../../support/observer.js';
import { UNCOMPARABLE } from '../../wire/compare-and-set.js';
import { isZooKeeperError } from '../../wire/errors.js';
import { ANY_VERSION, type Op } from '../../wire/operations.js';
import { connected, connectedWithin, type Waiting } from '../../session/connected.js';
import { decodeControl, encodeControl } from './codec/control-codec.js';
import { EMPTY_RECORD, type JobRecord } from '../record/job-record.js';
import type { Change, JobStore, LoadedRecord, MemberView, RecordRepair, WriteResult } from './job-store.js';
import { EMPTY_CONTROL, type ControlView, type JobControl } from '../record/job-control.js';
import { jobZnodes, type JobZnodes } from './job.znodes.js';
import { watchForAbsence, watchNode } from '../../session/repeated-watch.js';
import { decodeRecord, encodeRecord } from './codec/record-codec.js';
import type { KeptResult } from '../run/run-result.js';
import type { TriggerAndRecord, TriggerNode } from '../record/trigger.state.js';
import type { StoredVerdict } from '../record/verdict.js';
import { repair } from './zookeeper-repair.js';
import { loadLog } from './zookeeper-log.js';
import { loadResult } from './zookeeper-results.js';
import { childrenOf, createIfMissing, getOrUndefined, removeTree } from '../../session/nodes.js';
import { addTrigger, loadTriggerAndRecord, loadTrigger, newestTriggers } from './zookeeper-triggers.js';
import { RecordWriter, type WriteParts } from './zookeeper-write.js';

/** What the store needs. */
export interface ZookeeperJobStoreParts {
  readonly sessions: Sessions;
  readonly rootPath: string;
  readonly service: string;
  readonly clock: Clock;
  readonly observer: Observer;
}

/** A node that only this library writes has been written over by hand. */
export class UnreadableNodeError extends ClusterCronError {
  constructor(path: string, problem: string) {
    super('ZK_UNREADABLE_NODE', `The node ${path} cannot be read: ${problem}. It was edited by hand; set or delete it.`);
  }
}

const EMPTY = Buffer.alloc(0);
const MAX_ROUNDS = 20;

/**
 * The decisions about the jobs of one service, in ZooKeeper. Without a session: `ready` waits, `write` answers
 * `'unsent'`, watches begin later, the rest rejects.
 */
export class ZookeeperJobStore implements JobStore {
  private readonly znodes: JobZnodes;
  private readonly writing: WriteParts;
  private readonly writer: RecordWriter;

  constructor(private readonly parts: ZookeeperJobStoreParts) {
    const { sessions, observer } = parts;
    this.znodes = jobZnodes(parts);
    const logLost = (job: string, problem: string): void => {
      const message = `The log of verdicts of job "${job}" cannot be read (${problem}); it is begun anew.`;
      observer.observe({ level: 'warn', event: 'job.log-lost', message, fields: { job } });
    };
    this.writing = { sessions, clock: parts.clock, znodes: this.znodes, logLost };
    this.writer = new RecordWriter(this.writing);
  }

  async ready(waiting: Waiting): Promise<void> {
    await connectedWithin(this.parts.sessions, this.parts.clock, waiting);
  }

  async load(job: string): Promise<LoadedRecord> {
    const read = await getOrUndefined(await this.session(), this.znodes.record(job));
    if (read === undefined) return { kind: 'missing' };
    const { record, problem } = decodeRecord(read.data);
    if (record === undefined) return { kind: 'unreadable', problem };
    const { version, ctimeMs, czxid } = read.stat;
    if (version === ANY_VERSION) return { kind: 'unreadable', problem: `${UNCOMPARABLE}; write its present data again by hand` };
    return { kind: 'found', view: { record, version, createdMs: ctimeMs, czxid } };
  }

  write(job: string, change: Change, signal?: AbortSignal): Promise<WriteResult> {
    return this.writer.write(job, change, signal);
  }

  /** The record and what is below it come in one transaction, so that nobody finds one without the other. */
  create(job: string, record: JobRecord, control: JobControl): Promise<void> {
    return this.createWithin(MAX_ROUNDS, job, record, control);
  }

  /** Somebody who wipes the tree all the while is outlasted for some rounds. */
  private async createWithin(rounds: number, job: string, record: JobRecord, control: JobControl): Promise<void> {
    const session = await this.session();
    const { znodes } = this;
    const operations = [
      creation(znodes.record(job), encodeRecord(record)),
      creation(znodes.control(job), encodeControl(control)),
      creation(znodes.verdicts(job), EMPTY),
      creation(znodes.triggers(job), EMPTY),
    ];
    try {
      await session.multi(operations);
    } catch (thrown) {
      if (isZooKeeperError(thrown, 'no-node') && rounds > 0) {
        await makeParents(session, znodes.parents);
        return this.createWithin(rounds - 1, job, record, control);
      }
      if (!isZooKeeperError(thrown, 'node-exists')) throw thrown;
      await createIfMissing(session, znodes.control(job), encodeControl(control));
    }
  }

  async loadControl(job: string): Promise<ControlView | undefined> {
    const path = this.znodes.control(job);
    const read = await getOrUndefined(await this.session(), path);
    if (read === undefined) return undefined;
    const { control, problem } = decodeControl(read.data);
    if (control !== undefined) return { control, version: read.stat.version };
    this.parts.observer.observe({
      level: 'warn',
      event: 'job.control-lost',
      message: `The node ${path} cannot be read (${problem}): what versions have declared and operators have ordered begins anew.`,
      fields: { job },
    });
    return { control: EMPTY_CONTROL, version: read.stat.version };
  }

  watchControl(job: string, listener: () => void): () => void {
    return watchNode(this.parts, this.znodes.control(job), listener);
  }

  watchRecord(job: string, listener: () => void): () => void {
    return watchNode(this.parts, this.znodes.record(job), listener);
  }

  async loadLog(job: string): Promise<readonly StoredVerdict[]> {
    return loadLog(await this.session(), this.znodes, job);
  }

  async jobs(): Promise<readonly string[]> {
    return childrenOf(await this.session(), this.znodes.folder);
  }

  async addTrigger(job: string, trigger: TriggerNode): ReturnType<JobStore['addTrigger']> {
    return addTrigger(await this.session(), this.writing, job, trigger);
  }

  async loadTrigger(job: string, id: string): Promise<TriggerNode | undefined> {
    return loadTrigger(await this.session(), this.znodes, job, id);
  }

  async loadResult(job: string, id: string): Promise<KeptResult | undefined> {
    return loadResult(await this.session(), this.znodes, job, id);
  }

  async triggers(job: string, limit: number): Promise<readonly TriggerNode[]> {
    return newestTriggers(await this.session(), this.znodes, job, limit);
  }

  async loadTriggerAndRecord(job: string, id: string): Promise<TriggerAndRecord | undefined> {
    return loadTriggerAndRecord(await this.session(), this.znodes, job, id);
  }

  watchTrigger(job: string, id: string, listener: () => void): () => void {
    return watchNode(this.parts, this.znodes.trigger(job, id), listener);
  }

  /** What is made below it meanwhile is removed in a further round. */
  async remove(job: string): Promise<void> {
    const session = await this.session();
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      try {
        await removeTree(session, this.znodes.record(job));
        return;
      } catch (thrown) {
        if (!isZooKeeperError(thrown, 'not-empty')) throw thrown;
      }
    }
    throw new ClusterCronError(
      'ZK_JOB_BUSY',
      `Job "${job}" could not be removed, because nodes were made below it all the while. Try again.`,
    );
  }

  async repair(job: string, change: RecordRepair): ReturnType<JobStore['repair']> {
    return repair(await this.session(), this.znodes, job, change);
  }

  /** The first time the folder of the jobs is written to, which changes nothing in it. */
  async ensembleMs(): Promise<number> {
    const session = await this.session();
    const knownMs = session.ensembleTimeMs();
    if (knownMs !== undefined) return knownMs;
    try {
      await session.set(this.znodes.folder, EMPTY, ANY_VERSION);
    } catch (thrown) {
      if (!isZooKeeperError(thrown, 'no-node')) throw thrown;
      await makeParents(session, this.znodes.parents);
      await session.set(this.znodes.folder, EMPTY, ANY_VERSION);
    }
    const ensembleMs = session.ensembleTimeMs();
    invariant(ensembleMs !== undefined, 'a write was acknowledged without a time');
    return ensembleMs;
  }

  /** Behind a sync: whoever reads after another replica's write was acknowledged sees it. */
  async loadNote(job: string, note: 'checkpoint' | 'progress'): Promise<unknown> {
    const session = await this.session();
    const path = this.znodes.note(job, note);
    if (note === 'checkpoint') await session.sync(path);
    const read = await getOrUndefined(session, path);
    if (read === undefined || read.data.length === 0) return undefined;
    try {
      return JSON.parse(read.data.toString('utf8'));
    } catch {
      if (note === 'progress') return undefined;
      throw new UnreadableNodeError(path, 'it is not JSON');
    }
  }

  async saveNote(job: string, note: 'checkpoint' | 'progress', encoded: Buffer, fence: Fence | undefined, mayCreate = true): Promise<void> {
    const session = fence?.session ?? (await this.session());
    const path = this.znodes.note(job, note);
    const checks = fence?.workChecks() ?? [];
    try {
      await session.multi([...checks, { kind: 'set', path, data: encoded, version: ANY_VERSION }]);
    } catch (thrown) {
      const isMissing = isZooKeeperError(thrown, 'no-node') && thrown.details.opIndex === checks.length;
      if (!isMissing) throw thrown;
      await this.createNote(session, job, { kind: 'create', path, data: encoded, mode: 'persistent' }, checks, mayCreate);
    }
  }

  async members(read?: 'latest'): Promise<readonly MemberView[]> {
    const session = await this.session();
    const { members } = this.znodes;
    if (read === 'latest') await session.sync(members);
    const names = await childrenOf(session, members);
    const found = await Promise.all(names.map(async (name) => memberView(name, await getOrUndefined(session, `${members}/${name}`))));
    return found.filter((member) => member !== undefined);
  }

  watchMembers(names: readonly string[], listener: () => void): () => void {
    const paths = names.map((name) => `${this.znodes.members}/${name}`);
    return watchForAbsence(this.parts, paths, listener);
  }

  /** A method that is no scheduled job has no record yet; its checkpoint brings one. */
  private async createNote(session: Session, job: string, create: Op, checks: readonly Op[], mayCreate: boolean): Promise<void> {
    try {
      await session.multi([...checks, create]);
    } catch (thrown) {
      if (isZooKeeperError(thrown, 'node-exists'))
        return session.multi([...checks, { ...create, kind: 'set', version: ANY_VERSION } as Op]).then(() => undefined);
      if (!mayCreate || !isZooKeeperError(thrown, 'no-node') || thrown.details.opIndex !== checks.length) throw thrown;
      await this.create(job, EMPTY_RECORD, EMPTY_CONTROL);
      await session.multi([...checks, create]);
    }
  }

  private session(): Promise<Session> {
    return connected(this.parts.sessions);
  }
}

function creation(path: string, data: Buffer): Op {
  return { kind: 'create', path, data, mode: 'persistent' };
}

/** One that was written over by hand, or is just being made, lives, and that is all that is known of it. */
function memberView(name: string, read: { readonly data: Buffer } | undefined): MemberView | undefined {
  if (read === undefined) return undefined;
  const { address = '', version = '', jobs } = decodeMember(read.data);
  return { name, address, version, jobs };
}
