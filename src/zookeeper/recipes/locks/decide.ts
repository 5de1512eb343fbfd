import { MAX_LEASE_MS, waitMsFor } from '../../session/lease-length.js';
import { conflict, type Contender } from './contenders.js';
import { holdersIn, type RecordRead } from './record.js';

/** What somebody in line does next. */
export type Step =
  /** Its node is not there: somebody has deleted it, or the session has ended. */
  | { readonly kind: 'gone' }
  /** Waits until that node has gone. */
  | { readonly kind: 'behind'; readonly before: Contender }
  /** Nobody stands before it who excludes it. */
  | { readonly kind: 'first' };

/** Somebody whose end is not proven. */
export interface Unproven {
  /** The same text stands for the same end. */
  readonly what: string;
  /** For how long it may believe after its node has gone; with the margin for clocks that run at different rates. */
  readonly waitMs: number;
}

/**
 * Who may believe beside `own`, although its node is not in the line: holders that the record names, when they have not
 * released; anybody, when there is no record, but nobody knows of whom the end is waited for while others stand before:
 * then the wait begins when they have gone. To be asked with a record that was read before the line: a node that was
 * there when the record was written, and is not there later, has gone.
 */
export function unprovenIn(line: readonly Contender[], own: string, { record, stat }: RecordRead): readonly Unproven[] {
  const rank = line.findIndex(({ id }) => id === own);
  const contender = line[rank];
  if (contender === undefined) return [];
  if (record === undefined) {
    if (line.slice(0, rank).some((other) => conflict(contender, other))) return [];
    return [{ what: `nothing known at ${stat.czxid}:${stat.version}`, waitMs: waitMsFor(MAX_LEASE_MS) }];
  }
  // Readers do not wait for readers.
  if (contender.shares && record.state === 'shared') return [];
  return holdersIn(record)
    .filter((holder) => holder.id !== own && !line.some(({ id }) => id === holder.id))
    .map(({ id, leaseMs }) => ({
      what: record.state === 'shared' ? `sharer ${id}` : `${id} at ${stat.czxid}:${stat.version}`,
      waitMs: waitMsFor(leaseMs),
    }));
}

/** `name`, `id`: of the own node. */
export function decide(
  line: readonly Contender[],
  { name, id }: { readonly name: string; readonly id: string },
  { record }: RecordRead,
): Step {
  const rank = line.findIndex((contender) => contender.name === name);
  const own = line[rank];
  if (own === undefined) return { kind: 'gone' };
  const before = line.slice(0, rank).findLast((other) => conflict(own, other));
  if (before !== undefined) return { kind: 'behind', before };
  // One of us that holds it and stands behind: the names were made by hand, or the line was made anew.
  const holders = new Set(holdersIn(record).map((holder) => holder.id));
  const holder = line.findLast((other) => other.id !== undefined && other.id !== id && holders.has(other.id) && conflict(own, other));
  return holder === undefined ? { kind: 'first' } : { kind: 'behind', before: holder };
}
