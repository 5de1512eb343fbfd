/** What somebody asks for: to be alone, to be alone with others who share, or a permit of a semaphore. */
export type LockMode = 'mutex' | 'read' | 'write' | 'permit';

/** One node in the line of a lock. */
export interface Contender {
  readonly name: string;
  readonly sequence: number;
  /**
   * Of a reader that was a writer before: its own sequence; `sequence` is then that of the writer whose place it has.
   */
  readonly after: number | undefined;
  /** Whether it shares the lock with others who do, or excludes everybody. */
  readonly shares: boolean;
  /** What Curator, and we, put between `_c_` and the rest: by it a node is found again whose reply was lost. */
  readonly id: string | undefined;
}

/** ZooKeeper writes the parent's counter as `%010d`, and it is a signed number of 32 bits. */
const SEQUENCE = String.raw`(-\d{9,10}|\d{10})`;

/**
 * The forms of names that count, whoever made them: `_c_<uuid>-lock-<sequence>` (Curator's InterProcessMutex; ours),
 * `<hex>__lock__<sequence>` (kazoo's Lock and WriteLock), and those of read-write locks: `__READ__`, `__WRIT__`
 * (Curator's InterProcessReadWriteLock; ours), `__rlock__` (kazoo's ReadLock). A reader that was a writer before, of
 * ours and of Curator since 5.5, has two sequences, and stands where the first says (CURATOR-621).
 */
const NAME = new RegExp(
  String.raw`^(?:_c_([0-9a-f-]{36})-)?.*?(?:(lock-|__lock__|__rlock__|__WRIT__)${SEQUENCE}|__READ__${SEQUENCE}${SEQUENCE}?)$`,
);

const FORMS: Readonly<Record<LockMode, string>> = { mutex: 'lock-', read: '__READ__', write: '__WRIT__', permit: 'lease-' };

/** What begins the name of a node of ours; ZooKeeper adds the sequence. */
export function contenderPrefix(id: string, mode: LockMode = 'mutex'): string {
  return `_c_${id}-${FORMS[mode]}`;
}

/** What begins the name of a reader's node that takes the place of the writer with this name. */
export function downgradePrefix(id: string, writer: string): string {
  return contenderPrefix(id, 'read') + (new RegExp(`${SEQUENCE}$`).exec(writer)?.[0] ?? '');
}

/** Undefined for a name that is no contender's. */
export function parseContender(name: string): Contender | undefined {
  const match = NAME.exec(name);
  if (match === null) return undefined;
  const [, id, form, alone, place, after] = match;
  const sequence = Number(alone ?? place);
  return { name, sequence, after: after === undefined ? undefined : Number(after), shares: form === undefined || form === '__rlock__', id };
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
    .toSorted((a, b) => (a.sequence - b.sequence) | 0 || ((a.after ?? a.sequence) - (b.after ?? b.sequence)) | 0);
}

/** Whether two of a line exclude each other. */
export function conflict(one: Contender, other: Contender): boolean {
  return !(one.shares && other.shares);
}

/** The first in line, and those behind it who hold the lock together with it. */
export function leadersOf(line: readonly Contender[]): readonly Contender[] {
  const [first, ...others] = line;
  if (first === undefined || !first.shares) return line.slice(0, 1);
  const end = others.findIndex((other) => conflict(first, other));
  return end < 0 ? line : line.slice(0, end + 1);
}

/** Permits of a semaphore that are held: every node counts there, as with Curator. */
export function permitsOf(names: readonly string[]): readonly Pick<Contender, 'id'>[] {
  return names.map((name) => ({ id: /^_c_([0-9a-f-]{36})-/.exec(name)?.[1] }));
}
