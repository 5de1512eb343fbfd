/** One node in the line of a lock. */
export interface Contender {
  readonly name: string;
  readonly sequence: number;
  /** What Curator, and we, put between `_c_` and the rest: by it a node is found again whose reply was lost. */
  readonly id: string | undefined;
}

/**
 * The forms of names that count, whoever made them: `_c_<uuid>-lock-<sequence>` (Curator's InterProcessMutex; ours),
 * `<hex>__lock__<sequence>` (kazoo's Lock), and those of read-write locks that somebody keeps at the same path:
 * `__READ__`, `__WRIT__` (Curator), `__rlock__` (kazoo). ZooKeeper writes the parent's counter as `%010d`, and it is a
 * signed number of 32 bits.
 */
const NAME = /^(?:_c_([0-9a-f-]{36})-)?.*?(?:lock-|__lock__|__rlock__|__READ__|__WRIT__)(-\d{9,10}|\d{10})$/;

/** What begins the name of a node of ours; ZooKeeper adds the sequence. */
export function contenderPrefix(id: string): string {
  return `_c_${id}-lock-`;
}

/** Undefined for a name that is no contender's. */
export function parseContender(name: string): Contender | undefined {
  const match = NAME.exec(name);
  return match === null ? undefined : { name, sequence: Number(match[2]), id: match[1] };
}

/**
 * The line, first in line first. The counter behind the sequence goes up by one for each node that is made, so after
 * 2^31 of them, years of a busy lock, it goes on at -2^31: what counts is the distance, as long as fewer than 2^31 lie
 * between the first and the last.
 */
export function lineOf(names: readonly string[]): Contender[] {
  return names
    .map(parseContender)
    .filter((contender) => contender !== undefined)
    .toSorted((a, b) => (a.sequence - b.sequence) | 0);
}
