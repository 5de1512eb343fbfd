import type { Tree } from '../../../src/testing/zookeeper/state/tree.js';
import { statOf, type Outcome, type WriteResult, type Znode } from '../../../src/testing/zookeeper/state/znode.js';
import type { Session, SessionEnd } from '../../../src/zookeeper/session/session.js';
import { ZOOKEEPER_CODES, ZooKeeperError, type ZooKeeperReason } from '../../../src/zookeeper/wire/errors.js';
import type {
  NodeMode,
  Op,
  OperationOptions,
  OpResult,
  ReadOptions,
  Stat,
  Watcher,
  WatchEvent,
} from '../../../src/zookeeper/wire/operations.js';
import { ClientWatches } from './client-watches.js';
import type { Attachment, Read, Request } from './member.js';
import type { SimProcess } from './process.js';

interface Pending {
  readonly reject: (thrown: Error) => void;
  readonly operation: string;
  readonly path: string | undefined;
}

/** What an operation asks for, and how its answer becomes the promise's. */
interface Call<T> {
  readonly operation: string;
  readonly path?: string;
  readonly options: OperationOptions | undefined;
  readonly request: (done: (value: T) => void, fail: (thrown: Error) => void, seen: (zxid: bigint) => void) => Request;
}

/** The client's side of one simulated session. */
export class SimSession implements Session {
  readonly id: bigint;
  readonly timeoutMs: number;
  private readonly over = new AbortController();
  private readonly watches = new ClientWatches();
  private readonly pending = new Set<Pending>();
  private readonly attachListeners = new Set<() => void>();
  private readonly detachListeners = new Set<() => void>();
  private attachment: Attachment | undefined;
  private wasAttached = false;
  private zxid = 0n;

  constructor(
    private readonly process: SimProcess,
    server: { readonly id: bigint; readonly timeoutMs: number },
  ) {
    this.id = server.id;
    this.timeoutMs = server.timeoutMs;
  }

  get lastZxid(): bigint {
    return this.zxid;
  }

  /** The model has no wall clock. */
  ensembleTimeMs(): undefined {
    return undefined;
  }

  get ended(): AbortSignal {
    return this.over.signal;
  }

  get attached(): boolean {
    return this.attachment !== undefined;
  }

  onAttached(listener: () => void): () => void {
    this.attachListeners.add(listener);
    return () => void this.attachListeners.delete(listener);
  }

  onDetached(listener: () => void): () => void {
    this.detachListeners.add(listener);
    return () => void this.detachListeners.delete(listener);
  }

  create(path: string, data: Buffer, mode: NodeMode, options?: OperationOptions): Promise<string> {
    if (mode === 'container') throw new Error('The model has no containers.');
    return this.write('create', { kind: 'create', path, data, mode }, options, (result) => (result.kind === 'create' ? result.path : path));
  }

  rights(): never {
    throw new Error('The model has no rights.');
  }

  setRights(): never {
    return this.rights();
  }

  set(path: string, data: Buffer, version: number, options?: OperationOptions): Promise<Stat> {
    return this.write('set', { kind: 'set', path, data, version }, options, (result) => {
      if (result.kind !== 'set') throw new Error('a set was answered as something else');
      return result.stat;
    });
  }

  async delete(path: string, version: number, options?: OperationOptions): Promise<void> {
    await this.write('delete', { kind: 'delete', path, version }, options, () => undefined);
  }

  multi(ops: readonly Op[], options?: OperationOptions): Promise<readonly OpResult[]> {
    return this.call<readonly OpResult[]>({
      operation: 'multi',
      options,
      request: (done, fail, seen) => ({
        kind: 'write',
        ops,
        reply: (outcome, zxid) => {
          seen(zxid);
          if (outcome.ok) return done(outcome.results.map(answered));
          const { reason, opIndex } = outcome;
          const whole = reason === 'session-expired';
          fail(failure(reason, 'multi', whole ? undefined : ops[opIndex]?.path, whole ? undefined : opIndex));
        },
      }),
    });
  }

  get(path: string, options?: ReadOptions): Promise<{ readonly data: Buffer; readonly stat: Stat }> {
    return this.read('get', path, options, 'data', (node) => ({ data: node.data, stat: statOf(node) }));
  }

  async exists(path: string, options?: ReadOptions): Promise<Stat | undefined> {
    return this.read<Stat | undefined>('exists', path, options, 'data', statOf, () => undefined);
  }

  children(path: string, options?: ReadOptions): Promise<{ readonly names: readonly string[]; readonly stat: Stat }> {
    return this.read('children', path, options, 'child', (node, tree) => ({ names: [...tree.childrenOf(path)], stat: statOf(node) }));
  }

  sync(path: string, options?: OperationOptions): Promise<void> {
    return this.call<void>({
      ...{ operation: 'sync', path, options },
      request: (done, _, seen) => ({ kind: 'sync', reply: (zxid) => (seen(zxid), done()) }),
    });
  }

  unwatch(path: string, watcher: Watcher): void {
    this.watches.remove(path, watcher);
  }

  /** Attached to a member, for the first time or again. */
  attach(attachment: Attachment): void {
    const first = !this.wasAttached;
    this.wasAttached = true;
    this.attachment = attachment;
    attachment.link.onClientClosed = () => this.detach(attachment);
    if (first) return;
    const watches = this.watches.toSet(this.zxid);
    const ready = (): void => {
      if (this.attachment === attachment) for (const listener of [...this.attachListeners]) listener();
    };
    if (watches === undefined) return ready();
    attachment.link.up(() => attachment.request({ kind: 'watches', watches, reply: ready }));
  }

  /** The connection is gone; what was asked on it gets no answer. */
  detach(attachment: Attachment): void {
    if (this.attachment !== attachment) return;
    this.attachment = undefined;
    this.rejectPending('connection-loss');
    for (const listener of [...this.detachListeners]) listener();
  }

  end(why: SessionEnd): void {
    if (this.over.signal.aborted) return;
    const { attachment } = this;
    this.attachment = undefined;
    attachment?.link.closeByClient();
    this.watches.clear();
    this.over.abort(new Error(`session ${this.id.toString(16)} is over: ${why}`));
    this.rejectPending('session-expired');
    if (attachment !== undefined) for (const listener of [...this.detachListeners]) listener();
  }

  /** Asks the server to end it. */
  close(done: () => void): void {
    const { attachment } = this;
    attachment?.link.up(() => attachment.request({ kind: 'close', reply: done }));
  }

  onEvent(event: WatchEvent): void {
    if (!this.over.signal.aborted) this.watches.tell(event);
  }

  private write<T>(operation: string, op: Op, options: OperationOptions | undefined, pick: (result: OpResult) => T): Promise<T> {
    return this.call<T>({
      ...{ operation, path: op.path, options },
      request: (done, fail, seen) => ({
        kind: 'write',
        ops: [op],
        reply: (outcome: Outcome, zxid) => {
          seen(zxid);
          if (outcome.ok) done(pick(answered(outcome.results[0]!)));
          else fail(failure(outcome.reason, operation, op.path));
        },
      }),
    });
  }

  private read<T>(
    operation: string,
    path: string,
    options: ReadOptions | undefined,
    list: 'data' | 'child',
    found: (node: Znode, tree: Tree) => T,
    missing?: () => T,
  ): Promise<T> {
    const watcher = options?.watch;
    return this.call<T>({
      ...{ operation, path, options },
      request: (done, fail, seen) => ({
        kind: 'read',
        read: (tree: Tree): Read => {
          const node = tree.find(path);
          const leavesWatch = watcher !== undefined && (node !== undefined || operation === 'exists');
          const answer = node === undefined ? undefined : found(node, tree);
          return {
            ...(leavesWatch ? { watch: { list, path } } : {}),
            reply: (zxid) => {
              seen(zxid);
              if (leavesWatch) this.watches.add(node === undefined ? 'exist' : list, path, watcher);
              if (answer !== undefined) done(answer);
              else if (missing !== undefined) done(missing());
              else fail(failure('no-node', operation, path));
            },
          };
        },
      }),
    });
  }

  private call<T>({ operation, path, options, request }: Call<T>): Promise<T> {
    const signal = options?.signal;
    if (signal?.aborted) return Promise.reject(signal.reason as Error);
    if (this.over.signal.aborted) return Promise.reject(unsent('session-expired', operation, path));
    const { attachment } = this;
    if (attachment === undefined || !attachment.link.open) return Promise.reject(unsent('connection-loss', operation, path));
    return new Promise<T>((resolve, reject) => {
      const pending: Pending = { reject, operation, path };
      this.pending.add(pending);
      signal?.addEventListener('abort', () => (this.pending.delete(pending), reject(signal.reason as Error)), { once: true });
      const settle = (run: () => void): void => void (this.pending.delete(pending) && run());
      const asked = request(
        (value) => settle(() => resolve(value)),
        (thrown) => settle(() => reject(thrown)),
        (zxid) => void (this.zxid = zxid > this.zxid ? zxid : this.zxid),
      );
      attachment.link.up(() => attachment.request(asked));
      options?.onSent?.(this.process.monotonicMs());
    });
  }

  private rejectPending(reason: 'connection-loss' | 'session-expired'): void {
    for (const { reject, operation, path } of [...this.pending]) reject(failure(reason, operation, path));
    this.pending.clear();
  }
}

/** As the library's operations answer it. */
function answered(result: WriteResult): OpResult {
  switch (result.kind) {
    case 'create':
      return { kind: 'create', path: result.path };
    case 'set':
      return { kind: 'set', stat: result.stat };
    case 'delete':
    case 'check':
      return { kind: result.kind };
    case 'set-acl':
      throw new Error('the library changes no access control lists');
  }
}

function failure(reason: ZooKeeperReason, operation: string, path?: string, opIndex?: number): ZooKeeperError {
  const zkCode = reason === 'unknown-code' ? undefined : ZOOKEEPER_CODES[reason];
  return new ZooKeeperError(reason, {
    ...{ operation, sent: true },
    ...(path === undefined ? {} : { path }),
    ...(opIndex === undefined ? {} : { opIndex }),
    ...(zkCode === undefined ? {} : { zkCode }),
  });
}

function unsent(reason: ZooKeeperReason, operation: string, path?: string): ZooKeeperError {
  return new ZooKeeperError(reason, { operation, sent: false, ...(path === undefined ? {} : { path }) });
}
