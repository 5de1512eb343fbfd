import { ANY_VERSION, type Stat } from '../../wire/operations.js';
import { LONGEST_OLD_LEASE_MS } from '../../session/lease-length.js';

/**
 * What is kept of a lock in the data of the node that its line stands below, which Curator and kazoo ignore: who of us
 * held it last, and whether that is over. Written in the transaction that takes the lock, and in the one that deletes
 * the holder's node: so it is the proof that nobody of us believes any more.
 */
export interface LockRecord {
  readonly state: 'held' | 'released';
  /** The id in the name of the holder's node. */
  readonly holder: string;
  /** `host:port` of the holder. */
  readonly address: string;
  /** For how long an acknowledged renewal lets the holder believe. */
  readonly leaseMs: number;
  /** What the next fencing token must be above, together with the zxid. */
  readonly floor: bigint;
}

/** A record as read. Without a `record`: nothing is known of who held the lock. */
export interface RecordRead {
  readonly record: LockRecord | undefined;
  readonly stat: Stat;
}

const FORMAT = 1;

/** Nobody has held it yet. */
export const NEVER_HELD: LockRecord = { state: 'released', holder: '', address: '', leaseMs: 0, floor: 0n };

/** `version`: that of the node once this is written. One that was copied by hand has another, and proves nothing. */
export function encodeRecord({ state, holder, address, leaseMs, floor }: LockRecord, version: number): Buffer {
  return Buffer.from(JSON.stringify({ format: FORMAT, version, state, holder, address, leaseMs, floor: floor.toString() }));
}

/** Data that is not as one of us has written it gives no record. */
export function readRecord(data: Buffer, stat: Stat): RecordRead {
  return { record: stat.version === ANY_VERSION ? undefined : decode(data, stat.version), stat };
}

function decode(data: Buffer, version: number): LockRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(data.toString('utf8'));
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { format, version: written, state, holder, address, leaseMs, floor } = value as Readonly<Record<string, unknown>>;
  if (format !== FORMAT || written !== version || (state !== 'held' && state !== 'released')) return undefined;
  if (typeof holder !== 'string' || typeof address !== 'string' || typeof floor !== 'string' || !/^\d{1,30}$/.test(floor)) return undefined;
  if (typeof leaseMs !== 'number' || !(leaseMs >= 0 && leaseMs <= LONGEST_OLD_LEASE_MS)) return undefined;
  return { state, holder, address, leaseMs, floor: BigInt(floor) };
}
