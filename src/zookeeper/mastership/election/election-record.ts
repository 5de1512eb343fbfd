import { getOrUndefined } from '../../session/nodes.js';
import type { Session } from '../../session/session.js';
import { leaderEpochOf } from '../../session/zxid.js';
import type { Stat, Watcher } from '../../wire/operations.js';
import type { ElectionZnodes } from './election.znodes.js';
import { LONGEST_OLD_LEASE_MS, waitMsFor } from '../../session/lease-length.js';

/**
 * The election's persistent memory: who won last, whether that tenure is over, and the floor of the fencing tokens.
 * Written by the transactions that win, end the take-over wait and resign, and by whoever must raise the floor;
 * always by compare-and-set.
 */
export interface ElectionRecord {
  /** The id of the last tenure. */
  readonly tenure: string;
  /** Its `host:port`, for people. */
  readonly address: string;
  /**
   * `resigned`, and `died`: its process has died, which its crash guard has seen, and written as its last will. Both
   * are over.
   */
  readonly state: 'held' | 'resigned' | 'died';
  /** How long that tenure's renewals let it believe. */
  readonly leaseMs: number;
  /**
   * What that tenure itself still had to wait for its own predecessor when this was written. Whoever follows inherits
   * it: a winner that dies or resigns during its wait has proven nothing about the master before it.
   */
  readonly unprovenMs: number;
  /** The token of the node made by transaction z is `floor + z` (token.ts). */
  readonly floor: bigint;
  /** A hand-over: this address goes first, once, after this tenure. */
  readonly successor?: { readonly address: string; readonly after: string };
}

/** The record as read: its content, or why it cannot be used, and the stat that conditional writes need. */
export interface RecordRead {
  /** Undefined when the data is not a record: nothing is known of a predecessor then. */
  readonly record: ElectionRecord | undefined;
  /**
   * The version of the node that its writer meant to make; undefined when that was an older version of this library.
   */
  readonly writtenAs: number | undefined;
  readonly stat: Stat;
}

const MAX_FLOOR_DIGITS = 40;
const CRASH_GUARD = 'crash guard';

/**
 * `writtenAs` is the version that the node has after this write, one more than the version that the write is
 * conditional on. Undefined when the record is passed on by somebody who does not know it to be as its master wrote it.
 */
export function encodeRecord(record: ElectionRecord, writtenAs: number | undefined): Buffer {
  const { floor, state, ...rest } = record;
  // To a version of this library that knows of no crash guard it is a resignation, whose proof is the same.
  const kind = state === 'died' ? { state: 'resigned', by: CRASH_GUARD } : { state };
  return Buffer.from(JSON.stringify({ ...rest, ...kind, floor: floor.toString(), writtenAs }));
}

export function readRecordFrom(data: Buffer, stat: Stat): RecordRead {
  const parsed = parsedObject(data);
  const writtenAs = parsed?.['writtenAs'];
  return { record: parsed && recordOf(parsed), writtenAs: typeof writtenAs === 'number' ? writtenAs : undefined, stat };
}

/**
 * Whether what the record says of its tenure can be relied on: it is as a master of this library wrote it, in the one
 * node there was. Each write names the version that it makes, and is conditional on the version before. So a record
 * that was edited, put back from an earlier time, or made anew from a copy has another version than the one it names.
 * (Not for whoever corrects that as well.)
 */
export function isAsWritten({ record, writtenAs, stat }: RecordRead): boolean {
  return record !== undefined && writtenAs === stat.version;
}

function parsedObject(data: Buffer): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(data.toString('utf8'));
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Undefined for anything that a master of this library would not have written: the caller then knows nothing and waits.
 * Durations are clamped, so that an edit by hand can make nobody wait for ever.
 */
function recordOf(parsed: Record<string, unknown>): ElectionRecord | undefined {
  const { tenure, address, state, by, leaseMs, unprovenMs, floor, successor } = parsed;
  if (typeof tenure !== 'string' || typeof address !== 'string') return undefined;
  if (state !== 'held' && state !== 'resigned') return undefined;
  if (!isDuration(leaseMs) || !isDuration(unprovenMs)) return undefined;
  if (typeof floor !== 'string' || !/^\d+$/.test(floor) || floor.length > MAX_FLOOR_DIGITS) return undefined;
  return {
    tenure,
    address,
    state: state === 'resigned' && by === CRASH_GUARD ? 'died' : state,
    leaseMs: Math.min(leaseMs, LONGEST_OLD_LEASE_MS),
    unprovenMs: Math.min(unprovenMs, waitMsFor(LONGEST_OLD_LEASE_MS)),
    floor: BigInt(floor),
    ...(isSuccessor(successor) ? { successor } : {}),
  };
}

function isDuration(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

function isSuccessor(value: unknown): value is { address: string; after: string } {
  if (typeof value !== 'object' || value === null) return false;
  const { address, after } = value as Record<string, unknown>;
  return typeof address === 'string' && typeof after === 'string';
}

/**
 * Whether the record proves, to the winner of the node created at `wonCzxid`, that its tenure has resigned, or died.
 * `mzxid === pzxid` holds after the transaction that resigns, and after the last will, which is the same (it writes the
 * record and deletes its child, the tenure node), and is broken by any edit by hand. A record *created* as resigned
 * (`czxid === mzxid`) could have been made by hand. And a resignation from an earlier epoch of the ensemble may come
 * out of an older snapshot: a restart of the quorum opens a new epoch, the upper half of each zxid. (A standalone
 * server has no epochs, so a snapshot restored there proves what it proved when it was taken.)
 */
export function provesEnd({ record, stat }: RecordRead, wonCzxid: bigint): boolean {
  if (record === undefined || record.state === 'held') return false;
  return stat.mzxid === stat.pzxid && stat.mzxid !== stat.czxid && leaderEpochOf(stat.mzxid) === leaderEpochOf(wonCzxid);
}

/**
 * The record; undefined when there is no such node. With a watcher, that is told when a record that was read changes.
 */
export async function readRecord(session: Session, znodes: ElectionZnodes, watch?: Watcher): Promise<RecordRead | undefined> {
  const read = await getOrUndefined(session, znodes.record, watch === undefined ? {} : { watch });
  return read && readRecordFrom(read.data, read.stat);
}
