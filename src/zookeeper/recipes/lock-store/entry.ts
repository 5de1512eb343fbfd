import type { Stat } from '../../wire/operations.js';

/** A lock that somebody has taken, whether it has expired or not. */
export interface Hold {
  readonly owner: string;
  /** Random, of the call that took it: by it a lost reply is resolved. */
  readonly id: string;
  readonly token: bigint;
  /** It is held before this moment of the leader's clock, milliseconds since 1970. */
  readonly untilMs: number;
}

/**
 * What is written into the node of a key. Each change carries what was in force before it, because the time at which
 * ZooKeeper carries it out decides whether it counts: `holdIn`.
 */
export interface Entry {
  /** As `holdIn` has found it before. */
  readonly last: Hold | undefined;
  readonly change:
    /** Counts unless `last` is still held. */
    | { readonly kind: 'take'; readonly owner: string; readonly id: string; readonly ttlMs: number; readonly floor: bigint }
    /** Of `last`; counts if that is still held. `ttlMs` 0: gives it back. */
    | { readonly kind: 'renew'; readonly ttlMs: number };
}

/** When a change was carried out, and by which transaction. */
export type ChangeTime = Pick<Stat, 'mtimeMs' | 'mzxid'>;

/**
 * The lock that is in force after a change, by the time that the leader has given to its transaction. Everybody who
 * reads the node comes to the same answer, so one conditional write is enough for each operation: nobody need know what
 * time it is when the write is sent.
 */
export function holdIn({ last, change }: Entry, { mtimeMs, mzxid }: ChangeTime): Hold | undefined {
  const isLastHeld = last !== undefined && isHeld(last, mtimeMs);
  switch (change.kind) {
    case 'take': {
      const { owner, id, ttlMs, floor } = change;
      return isLastHeld ? last : { owner, id, token: floor + mzxid, untilMs: mtimeMs + ttlMs };
    }
    case 'renew':
      return isLastHeld ? { ...last, untilMs: mtimeMs + change.ttlMs } : last;
  }
}

/** At this moment of the leader's clock. */
export function isHeld({ untilMs }: Hold, leaderMs: number): boolean {
  return leaderMs < untilMs;
}

const FORMAT = 1;

/** `key`: for people, since the node's name may be a hash. */
export function encodeEntry(key: string, { last, change }: Entry): Buffer {
  const hold = last && { ...last, token: last.token.toString() };
  const asked = change.kind === 'take' ? { ...change, floor: change.floor.toString() } : change;
  return Buffer.from(JSON.stringify({ format: FORMAT, key, last: hold, change: asked }));
}

/** Undefined for data that nobody of us has written. */
export function decodeEntry(data: Buffer): Entry | undefined {
  let value: unknown;
  try {
    value = JSON.parse(data.toString('utf8'));
  } catch {
    return undefined;
  }
  if (!isFields(value) || value['format'] !== FORMAT || !isFields(value['change'])) return undefined;
  const last = value['last'] === undefined ? undefined : decodeHold(value['last']);
  if (value['last'] !== undefined && last === undefined) return undefined;
  const { kind, owner, id, ttlMs, floor } = value['change'];
  if (typeof ttlMs !== 'number' || !(ttlMs >= 0)) return undefined;
  if (kind === 'renew') return last && { last, change: { kind, ttlMs } };
  if (kind !== 'take' || typeof owner !== 'string' || typeof id !== 'string' || !isWhole(floor)) return undefined;
  return { last, change: { kind, owner, id, ttlMs, floor: BigInt(floor) } };
}

function decodeHold(value: unknown): Hold | undefined {
  if (!isFields(value)) return undefined;
  const { owner, id, token, untilMs } = value;
  if (typeof owner !== 'string' || typeof id !== 'string' || !isWhole(token) || typeof untilMs !== 'number') return undefined;
  return { owner, id, token: BigInt(token), untilMs };
}

/** What the token of every key must be above, together with the zxid; kept in the folder of all keys. */
export function encodeFloor(floor: bigint): Buffer {
  return Buffer.from(JSON.stringify({ format: FORMAT, floor: floor.toString() }));
}

/** 0 for data that nobody of us has written. */
export function decodeFloor(data: Buffer): bigint {
  const floor = /^\{"format":1,"floor":"(\d{1,30})"\}$/.exec(data.toString('utf8'))?.[1];
  return floor === undefined ? 0n : BigInt(floor);
}

function isWhole(value: unknown): value is string {
  return typeof value === 'string' && /^\d{1,30}$/.test(value);
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
