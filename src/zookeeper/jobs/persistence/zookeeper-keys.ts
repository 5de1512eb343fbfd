import type { Session } from '../../session/session.js';
import { isZooKeeperError } from '../../wire/errors.js';
import { ANY_VERSION, type Op } from '../../wire/operations.js';
import type { JobZnodes } from './job.znodes.js';
import { decodeTrigger, encodeTrigger } from './codec/trigger-codec.js';
import type { TriggerNode } from '../record/trigger.state.js';
import { childrenOf, createIfMissing, getOrUndefined } from '../../session/nodes.js';

/**
 * What has been asked for, by id, for a week: so that a request that is repeated is not run twice, however many
 * others came between. The nodes of triggers, which hold inputs, are kept for the newest alone; an id costs a node of
 * some bytes, made in the transaction that adds the trigger, and it gets the answer without the input when the
 * trigger's own node goes.
 *
 * The ids lie in buckets, a new one each day, or when one is full, so that what is old goes without being looked at one
 * by one. An id is looked for in all of them. Two requests with one id at once cannot both miss each other: both change
 * the job's record by compare-and-set, each after it has looked.
 */

const A_DAY_MS = 86_400_000;
/** How long an id is remembered at least, unless `MAX_KEYS` newer ones came. */
export const KEY_RETENTION_MS = 7 * A_DAY_MS;
/** How many of the newest ids of a job are remembered at least, within that time. */
export const MAX_KEYS = 100_000;
const BUCKET_MS = A_DAY_MS;
/** What the names of so many children take stays well below ZooKeeper's limit for an answer, 1 MiB. */
export const MAX_KEYS_PER_BUCKET = 10_000;
/**
 * `MAX_KEYS`, and the youngest one, which is being filled; the days of a week and the one that
 * ends within it are fewer.
 */
const MAX_BUCKETS = MAX_KEYS / MAX_KEYS_PER_BUCKET + 1;
/** How many ids one call removes at most. */
const MAX_REMOVALS = 1_000;
const REMOVED_AT_ONCE = 200;

/** An id as it is remembered. */
export interface KnownKey {
  readonly path: string;
  /**
   * What became of the trigger; undefined as long as its own node tells, and when that was removed by somebody else.
   */
  readonly trigger: TriggerNode | undefined;
}

/** Undefined: nobody has asked for it, as far as is remembered. */
export async function findKey(session: Session, znodes: JobZnodes, job: string, id: string): Promise<KnownKey | undefined> {
  const folder = znodes.keys(job);
  const paths = (await bucketsOf(session, folder)).map((bucket) => `${folder}/${bucket}/${id}`);
  const reads = await Promise.all(paths.map((path) => getOrUndefined(session, path)));
  const index = reads.findLastIndex((read) => read !== undefined);
  const [path, read] = [paths[index], reads[index]];
  if (path === undefined || read === undefined) return undefined;
  return { path, trigger: read.data.length === 0 ? undefined : decodeTrigger(read.data).trigger };
}

/** Remembers an id. `answer`: what became of the trigger, where its own node goes. */
export async function remembering(
  session: Session,
  znodes: JobZnodes,
  job: string,
  { id, atMs }: Pick<TriggerNode, 'id' | 'atMs'>,
  answer: TriggerNode | undefined,
): Promise<readonly Op[]> {
  const folder = znodes.keys(job);
  const data = answer === undefined ? Buffer.alloc(0) : encodeTrigger({ ...answer, input: undefined });
  const youngest = (await bucketsOf(session, folder)).at(-1);
  if (youngest === undefined) await createIfMissing(session, folder, Buffer.alloc(0));
  const isOpen = youngest !== undefined && (await hasRoom(session, `${folder}/${youngest}`, atMs - startOf(youngest)));
  const bucket = isOpen ? youngest : nameOf(Math.max(atMs, youngest === undefined ? 0 : startOf(youngest) + 1));
  const path = `${folder}/${bucket}`;
  return [
    ...(isOpen ? [] : [{ kind: 'create', path, data: Buffer.alloc(0), mode: 'persistent' } as const]),
    { kind: 'create', path: `${path}/${id}`, data, mode: 'persistent' },
  ];
}

async function hasRoom(session: Session, path: string, ageMs: number): Promise<boolean> {
  const stat = await session.exists(path);
  return stat !== undefined && ageMs < BUCKET_MS && stat.numChildren < MAX_KEYS_PER_BUCKET;
}

/** Writes down what became of a trigger in place of its own nodes, which go in the same transaction. */
export async function archive(
  session: Session,
  znodes: JobZnodes,
  job: string,
  trigger: TriggerNode,
  removals: readonly Op[],
): Promise<void> {
  const known = await findKey(session, znodes, job, trigger.id);
  const data = encodeTrigger({ ...trigger, input: undefined });
  const noting: readonly Op[] =
    known === undefined
      ? await remembering(session, znodes, job, trigger, trigger)
      : [{ kind: 'set', path: known.path, data, version: ANY_VERSION }];
  await session.multi([...removals, ...noting]);
}

/**
 * Forgets an id that may be asked for anew, because it has not run, and the trigger's own nodes (`removals`) with it:
 * all or nothing. It may have been asked for again since it was looked at, and have run; then it is remembered.
 */
export async function removeKey(session: Session, znodes: JobZnodes, job: string, id: string, removals: readonly Op[]): Promise<void> {
  const known = await findKey(session, znodes, job, id);
  await session.multi([...removals, ...(known === undefined ? [] : [{ kind: 'delete', path: known.path, version: ANY_VERSION } as const])]);
}

/**
 * Removes what is too old, or too much: some of it, the rest with the next call. A bucket ends
 * where the next one begins.
 */
export async function removeOldKeys(session: Session, znodes: JobZnodes, job: string, ensembleMs: number): Promise<void> {
  const folder = znodes.keys(job);
  const buckets = await bucketsOf(session, folder);
  const [oldest, next] = buckets;
  if (oldest === undefined || next === undefined) return;
  if (startOf(next) > ensembleMs - KEY_RETENTION_MS && buckets.length <= MAX_BUCKETS) return;
  const path = `${folder}/${oldest}`;
  const names = await childrenOf(session, path);
  for (let from = 0; from < Math.min(names.length, MAX_REMOVALS); from += REMOVED_AT_ONCE) {
    const some = names.slice(from, Math.min(from + REMOVED_AT_ONCE, MAX_REMOVALS));
    await session.multi(some.map((name) => ({ kind: 'delete', path: `${path}/${name}`, version: ANY_VERSION })));
  }
  if (names.length > MAX_REMOVALS) return;
  await session.delete(path, ANY_VERSION).catch((thrown: unknown) => {
    if (!isZooKeeperError(thrown, 'no-node', 'not-empty')) throw thrown;
  });
}

/** A bucket is named after the instant of its first id, in digits to the base 36 that sort as the instants do. */
const NAME_LENGTH = 9;

function nameOf(startMs: number): string {
  return Math.round(startMs).toString(36).padStart(NAME_LENGTH, '0');
}

function startOf(bucket: string): number {
  return parseInt(bucket, 36);
}

/** Oldest first. */
async function bucketsOf(session: Session, folder: string): Promise<readonly string[]> {
  return (await childrenOf(session, folder)).filter((name) => /^[0-9a-z]{9}$/.test(name)).toSorted();
}
