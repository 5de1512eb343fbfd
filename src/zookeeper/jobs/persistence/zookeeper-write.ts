import type { Session, Sessions } from '../../session/session.js';
import { isZooKeeperError, type ZooKeeperError } from '../../wire/errors.js';
import { compareAndSet, versionAfter } from '../../wire/compare-and-set.js';
import type { Op } from '../../wire/operations.js';
import { encodeControl } from './codec/control-codec.js';
import type { JobZnodes } from './job.znodes.js';
import type { JobRecord, JobView } from '../record/job-record.js';
import type { Change, WriteResult } from './job-store.js';
import { connected, NotConnectedError } from '../../session/connected.js';
import { encodeRecord } from './codec/record-codec.js';
import { decodeTrigger, encodeTrigger } from './codec/trigger-codec.js';
import { next } from '../record/trigger.state.js';
import { endsWith, place } from './verdict-log.js';
import type { StoredVerdict } from '../record/verdict.js';
import { logOperations } from './zookeeper-log.js';
import { resultOperations } from './zookeeper-results.js';
import { writeOnce } from '../../session/conditional-write.js';
import { getOrUndefined } from '../../session/nodes.js';
import type { Clock } from '../../support/clock.js';
import { unreachable } from '../../support/invariant.js';

/** How often a write is made anew because something beside the record (its log, a trigger's node) has moved. */
const MAX_ROUNDS = 10;
/** Bytes of triggers in one transaction beyond which those that end in it lose their input. */
const MAX_ENDED_INPUTS = 131_072;
const UNKNOWN = { kind: 'unknown' } as const;

/** What every write needs. */
export interface WriteParts {
  readonly sessions: Sessions;
  readonly clock: Clock;
  readonly znodes: JobZnodes;
  /** Told when a log cannot be read and is begun anew. */
  readonly logLost: (job: string, problem: string) => void;
}

interface Prepared {
  readonly operations: readonly Op[];
  /** Those before are the checks of the tenure. */
  readonly recordFrom: number;
  /** Up to here it is the record that is written; the last of these answers with its stat. */
  readonly recordTo: number;
  /** And up to here the control node that goes with it. */
  readonly controlTo: number;
}

/**
 * One change of a job's record as one transaction: the checks of the tenure, the record, and whatever else moves with
 * it. Answers exactly what became of it.
 *
 * Also when the reply is lost (session/conditional-write.ts): the record that is read then is ours if its bytes and its
 * version are, and the end of the log where it has grown, since what it replaced is named in every write, claims have
 * random names, and verdicts say who has given them. If somebody has moved it on since, or the session ends before it
 * is known, the answer is `'unknown'`: the caller reads the record again and gives back its claim if that is in it.
 */
export class RecordWriter {
  constructor(private readonly parts: WriteParts) {}

  async write(job: string, change: Change, signal?: AbortSignal): Promise<WriteResult> {
    const session = await this.sessionFor(change, signal);
    if (session === undefined) return { kind: 'unsent' };
    const { record, moved } = place(change.record, change.verdicts);
    let prepared: Prepared | undefined;
    const outcome = await writeOnce<WriteResult>(
      session,
      {
        path: this.parts.znodes.record(job),
        isPatient: false,
        maxTries: MAX_ROUNDS,
        send: async (replyLost) => {
          prepared = undefined;
          prepared = await this.prepare(session, job, change, record, moved);
          if (prepared === undefined) return replyLost ? UNKNOWN : { kind: 'moved' };
          const result = (await session.multi(prepared.operations))[prepared.recordTo - 1];
          if (result?.kind !== 'set') throw new TypeError('a transaction answered without the stat of the record');
          const { stat } = result;
          return { kind: 'written', view: { record, version: stat.version, createdMs: stat.ctimeMs, czxid: stat.czxid } };
        },
        meaningOf: (answer) => MEANING[refusalOf(answer, prepared) ?? 'none'],
        find: () => this.find(session, job, change.view, record, moved.at(-1)),
      },
      signal,
    );
    switch (outcome.kind) {
      case 'done':
        return outcome.value;
      case 'refused':
        return { kind: refusalOf(outcome.error, prepared) === 'refused' ? 'refused' : 'moved' };
      case 'unsent':
        return { kind: 'unsent' };
      case 'unknown':
        return UNKNOWN;
      case 'contended':
        return outcome.mayBeDone ? UNKNOWN : { kind: 'moved' };
      default:
        return unreachable(outcome);
    }
  }

  private async sessionFor({ fence }: Change, signal?: AbortSignal): Promise<Session | undefined> {
    if (fence !== undefined) return fence.session.ended.aborted ? undefined : fence.session;
    try {
      return await connected(this.parts.sessions, signal);
    } catch (thrown) {
      if (thrown instanceof NotConnectedError) return undefined;
      throw thrown;
    }
  }

  private async prepare(
    session: Session,
    job: string,
    change: Change,
    record: JobRecord,
    moved: readonly StoredVerdict[],
  ): Promise<Prepared | undefined> {
    const { znodes } = this.parts;
    const checks = change.fence?.startChecks() ?? [];
    const { view, control } = change;
    const operations: Op[] = [...checks, ...compareAndSet(znodes.record(job), encodeRecord(record), view.version)];
    const recordTo = operations.length;
    if (control !== undefined) operations.push(...compareAndSet(znodes.control(job), encodeControl(control.control), control.view.version));
    const controlTo = operations.length;
    if (moved.length > 0) operations.push(...(await logOperations(session, this.parts, job, moved, record)));
    const triggers = await this.triggerOperations(session, job, change.triggers);
    if (triggers === undefined) return undefined;
    const results = await resultOperations(session, znodes, job, change.triggers);
    return { operations: [...operations, ...triggers, ...results], recordFrom: checks.length, recordTo, controlTo };
  }

  /**
   * A trigger whose node is gone, or was written over by hand, has nobody left to be told; but it cannot be made to
   * wait again (undefined). Together they stay far below what ZooKeeper takes in one request, 1 MiB: of those that have
   * ended the inputs, which nobody reads any more, go when they are much.
   */
  private async triggerOperations(session: Session, job: string, changes: Change['triggers']): Promise<readonly Op[] | undefined> {
    const operations: Op[] = [];
    let inputs = 0;
    for (const change of changes) {
      const { state } = change;
      const path = this.parts.znodes.trigger(job, change.id);
      const read = await getOrUndefined(session, path);
      const { trigger } = read === undefined ? { trigger: undefined } : decodeTrigger(read.data);
      if (read === undefined || trigger === undefined) {
        if (state === 'waiting') return undefined;
        continue;
      }
      inputs += read.data.length;
      const input = state === 'ended' && inputs > MAX_ENDED_INPUTS ? undefined : trigger.input;
      operations.push(...compareAndSet(path, encodeTrigger(next({ ...trigger, input }, change)), read.stat.version));
    }
    return operations;
  }

  /**
   * What became of a write whose reply was lost; undefined: it did not happen. `logged`: the last verdict that it has
   * put into the log. Without that in it, a record is the same whoever has decided so, as when two replicas leave out
   * the same tick: then the log tells whose decision it was.
   */
  private async find(
    session: Session,
    job: string,
    view: JobView,
    record: JobRecord,
    logged: StoredVerdict | undefined,
  ): Promise<WriteResult | undefined> {
    const read = await getOrUndefined(session, this.parts.znodes.record(job));
    if (read === undefined || read.stat.czxid !== view.czxid) return undefined;
    const { version, ctimeMs, czxid } = read.stat;
    if (version === view.version) return undefined;
    if (version !== versionAfter(view.version)) return UNKNOWN;
    if (!read.data.equals(encodeRecord(record))) return undefined;
    if (logged !== undefined) {
      const log = await getOrUndefined(session, this.parts.znodes.verdicts(job));
      // Somebody has written both since, or the log alone by hand.
      if (log?.stat.mzxid !== read.stat.mzxid) return UNKNOWN;
      if (!endsWith(log.data, logged)) return undefined;
    }
    return { kind: 'written', view: { record, version, createdMs: ctimeMs, czxid } };
  }
}

/**
 * What a refusal says of: the tenure, the record (or the control node that goes with it), or something beside them.
 * Undefined: the answer is no refusal.
 */
function refusalOf(answer: ZooKeeperError, prepared: Prepared | undefined): 'refused' | 'moved' | 'beside' | undefined {
  const at = answer.details.opIndex;
  if (!isZooKeeperError(answer, 'no-node', 'bad-version', 'node-exists') || prepared === undefined || at === undefined) return undefined;
  if (at < prepared.recordFrom) return 'refused';
  return at < prepared.controlTo ? 'moved' : 'beside';
}

const MEANING = { refused: 'the change', moved: 'the change', beside: 'something beside it', none: 'no refusal' } as const;
