import { isDeepStrictEqual } from 'node:util';
import type { Session } from '../../session/session.js';
import { compareAndSet } from '../../wire/compare-and-set.js';
import { ANY_VERSION, type Op } from '../../wire/operations.js';
import type { JobRecord } from '../record/job-record.js';
import type { JobZnodes } from './job.znodes.js';
import { appendToLog, decodeLog, encodeLog } from './verdict-log.js';
import { verdictKey, MAX_VERDICTS, type StoredVerdict } from '../record/verdict.js';
import { childrenOf, createIfMissing, getOrUndefined } from '../../session/nodes.js';

/**
 * The log of verdicts in ZooKeeper: segments. Verdicts are added to the youngest one, the node `verdicts`; when that
 * has grown it is copied to a node of its own, which nobody changes any more, and begun anew. So the bytes that a
 * verdict costs do not grow with the number that is kept: a whole log of errors, written over for each failure, was
 * thirty times what a run costs that succeeds.
 *
 * Each segment is written as versions of this library before wrote the whole log. Such a version, beside this one
 * during a deploy, reads and writes the youngest segment alone: it shows less, and destroys nothing; what it has added,
 * perhaps much, becomes a segment with the next write here.
 *
 * All of it is written in the transaction that changes the job's record, by compare-and-set of that, so
 * writers never meet here.
 */

/** The youngest segment is not written over any more once it has so many bytes. */
export const SEGMENT_BYTES = 2_048;
/** How many old segments one write removes. */
const MAX_REMOVALS = 20;

/**
 * Puts what has left the record at the end of the log. `logLost` is told when its youngest segment cannot be read,
 * which is then begun anew.
 */
export async function logOperations(
  session: Session,
  { znodes, logLost }: { readonly znodes: JobZnodes; readonly logLost: (job: string, problem: string) => void },
  job: string,
  moved: readonly StoredVerdict[],
  record: JobRecord,
): Promise<readonly Op[]> {
  const path = znodes.verdicts(job);
  const read = await getOrUndefined(session, path);
  const begun = encodeLog(appendToLog([], moved, record));
  if (read === undefined) return [{ kind: 'create', path, data: begun, mode: 'persistent' }];
  const { verdicts = [], problem } = decodeLog(read.data);
  if (problem !== undefined) logLost(job, problem);
  const grown = appendToLog(verdicts, moved, record);
  const data = encodeLog(grown);
  if (grown.length <= Math.max(1, verdicts.length) || data.length <= SEGMENT_BYTES) return compareAndSet(path, data, read.stat.version);
  return [
    ...(await sealing(session, znodes, job, { data: read.data, count: verdicts.length }, moved.length)),
    ...compareAndSet(path, begun, read.stat.version),
  ];
}

/**
 * Makes a segment of its own of the youngest one, and removes those that nobody needs any more for
 * the newest `MAX_VERDICTS`.
 */
async function sealing(
  session: Session,
  znodes: JobZnodes,
  job: string,
  { data, count }: { readonly data: Buffer; readonly count: number },
  added: number,
): Promise<readonly Op[]> {
  const folder = znodes.segments(job);
  const segments = await segmentsOf(session, folder);
  if (segments.length === 0) await createIfMissing(session, folder, Buffer.alloc(0));
  const name = nameOf({ number: (segments.at(-1)?.number ?? 0) + 1, count });
  let newer = count + added;
  const spare = segments.toReversed().filter((segment) => {
    const isSpare = newer >= MAX_VERDICTS;
    newer += segment.count;
    return isSpare;
  });
  const removals = spare.reverse().slice(0, MAX_REMOVALS);
  return [
    { kind: 'create', path: `${folder}/${name}`, data, mode: 'persistent' },
    ...removals.map((segment): Op => ({ kind: 'delete', path: `${folder}/${nameOf(segment)}`, version: ANY_VERSION })),
  ];
}

/** The newest `MAX_VERDICTS` of the log, oldest first. What cannot be read is left out. */
export async function loadLog(session: Session, znodes: JobZnodes, job: string): Promise<readonly StoredVerdict[]> {
  // Verdicts go from the youngest segment to those before it: read in that order none is left out, and what moves
  // in between is read twice.
  const youngest = await getOrUndefined(session, znodes.verdicts(job));
  const folder = znodes.segments(job);
  const names = (await segmentsOf(session, folder)).map(nameOf);
  const older = await Promise.all(names.map((name) => getOrUndefined(session, `${folder}/${name}`)));
  const [sealed, open] = [older.map(verdictsIn), verdictsIn(youngest)];
  const ids = open.map(verdictKey);
  const isRead = open.length > 0 && sealed.some((segment) => isDeepStrictEqual(segment.slice(0, open.length).map(verdictKey), ids));
  return [...sealed.flat(), ...(isRead ? [] : open)].slice(-MAX_VERDICTS);
}

function verdictsIn(read: { readonly data: Buffer } | undefined): readonly StoredVerdict[] {
  return (read && decodeLog(read.data).verdicts) ?? [];
}

/** By its name: when it was made, and how many verdicts are in it. */
interface Segment {
  readonly number: number;
  readonly count: number;
}

function nameOf({ number, count }: Segment): string {
  return `${String(number).padStart(10, '0')}-${count}`;
}

async function segmentsOf(session: Session, folder: string): Promise<readonly Segment[]> {
  const segments = (await childrenOf(session, folder)).flatMap((name) => {
    const found = /^(\d{10})-(\d{1,3})$/.exec(name);
    return found === null ? [] : [{ number: Number(found[1]), count: Number(found[2]) }];
  });
  return segments.toSorted((a, b) => a.number - b.number);
}
