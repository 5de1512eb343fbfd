import type { Session } from '../../session/session.js';
import { isZooKeeperError } from '../../wire/errors.js';
import { ANY_VERSION, type Op } from '../../wire/operations.js';
import type { JobZnodes } from './job.znodes.js';
import { decodeResult, encodeResult } from './codec/result-codec.js';
import { MAX_RESULT_BYTES, type KeptResult, type RunResult } from '../run/run-result.js';
import type { TriggerChange } from '../record/trigger.state.js';
import { childrenOf, getOrUndefined } from '../../session/nodes.js';

/**
 * What triggered runs have returned, each in a node of its own beside that of its trigger: a replica of an older
 * version, which knows nothing of them, reads the trigger as before. A result comes in the transaction that ends its
 * trigger, so whoever sees the end sees the result; it goes with the trigger's node.
 */

/**
 * Bytes of results in one transaction: with the inputs of its triggers far below what ZooKeeper
 * takes in one request, 1 MiB.
 */
const MAX_WRITTEN_BYTES = 4 * MAX_RESULT_BYTES;
const REMOVED_AT_ONCE = 100;

/** What writes the results of triggers that end. An id that was forgotten and asked for anew may have an old one. */
export async function resultOperations(
  session: Session,
  znodes: JobZnodes,
  job: string,
  changes: readonly TriggerChange[],
): Promise<readonly Op[]> {
  const results = changes.flatMap((change) =>
    'result' in change && change.result !== undefined ? [{ path: znodes.result(job, change.id), result: change.result }] : [],
  );
  if (results.length === 0) return [];
  const folder = znodes.results(job);
  const [hasFolder, ...stats] = await Promise.all([folder, ...results.map(({ path }) => path)].map((path) => session.exists(path)));
  let bytes = 0;
  const operations = results.map(({ path, result }, index): Op => {
    const encoded = encodeResult(result);
    bytes += encoded.length;
    const data = bytes > MAX_WRITTEN_BYTES ? encodeResult(TOO_MUCH) : encoded;
    return stats[index] === undefined
      ? { kind: 'create', path, data, mode: 'persistent' }
      : { kind: 'set', path, data, version: ANY_VERSION };
  });
  return hasFolder === undefined
    ? [{ kind: 'create', path: folder, data: Buffer.alloc(0), mode: 'persistent' }, ...operations]
    : operations;
}

const TOO_MUCH: RunResult = { kind: 'left out', why: `runs that ended together have more than ${MAX_WRITTEN_BYTES} bytes of results` };

export async function loadResult(session: Session, znodes: JobZnodes, job: string, id: string): Promise<KeptResult | undefined> {
  const read = await getOrUndefined(session, znodes.result(job, id));
  return read && decodeResult(read.data);
}

/** What removes the result of a trigger together with its node. */
export async function resultRemoval(session: Session, znodes: JobZnodes, job: string, id: string): Promise<readonly Op[]> {
  const path = znodes.result(job, id);
  return (await session.exists(path)) === undefined ? [] : [{ kind: 'delete', path, version: ANY_VERSION }];
}

/**
 * Removes results whose trigger has no node any more, some of them, the rest with the next call: a replica of an
 * older version has removed that alone. The triggers are listed after the results, so one that has a result and
 * is not among them is gone.
 */
export async function removeOrphanedResults(session: Session, znodes: JobZnodes, job: string): Promise<void> {
  const results = await childrenOf(session, znodes.results(job));
  if (results.length === 0) return;
  const triggers = new Set(await childrenOf(session, znodes.triggers(job)));
  const orphans = results.filter((id) => !triggers.has(id)).slice(0, REMOVED_AT_ONCE);
  const removals = orphans.map((id) => session.delete(znodes.result(job, id), ANY_VERSION));
  await Promise.all(removals).catch((thrown: unknown) => {
    if (!isZooKeeperError(thrown, 'no-node')) throw thrown;
  });
}
