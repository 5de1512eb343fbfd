import type { WatchesToSet } from '../state/watches.js';
import type { AclEntry, WriteOp } from '../state/znode.js';
import { JuteReader, MalformedError } from './jute.js';
import { OPCODES } from './opcodes.js';

/** The first thing that a client sends. */
export interface ConnectRequest {
  readonly lastZxid: bigint;
  readonly timeoutMs: number;
  /** 0: a new session. */
  readonly sessionId: bigint;
  readonly password: Buffer;
  /** Whether it said so at all: clients older than ZooKeeper 3.4 do not, and are not told either. */
  readonly readOnly: boolean | undefined;
}

/** How a write's answer looks: `create` answers the path, `create2` and its kin the stat too. */
export type Answer = 'path' | 'path and stat' | 'stat' | 'nothing';

export interface WriteRequest {
  readonly op: WriteOp;
  readonly answer: Answer;
  /** The opcode that a transaction's answer names. */
  readonly opcode: number;
}

export type ReadRequest =
  | { readonly kind: 'exists' | 'get' | 'children' | 'children-stat'; readonly path: string; readonly watch: boolean }
  | { readonly kind: 'acl' | 'count'; readonly path: string };

export type WatchTarget = 'child' | 'data' | 'any';

/** What a client can ask once it has a session. */
export type Request =
  | { readonly kind: 'write'; readonly write: WriteRequest }
  | { readonly kind: 'multi'; readonly writes: readonly WriteRequest[] }
  | { readonly kind: 'read'; readonly read: ReadRequest }
  | { readonly kind: 'multi-read'; readonly reads: readonly ReadRequest[] }
  | { readonly kind: 'sync'; readonly path: string }
  | { readonly kind: 'ping' | 'close' | 'who' }
  | { readonly kind: 'auth'; readonly scheme: string; readonly auth: Buffer }
  | { readonly kind: 'set-watches'; readonly watches: WatchesToSet }
  | { readonly kind: 'add-watch'; readonly path: string; readonly watch: 'persistent' | 'recursive' | undefined }
  | { readonly kind: 'remove-watches' | 'check-watches'; readonly path: string; readonly target: WatchTarget | undefined }
  | { readonly kind: 'ephemerals'; readonly prefix: string }
  | { readonly kind: 'refused'; readonly reason: 'unimplemented' | 'bad-arguments' | 'reconfig-disabled' }
  | { readonly kind: 'unknown'; readonly opcode: number };

export type WatchRequest = Request & { readonly kind: `${string}-watch` | `${string}-watches` };

export interface NumberedRequest {
  readonly xid: number;
  readonly request: Request;
}

/** Throws `MalformedError`. */
export function readConnect(frame: Buffer): ConnectRequest {
  const from = new JuteReader(frame);
  from.int();
  return {
    lastZxid: from.long(),
    timeoutMs: from.int(),
    sessionId: from.long(),
    password: from.buffer(),
    readOnly: from.rest > 0 ? from.bool() : undefined,
  };
}

/** Throws `MalformedError`. */
export function readRequest(frame: Buffer): NumberedRequest {
  const from = new JuteReader(frame);
  const xid = from.int();
  const opcode = from.int();
  return { xid, request: READERS[opcode]?.(from, opcode) ?? { kind: 'unknown', opcode } };
}

const MODES = ['persistent', 'ephemeral', 'persistent-sequential', 'ephemeral-sequential', 'container'] as const;

/** What a server does not take, in a request or in an operation of a transaction. */
type Refusal = Request & { kind: 'refused' };

function create(from: JuteReader, opcode: number): WriteRequest | Refusal {
  const path = from.text();
  const data = from.buffer();
  const acl = aclFrom(from);
  const flags = from.int();
  const mode = MODES[flags];
  // Modes 5 and 6 are nodes that end by themselves, which a server of ZooKeeper refuses too unless told otherwise.
  if (opcode === OPCODES.createTtl || flags === 5 || flags === 6) return { kind: 'refused', reason: 'unimplemented' };
  if (mode === undefined) return { kind: 'refused', reason: 'bad-arguments' };
  const answer = opcode === OPCODES.create ? 'path' : 'path and stat';
  return { op: { kind: 'create', path, data, mode, acl }, answer, opcode: answer === 'path' ? OPCODES.create : OPCODES.create2 };
}

const WRITES: Readonly<Record<number, (from: JuteReader, opcode: number) => WriteRequest | Refusal>> = {
  [OPCODES.create]: create,
  [OPCODES.create2]: create,
  [OPCODES.createContainer]: create,
  [OPCODES.createTtl]: create,
  [OPCODES.delete]: (from, opcode) => ({
    op: { kind: 'delete', path: from.text(), version: from.int() },
    ...{ answer: 'nothing', opcode },
  }),
  [OPCODES.setData]: (from, opcode) => ({
    op: { kind: 'set', path: from.text(), data: from.buffer(), version: from.int() },
    ...{ answer: 'stat', opcode },
  }),
  [OPCODES.setAcl]: (from, opcode) => ({
    op: { kind: 'set-acl', path: from.text(), acl: aclFrom(from), version: from.int() },
    ...{ answer: 'stat', opcode },
  }),
  [OPCODES.check]: (from, opcode) => ({
    op: { kind: 'check', path: from.text(), version: from.int() },
    ...{ answer: 'nothing', opcode },
  }),
};

/** The operations that a transaction may hold (MultiOperationRecord, 3.8). */
const IN_MULTI: ReadonlySet<number> = new Set([
  ...[OPCODES.create, OPCODES.create2, OPCODES.createContainer, OPCODES.createTtl],
  ...[OPCODES.delete, OPCODES.setData, OPCODES.check],
]);

const READS: Readonly<Record<number, (from: JuteReader) => ReadRequest>> = {
  [OPCODES.exists]: (from) => ({ kind: 'exists', path: from.text(), watch: from.bool() }),
  [OPCODES.getData]: (from) => ({ kind: 'get', path: from.text(), watch: from.bool() }),
  [OPCODES.getChildren]: (from) => ({ kind: 'children', path: from.text(), watch: from.bool() }),
  [OPCODES.getChildren2]: (from) => ({ kind: 'children-stat', path: from.text(), watch: from.bool() }),
  [OPCODES.getAcl]: (from) => ({ kind: 'acl', path: from.text() }),
  [OPCODES.getAllChildrenNumber]: (from) => ({ kind: 'count', path: from.text() }),
};

const TARGETS: Readonly<Record<number, WatchTarget>> = { 1: 'child', 2: 'data', 3: 'any' };

const READERS: Readonly<Record<number, (from: JuteReader, opcode: number) => Request>> = {
  ...Object.fromEntries(
    Object.entries(WRITES).map(([code, read]) => [
      code,
      (from: JuteReader, opcode: number): Request => {
        const write = read(from, opcode);
        return 'kind' in write ? write : { kind: 'write', write };
      },
    ]),
  ),
  ...Object.fromEntries(
    Object.entries(READS).map(([code, read]) => [code, (from: JuteReader): Request => ({ kind: 'read', read: read(from) })]),
  ),
  [OPCODES.multi]: multi,
  [OPCODES.multiRead]: multiRead,
  [OPCODES.sync]: (from) => ({ kind: 'sync', path: from.text() }),
  [OPCODES.ping]: () => ({ kind: 'ping' }),
  [OPCODES.closeSession]: () => ({ kind: 'close' }),
  [OPCODES.whoAmI]: () => ({ kind: 'who' }),
  [OPCODES.auth]: (from) => (from.int(), { kind: 'auth', scheme: from.text(), auth: from.buffer() }),
  [OPCODES.setWatches]: (from) => ({ kind: 'set-watches', watches: watchesFrom(from) }),
  [OPCODES.setWatches2]: (from) => ({
    kind: 'set-watches',
    watches: { ...watchesFrom(from), persistent: textsFrom(from), recursive: textsFrom(from) },
  }),
  [OPCODES.addWatch]: (from) => ({
    kind: 'add-watch',
    path: from.text(),
    watch: ({ 0: 'persistent', 1: 'recursive' } as const)[from.int()],
  }),
  [OPCODES.removeWatches]: (from) => ({ kind: 'remove-watches', path: from.text(), target: TARGETS[from.int()] }),
  [OPCODES.checkWatches]: (from) => ({ kind: 'check-watches', path: from.text(), target: TARGETS[from.int()] }),
  [OPCODES.getEphemerals]: (from) => ({ kind: 'ephemerals', prefix: from.text() }),
  [OPCODES.reconfig]: () => ({ kind: 'refused', reason: 'reconfig-disabled' }),
};

function multi(from: JuteReader): Request {
  const writes: WriteRequest[] = [];
  let refusal: Refusal | undefined;
  for (const opcode of headers(from)) {
    const read = IN_MULTI.has(opcode) ? WRITES[opcode] : undefined;
    if (read === undefined) throw new MalformedError(`operation ${opcode} in a transaction`);
    const write = read(from, opcode);
    if ('kind' in write) refusal ??= write;
    // A server of ZooKeeper answers a create2 inside a transaction as if it were a create, and all others of
    // its kind with their stat.
    else if (opcode === OPCODES.create2) writes.push({ ...write, answer: 'path', opcode: OPCODES.create });
    else writes.push(write);
  }
  return refusal ?? { kind: 'multi', writes };
}

function multiRead(from: JuteReader): Request {
  const reads: ReadRequest[] = [];
  for (const opcode of headers(from)) {
    const read = opcode === OPCODES.getData || opcode === OPCODES.getChildren ? READS[opcode] : undefined;
    if (read === undefined) throw new MalformedError(`operation ${opcode} in a transaction of reads`);
    reads.push(read(from));
  }
  return { kind: 'multi-read', reads };
}

/** The opcodes of a transaction's operations; the reader of each runs before the next. */
function* headers(from: JuteReader): Generator<number> {
  for (;;) {
    const opcode = from.int();
    const done = from.bool();
    from.int();
    if (done) return;
    yield opcode;
  }
}

function watchesFrom(from: JuteReader): WatchesToSet {
  return { sinceZxid: from.long(), data: textsFrom(from), exist: textsFrom(from), child: textsFrom(from) };
}

function textsFrom(from: JuteReader): string[] {
  return from.list(() => from.text());
}

function aclFrom(from: JuteReader): AclEntry[] {
  return from.list(() => ({ rights: from.int(), scheme: from.text(), id: from.text() }));
}
