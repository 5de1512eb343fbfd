import { MAX_LEASE_MS, waitMsFor } from '../../session/lease-length.js';
import type { Contender } from './contenders.js';
import type { RecordRead } from './record.js';

/** What somebody in line does next. */
export type Step =
  /** Its node is not there: somebody has deleted it, or the session has ended. */
  | { readonly kind: 'gone' }
  /** Waits until that node has gone. */
  | { readonly kind: 'behind'; readonly before: Contender }
  /** It is first. */
  | { readonly kind: 'first'; readonly unproven: Unproven | undefined };

/** Somebody whose end is not proven. */
export interface Unproven {
  /** The same text stands for the same end. */
  readonly what: string;
  /** For how long it may believe after its node has gone; with the margin for clocks that run at different rates. */
  readonly waitMs: number;
}

/**
 * Who may believe, although its node is not in the line: the holder that the record names, when it has not released;
 * anybody, when there is no record, but nobody knows of whom the end is waited for while others stand before: then the
 * wait begins when they have gone. To be asked with a record that was read before the line: a node that was there when
 * the record was written, and is not there later, has gone.
 */
export function unprovenIn(line: readonly Contender[], own: string, { record, stat }: RecordRead): Unproven | undefined {
  if (record === undefined && line[0]?.id !== own) return undefined;
  if (record === undefined) return { what: `nothing known at ${stat.czxid}:${stat.version}`, waitMs: waitMsFor(MAX_LEASE_MS) };
  if (record.state === 'released' || record.holder === own) return undefined;
  if (line.some(({ id }) => id === record.holder)) return undefined;
  return { what: `${record.holder} at ${stat.czxid}:${stat.version}`, waitMs: waitMsFor(record.leaseMs) };
}

/** `name`, `id`: of the own node. */
export function decide(line: readonly Contender[], { name, id }: { readonly name: string; readonly id: string }, read: RecordRead): Step {
  const rank = line.findIndex((contender) => contender.name === name);
  if (rank < 0) return { kind: 'gone' };
  const before = line[rank - 1];
  if (before !== undefined) return { kind: 'behind', before };
  // One of us that holds it and stands behind: the names were made by hand, or the line was made anew.
  const { record } = read;
  const holder = record?.state === 'held' ? line.find((contender) => contender.id === record.holder) : undefined;
  if (holder !== undefined && holder.id !== id) return { kind: 'behind', before: holder };
  return { kind: 'first', unproven: unprovenIn(line, id, read) };
}
