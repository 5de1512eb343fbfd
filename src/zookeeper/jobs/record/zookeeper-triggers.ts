import type { Session } from '../../session/session.js';
import { isZooKeeperError } from '../../wire/errors.js';
import { reattached } from './connection.js';
import { encodeControl } from './control-codec.js';
import { isForgotten } from './forgotten.js';
import { MAX_WAITING_TRIGGERS, type JobRecord } from './job-record.js';
import { EMPTY_CONTROL, type Standing, type TriggerNode } from './job-store.js';
import type { JobZnodes } from './job.znodes.js';
import { decodeRecord, encodeRecord } from './record-codec.js';
import { hasRoomForTrigger } from './room.js';
import { decodeTrigger, encodeTrigger } from './trigger-codec.js';
import { place } from './verdict-log.js';
import { childrenOf, getOrUndefined, logOperation, type WriteParts } from './zookeeper-write.js';

/** How many nodes of triggers that are over are kept for each job, so that a repeated request finds its answer. */
export const MAX_KEPT_TRIGGERS = 100;
const MAX_ROUNDS = 50;

/**
 * Makes the trigger's node, adds its id to the record and touches the control node, which the master watches: all or nothing. Verdicts whose room the id
 * needs move to the log with it. The node's name is the id, so the same request twice is one trigger.
 */
export async function addTrigger(
  session: Session,
  parts: WriteParts,
  job: string,
  trigger: TriggerNode,
): Promise<'added' | 'exists' | 'full' | 'no job' | 'contended'> {
  const { znodes } = parts;
  const data = encodeTrigger(trigger);
  const path = znodes.trigger(job, trigger.id);
  let replyLost = false;
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    try {
      const [read, control] = await Promise.all([
        getOrUndefined(session, znodes.record(job)),
        getOrUndefined(session, znodes.control(job)),
      ]);
      const { record } = read === undefined ? { record: undefined } : decodeRecord(read.data);
      if (read === undefined || record === undefined) return 'no job';
      if (control === undefined) {
        // Somebody has deleted it: the job goes on without what it told.
        await createIfMissing(session, znodes.control(job), encodeControl(EMPTY_CONTROL));
        continue;
      }
      const known = await getOrUndefined(session, path);
      if (known !== undefined) return replyLost && known.data.equals(data) ? 'added' : 'exists';
      if (record.triggers.length >= MAX_WAITING_TRIGGERS || !hasRoomForTrigger(record, trigger.id)) return 'full';
      const placed = place({ ...record, triggers: [...record.triggers, trigger.id] }, []);
      await session.multi([
        { kind: 'create', path, data, mode: 'persistent' },
        { kind: 'set', path: znodes.record(job), data: encodeRecord(placed.record), version: read.stat.version },
        { kind: 'set', path: znodes.control(job), data: control.data, version: control.stat.version },
        ...(placed.moved.length === 0 ? [] : [await logOperation(session, parts, job, placed.moved)]),
      ]);
      void removeOld(session, znodes, job).catch(() => undefined);
      return 'added';
    } catch (thrown) {
      if (isZooKeeperError(thrown) && thrown.outcomeUnknown) {
        replyLost ||= thrown.details.operation === 'multi';
        if (!(await reattached(session))) throw thrown;
      } else if (isZooKeeperError(thrown, 'no-node') && thrown.details.opIndex === 0) {
        await createIfMissing(session, znodes.triggers(job), Buffer.alloc(0));
      } else if (!isZooKeeperError(thrown, 'bad-version', 'node-exists', 'no-node')) throw thrown;
    }
  }
  return 'contended';
}

/** Makes a node unless it is there. True: made. */
export async function createIfMissing(session: Session, path: string, data: Buffer): Promise<boolean> {
  try {
    await session.create(path, data, 'persistent');
    return true;
  } catch (thrown) {
    if (isZooKeeperError(thrown, 'node-exists')) return false;
    throw thrown;
  }
}

/**
 * A trigger's node and the record change in one transaction, but are read one after the other. A node that is the same before and after the record was read
 * is what it was at that instant. All three reads are of one session, which never sees anything older than before.
 */
export async function loadStanding(session: Session, znodes: JobZnodes, job: string, id: string): Promise<Standing | undefined> {
  const path = znodes.trigger(job, id);
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const [before, record, after] = await Promise.all([path, znodes.record(job), path].map((each) => getOrUndefined(session, each)));
    if (before?.stat.version === after?.stat.version && before?.stat.czxid === after?.stat.czxid) return standingOf(after, record);
  }
  return undefined;
}

type Read = Awaited<ReturnType<typeof getOrUndefined>>;

function standingOf(node: Read, read: Read): Standing | undefined {
  if (node === undefined || read === undefined) return undefined;
  const { trigger } = decodeTrigger(node.data);
  const { record } = decodeRecord(read.data);
  const { version, ctimeMs, czxid } = read.stat;
  return trigger && record && { view: { record, version, createdMs: ctimeMs, czxid }, trigger };
}

/** Best effort: what is left is removed with the next trigger. Only nodes that are still as they were read, before the record was, are removed. */
async function removeOld(session: Session, znodes: JobZnodes, job: string): Promise<void> {
  const names = await childrenOf(session, znodes.triggers(job));
  if (names.length <= MAX_KEPT_TRIGGERS) return;
  const nodes = await Promise.all(names.map(async (name) => ({ name, read: await getOrUndefined(session, znodes.trigger(job, name)) })));
  const read = await getOrUndefined(session, znodes.record(job));
  const { record } = read === undefined ? { record: undefined } : decodeRecord(read.data);
  if (record === undefined) return;
  const over = nodes
    .flatMap((node) => (node.read !== undefined && isOver(record, node.read.data) ? [{ name: node.name, ...node.read.stat }] : []))
    .toSorted((a, b) => Number(a.czxid - b.czxid));
  for (const { name, version } of over.slice(0, names.length - MAX_KEPT_TRIGGERS)) await session.delete(znodes.trigger(job, name), version);
}

function isOver(record: JobRecord, data: Buffer): boolean {
  const { trigger } = decodeTrigger(data);
  return trigger === undefined || trigger.state === 'ended' || trigger.state === 'refused' || isForgotten(record, trigger);
}
