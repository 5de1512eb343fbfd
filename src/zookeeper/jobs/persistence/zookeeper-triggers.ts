import type { Session } from '../../session/session.js';
import { compareAndSet } from '../../wire/compare-and-set.js';
import { sleep } from '../../support/abort.js';
import { backoffMs } from '../../support/backoff.js';
import { isZooKeeperError } from '../../wire/errors.js';
import type { Op } from '../../wire/operations.js';
import { addTrigger as withTrigger } from '../record/changes.js';
import { writeOnce } from '../../session/conditional-write.js';
import { encodeControl } from './codec/control-codec.js';
import { EMPTY_CONTROL } from '../record/job-control.js';
import type { JobZnodes } from './job.znodes.js';
import { decodeRecord, encodeRecord } from './codec/record-codec.js';
import { decodeTrigger, encodeTrigger } from './codec/trigger-codec.js';
import { toKeepOf, type TriggerAndRecord, type TriggerNode } from '../record/trigger.state.js';
import { place } from './verdict-log.js';
import { archive, findKey, removeKey, remembering, removeOldKeys } from './zookeeper-keys.js';
import { logOperations } from './zookeeper-log.js';
import { removeOrphanedResults, resultRemoval } from './zookeeper-results.js';
import { childrenOf, createIfMissing, getOrUndefined } from '../../session/nodes.js';
import type { WriteParts } from './zookeeper-write.js';

/**
 * How many triggers of each job are kept with their input at least; of older ones that are over the id and the answer
 * are (zookeeper-keys.ts).
 */
export const MAX_KEPT_TRIGGERS = 100;
/**
 * How many more there are before the oldest are removed, all of these together: which ones those are takes a look at
 * each node.
 */
export const REMOVED_AT_ONCE = 20;
const MAX_ROUNDS = 50;
/**
 * A busy job's record moves a few times a second, and those who ask for many runs at once move it as fast as ZooKeeper
 * takes it.
 */
const FIRST_PAUSE_MS = 5;
const MAX_PAUSE_MS = 200;

type AddedTrigger = 'added' | 'exists' | 'full' | 'no job';

/**
 * Makes the trigger's node, adds its id to the record and touches the control node, which the master watches: all
 * or nothing. Verdicts whose room the id needs move to the log with it. The node's name is the id, so the same
 * request twice is one trigger.
 */
export async function addTrigger(
  session: Session,
  parts: WriteParts,
  job: string,
  trigger: TriggerNode,
): Promise<AddedTrigger | 'contended'> {
  const path = parts.znodes.trigger(job, trigger.id);
  let hasNoFolder = false;
  const outcome = await writeOnce<AddedTrigger>(session, {
    path,
    isPatient: true,
    maxTries: MAX_ROUNDS,
    async send(replyLost) {
      if (hasNoFolder) await createIfMissing(session, parts.znodes.triggers(job), Buffer.alloc(0));
      return sendTrigger(session, parts, job, trigger, replyLost);
    },
    // A session that ends meanwhile is told by the next attempt.
    pause: (tries) => sleep(parts.clock, backoffMs(tries - 1, FIRST_PAUSE_MS, MAX_PAUSE_MS), session.ended).catch(() => undefined),
    // Whoever sends it again looks before whether it is there.
    meaningOf(answer) {
      if (!isZooKeeperError(answer, 'bad-version', 'node-exists', 'no-node')) return 'no refusal';
      hasNoFolder = answer.reason === 'no-node' && answer.details.opIndex === 0;
      return 'something beside it';
    },
    find: () => Promise.resolve(undefined),
  });
  if (outcome.kind === 'contended') return 'contended';
  if (outcome.kind !== 'done') throw outcome.error;
  if (outcome.value === 'added') void removeOld(session, parts.znodes, job, trigger.atMs).catch(() => undefined);
  return outcome.value;
}

async function sendTrigger(
  session: Session,
  parts: WriteParts,
  job: string,
  trigger: TriggerNode,
  replyLost: boolean,
): Promise<AddedTrigger> {
  const { znodes } = parts;
  const data = encodeTrigger(trigger);
  const path = znodes.trigger(job, trigger.id);
  const [read, found] = await Promise.all([getOrUndefined(session, znodes.record(job)), getOrUndefined(session, znodes.control(job))]);
  const { record } = read === undefined ? { record: undefined } : decodeRecord(read.data);
  if (read === undefined || record === undefined) return 'no job';
  const control = found === undefined ? await newControl(session, znodes.control(job)) : { data: found.data, version: found.stat.version };
  const known = await getOrUndefined(session, path);
  if (known !== undefined) return replyLost && known.data.equals(data) ? 'added' : 'exists';
  if ((await findKey(session, znodes, job, trigger.id)) !== undefined) return 'exists';
  const longer = withTrigger(record, trigger.id);
  if (longer === undefined) return 'full';
  const placed = place(longer, []);
  await session.multi([
    { kind: 'create', path, data, mode: 'persistent' },
    ...compareAndSet(znodes.record(job), encodeRecord(placed.record), read.stat.version),
    ...compareAndSet(znodes.control(job), control.data, control.version),
    ...(await remembering(session, znodes, job, trigger, undefined)),
    ...(placed.moved.length === 0 ? [] : await logOperations(session, parts, job, placed.moved, placed.record)),
  ]);
  return 'added';
}

/**
 * Somebody has deleted it: the job goes on without what it told. When another replica makes it first, and changes it,
 * the transaction is refused.
 */
async function newControl(session: Session, path: string): Promise<{ readonly data: Buffer; readonly version: number }> {
  const data = encodeControl(EMPTY_CONTROL);
  await createIfMissing(session, path, data);
  return { data, version: 0 };
}

/** What is known of a trigger: its node, or what was kept of it when that went. */
export async function loadTrigger(session: Session, znodes: JobZnodes, job: string, id: string): Promise<TriggerNode | undefined> {
  const read = await getOrUndefined(session, znodes.trigger(job, id));
  return read === undefined ? (await findKey(session, znodes, job, id))?.trigger : decodeTrigger(read.data).trigger;
}

/**
 * The newest of those that have a node, oldest first. Looks at the nodes before it reads these,
 * because their inputs are large.
 */
export async function newestTriggers(session: Session, znodes: JobZnodes, job: string, limit: number): Promise<readonly TriggerNode[]> {
  const newest = (await oldestFirst(session, znodes, job, await childrenOf(session, znodes.triggers(job)))).slice(-limit);
  const reads = await Promise.all(newest.map((name) => getOrUndefined(session, znodes.trigger(job, name))));
  return reads.flatMap((read) => (read === undefined ? [] : (decodeTrigger(read.data).trigger ?? [])));
}

async function oldestFirst(session: Session, znodes: JobZnodes, job: string, names: readonly string[]): Promise<readonly string[]> {
  const stats = await Promise.all(names.map(async (name) => ({ name, stat: await session.exists(znodes.trigger(job, name)) })));
  return stats
    .flatMap(({ name, stat }) => (stat === undefined ? [] : [{ name, czxid: stat.czxid }]))
    .toSorted((a, b) => Number(a.czxid - b.czxid))
    .map(({ name }) => name);
}

/**
 * A trigger's node and the record change in one transaction, but are read one after the other. A node that is the same
 * before and after the record was read is what it was at that instant. All three reads are of one session, which never
 * sees anything older than before.
 */
export async function loadTriggerAndRecord(
  session: Session,
  znodes: JobZnodes,
  job: string,
  id: string,
): Promise<TriggerAndRecord | undefined> {
  const path = znodes.trigger(job, id);
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const [before, record, after] = await Promise.all([path, znodes.record(job), path].map((each) => getOrUndefined(session, each)));
    if (before?.stat.version !== after?.stat.version || before?.stat.czxid !== after?.stat.czxid) continue;
    // What has no node of its own any more changes no more.
    const trigger = after === undefined ? (await findKey(session, znodes, job, id))?.trigger : decodeTrigger(after.data).trigger;
    return bothOf(trigger, record);
  }
  return undefined;
}

type Read = Awaited<ReturnType<typeof getOrUndefined>>;

function bothOf(trigger: TriggerNode | undefined, read: Read): TriggerAndRecord | undefined {
  if (trigger === undefined || read === undefined) return undefined;
  const { record } = decodeRecord(read.data);
  const { version, ctimeMs, czxid } = read.stat;
  return record && { view: { record, version, createdMs: ctimeMs, czxid }, trigger };
}

/**
 * Best effort: what is left is removed with the next trigger. The oldest that are over go, as they were read, before
 * the record was. One that was refused or forgotten before it started has not run and may be asked for anew, so nothing
 * of it is kept; of the others the answer is.
 */
async function removeOld(session: Session, znodes: JobZnodes, job: string, ensembleMs: number): Promise<void> {
  await removeOldKeys(session, znodes, job, ensembleMs);
  await removeOrphanedResults(session, znodes, job);
  const names = await childrenOf(session, znodes.triggers(job));
  if (names.length < MAX_KEPT_TRIGGERS + REMOVED_AT_ONCE) return;
  let removed = 0;
  for (const name of await oldestFirst(session, znodes, job, names)) {
    if (removed >= REMOVED_AT_ONCE) return;
    if (await removeOne(session, znodes, job, name)) removed += 1;
  }
}

/** False: it is not over, or has moved meanwhile. */
async function removeOne(session: Session, znodes: JobZnodes, job: string, name: string): Promise<boolean> {
  const path = znodes.trigger(job, name);
  const node = await getOrUndefined(session, path);
  const read = await getOrUndefined(session, znodes.record(job));
  const { record } = read === undefined ? { record: undefined } : decodeRecord(read.data);
  if (node === undefined || record === undefined) return false;
  const { trigger } = decodeTrigger(node.data);
  const { version } = node.stat;
  try {
    const toKeep = toKeepOf(record, trigger);
    if (toKeep === 'everything') return false;
    if (toKeep === 'answer' && trigger !== undefined) {
      const removals: readonly Op[] = [{ kind: 'delete', path, version }, ...(await resultRemoval(session, znodes, job, name))];
      await archive(session, znodes, job, trigger, removals);
      return true;
    }
    await removeKey(session, znodes, job, name, [{ kind: 'delete', path, version }]);
    return true;
  } catch (thrown) {
    if (!isZooKeeperError(thrown, 'no-node', 'bad-version', 'node-exists')) throw thrown;
    return false;
  }
}
