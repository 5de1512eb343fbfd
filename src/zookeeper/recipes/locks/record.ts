import { ANY_VERSION, type Stat } from '../../wire/operations.js';
import { LONGEST_OLD_LEASE_MS } from '../../session/lease-length.js';

/** One of us who holds a lock, or held it last. */
export interface RecordedHolder {
  /** The id in the name of its node. */
  readonly id: string;
  /** `host:port`. */
  readonly address: string;
  /** For how long an acknowledged renewal lets it believe. */
  readonly leaseMs: number;
  /** Of a semaphore: how many permits it goes by. */
  readonly permits?: number | undefined;
}

/** Who of us held it last, and whether that is over. */
export type LockOwner =
  | { readonly state: 'held' | 'released'; readonly holder: RecordedHolder }
  /** Several, who share it. */
  | { readonly state: 'shared'; readonly sharers: readonly RecordedHolder[] };

/**
 * What is kept of a lock in the data of the node that its line stands below, which Curator and kazoo ignore. Written in
 * the transaction that takes the lock, and in the one that deletes the holder's node: so it is the proof that nobody of
 * us believes any more.
 */
export type LockRecord = LockOwner & {
  /** What the next fencing token must be above, together with the zxid. */
  readonly floor: bigint;
};

/** A record as read. Without a `record`: nothing is known of who held the lock. */
export interface RecordRead {
  readonly record: LockRecord | undefined;
  readonly stat: Stat;
}

const FORMAT = 1;

/** Nobody has held it yet. */
export const NEVER_HELD: LockRecord = { state: 'released', holder: { id: '', address: '', leaseMs: 0 }, floor: 0n };

/** Those of us who may believe, as the record has it. */
export function holdersIn(record: LockRecord | undefined): readonly RecordedHolder[] {
  if (record === undefined || record.state === 'released') return [];
  return record.state === 'shared' ? record.sharers : [record.holder];
}

/** `version`: that of the node once this is written. One that was copied by hand has another, and proves nothing. */
export function encodeRecord(record: LockRecord, version: number): Buffer {
  const { state, floor } = record;
  const head = { format: FORMAT, version, state };
  if (record.state === 'shared') {
    const sharers = record.sharers.map(({ id, address, leaseMs, permits }) => [
      id,
      address,
      leaseMs,
      ...(permits === undefined ? [] : [permits]),
    ]);
    return Buffer.from(JSON.stringify({ ...head, sharers, floor: floor.toString() }));
  }
  const { id, address, leaseMs } = record.holder;
  return Buffer.from(JSON.stringify({ ...head, holder: id, address, leaseMs, floor: floor.toString() }));
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
  const { format, version: written, floor, ...owner } = value as Readonly<Record<string, unknown>>;
  if (format !== FORMAT || written !== version || typeof floor !== 'string' || !/^\d{1,30}$/.test(floor)) return undefined;
  const decoded = ownerIn(owner);
  return decoded && { ...decoded, floor: BigInt(floor) };
}

function ownerIn({ state, holder, address, leaseMs, sharers }: Readonly<Record<string, unknown>>): LockOwner | undefined {
  if (state === 'held' || state === 'released') {
    const decoded = holderIn([holder, address, leaseMs]);
    return decoded && { state, holder: decoded };
  }
  if (state !== 'shared' || !Array.isArray(sharers)) return undefined;
  const decoded = sharers.map(holderIn);
  return decoded.includes(undefined) ? undefined : { state, sharers: decoded.filter((one) => one !== undefined) };
}

function holderIn(value: unknown): RecordedHolder | undefined {
  if (!Array.isArray(value)) return undefined;
  const [id, address, leaseMs, permits] = value as readonly unknown[];
  if (typeof id !== 'string' || typeof address !== 'string') return undefined;
  if (typeof leaseMs !== 'number' || !(leaseMs >= 0 && leaseMs <= LONGEST_OLD_LEASE_MS)) return undefined;
  if (permits === undefined) return { id, address, leaseMs };
  return typeof permits === 'number' ? { id, address, leaseMs, permits } : undefined;
}
