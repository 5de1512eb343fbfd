/** The node that says that all have come, beside those of the members: of Curator and kazoo. */
export const READY = 'ready';

/** The `ready` node as read. */
export interface Ready {
  readonly czxid: bigint;
  /** Whose round it is, by the names of their nodes; undefined when somebody else has made it. */
  readonly admitted: readonly string[] | undefined;
}

/** What somebody who has come sees. */
export interface ArrivalView {
  /** Its node, undefined when that is not there. */
  readonly own: { readonly name: string; readonly czxid: bigint } | undefined;
  /** The names of all the nodes that it has had since it came: one for each session. */
  readonly names: ReadonlySet<string>;
  /** Those who are in it; in the order in which they came when they are more than `limit`. */
  readonly members: readonly string[];
  readonly ready: Ready | undefined;
  /**
   * It was told that `ready` was made; it may have been deleted since, which kazoo does when the first one leaves.
   */
  readonly wasReady: boolean;
  /** How many may enter. */
  readonly limit: number;
}

/** What it does next. */
export type Arrival =
  | {
      readonly kind: 'entered';
      /** The names of those who have entered. */
      readonly with: readonly string[];
      /** Of the `ready` that says so; undefined when that is not there any more. */
      readonly ready: bigint | undefined;
    }
  /** All have come: says so for these. */
  | { readonly kind: 'open'; readonly for: readonly string[] }
  | { readonly kind: 'full' }
  /** Those of the last time are leaving: waits for them without a node. */
  | { readonly kind: 'too late' }
  /** Its node was deleted. */
  | { readonly kind: 'gone' }
  | { readonly kind: 'wait' };

/**
 * Whether all have come. Only what is there counts, and that `ready` was made; nothing else that wakes somebody up is
 * an arrival.
 */
export function arrival({ own, names, members, ready, wasReady, limit }: ArrivalView): Arrival {
  const first = members.slice(0, limit);
  if (ready?.admitted !== undefined) {
    if (ready.admitted.some((name) => names.has(name))) return { kind: 'entered', with: ready.admitted, ready: ready.czxid };
    if (own === undefined) return { kind: 'gone' };
    return { kind: own.czxid < ready.czxid ? 'full' : 'too late' };
  }
  if (own === undefined) return { kind: 'gone' };
  const isAmongFirst = first.includes(own.name);
  if (ready !== undefined) {
    if (ready.czxid < own.czxid) return { kind: 'too late' };
    return isAmongFirst ? { kind: 'entered', with: first, ready: ready.czxid } : { kind: 'full' };
  }
  if (wasReady && isAmongFirst) return { kind: 'entered', with: first, ready: undefined };
  if (members.length < limit) return { kind: 'wait' };
  return isAmongFirst ? { kind: 'open', for: first } : { kind: 'full' };
}

/** What is written into `ready`. */
export function encodeReady(admitted: readonly string[]): Buffer {
  return Buffer.from(JSON.stringify({ format: 1, admitted }));
}

/** Undefined for what somebody else has written. */
export function decodeReady(data: Buffer): readonly string[] | undefined {
  try {
    const value = JSON.parse(data.toString('utf8')) as { readonly format?: unknown; readonly admitted?: unknown } | null;
    const admitted: unknown = value?.format === 1 ? value.admitted : undefined;
    return Array.isArray(admitted) && admitted.every((name) => typeof name === 'string') ? admitted : undefined;
  } catch {
    return undefined;
  }
}
