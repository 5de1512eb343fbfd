import type { Session } from '../../session/session.js';
import { compareAndSet } from '../../wire/compare-and-set.js';
import { isZooKeeperError } from '../../wire/errors.js';
import { ANY_VERSION, type Op } from '../../wire/operations.js';
import type { JobZnodes } from './job.znodes.js';
import { encodeControl } from './codec/control-codec.js';
import type { RecordRepair } from './job-store.js';
import { decodeRecord, encodeRecord } from './codec/record-codec.js';
import { decodeTrigger, encodeTrigger } from './codec/trigger-codec.js';
import { endBy, isOpen, next, type TriggerNode } from '../record/trigger.state.js';
import type { StoredVerdict } from '../record/verdict.js';
import { childrenOf, getOrUndefined } from '../../session/nodes.js';

/**
 * Puts a record in place of one that cannot be read, and the control node in place of the one that was read, both or
 * none. The triggers below it that wait or run are ended before: as long as the record cannot be read nobody else adds,
 * starts or ends one, and each of these changes is refused when that is no longer so.
 */
export async function repair(
  session: Session,
  znodes: JobZnodes,
  job: string,
  { record, control, end }: RecordRepair,
): Promise<'repaired' | 'readable' | 'moved'> {
  const path = znodes.record(job);
  const read = await getOrUndefined(session, path);
  if (read === undefined || decodeRecord(read.data).record !== undefined) return 'readable';
  const { version } = read.stat;
  const puttingRecord = compareAndSet(path, encodeRecord(record), version);
  const puttingControl = compareAndSet(znodes.control(job), encodeControl(control.control), control.view.version);
  try {
    for (const id of await childrenOf(session, znodes.triggers(job)))
      await endTrigger(session, znodes.trigger(job, id), { kind: 'check', path, version }, end);
  } catch (thrown) {
    if (isZooKeeperError(thrown, 'bad-version', 'no-node')) return 'readable';
    throw thrown;
  }
  try {
    await session.multi([...puttingRecord, ...puttingControl]);
    return 'repaired';
  } catch (thrown) {
    if (!isZooKeeperError(thrown, 'bad-version', 'no-node')) throw thrown;
    return (thrown.details.opIndex ?? 0) < puttingRecord.length ? 'readable' : 'moved';
  }
}

/** Each in a transaction of its own: all of them with their inputs might be more than ZooKeeper takes at once. */
async function endTrigger(session: Session, path: string, stillUnreadable: Op, end: (open: TriggerNode) => StoredVerdict): Promise<void> {
  const read = await getOrUndefined(session, path);
  const { trigger } = read === undefined ? { trigger: undefined } : decodeTrigger(read.data);
  if (trigger === undefined || !isOpen(trigger)) return;
  const data = encodeTrigger(next(trigger, endBy(trigger.id, end(trigger))));
  await session.multi([stillUnreadable, { kind: 'set', path, data, version: ANY_VERSION }]);
}
