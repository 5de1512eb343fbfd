import { setMaxListeners } from 'node:events';
import type { Clock } from '../support/clock.js';
import { Listeners } from '../support/listeners.js';
import type { WireClient } from '../wire/client.js';
import type { Access, NodeMode, Op, OperationOptions, OpResult, ReadOptions, Right, Stat, Watcher } from '../wire/operations.js';
import { hexId, SessionEndedError } from './errors.js';
import type { Session, SessionEnd } from './session.js';

/** A session in force. The supervisor (sessions.ts) tells it what happens to it. */
export class LiveSession implements Session {
  readonly id: bigint;
  /** The leader's wall clock as the last acknowledged `set` has told it. */
  private timeSample: { readonly wallMs: number; readonly sentAtMs: number } | undefined;
  private readonly ending = new AbortController();
  private readonly attachedListeners: Listeners<[]>;
  private readonly detachedListeners: Listeners<[]>;

  constructor(
    private readonly wire: WireClient,
    private readonly clock: Clock,
    listenerFailed: (what: string, thrown: unknown) => void,
  ) {
    this.id = wire.connection.id;
    // Everybody who waits for a lock listens.
    setMaxListeners(0, this.ending.signal);
    this.attachedListeners = new Listeners((thrown) => listenerFailed(`an onAttached listener of session ${hexId(this.id)}`, thrown));
    this.detachedListeners = new Listeners((thrown) => listenerFailed(`an onDetached listener of session ${hexId(this.id)}`, thrown));
  }

  get timeoutMs(): number {
    return this.wire.connection.timeoutMs;
  }

  get lastZxid(): bigint {
    return this.wire.connection.lastZxid;
  }

  get attached(): boolean {
    return this.wire.connection.attached;
  }

  ensembleTimeMs(): number | undefined {
    return this.timeSample && this.timeSample.wallMs + this.clock.monotonicMs() - this.timeSample.sentAtMs;
  }

  get ended(): AbortSignal {
    return this.ending.signal;
  }

  onAttached(listener: () => void): () => void {
    return this.attachedListeners.add(listener);
  }

  onDetached(listener: () => void): () => void {
    return this.detachedListeners.add(listener);
  }

  tellAttached(): void {
    this.attachedListeners.tell();
  }

  tellDetached(): void {
    this.detachedListeners.tell();
  }

  end(end: SessionEnd): void {
    if (!this.ending.signal.aborted) this.ending.abort(new SessionEndedError(end, this.id));
  }

  create(path: string, data: Buffer, mode: NodeMode, options?: OperationOptions & { readonly access?: Access }): Promise<string> {
    return this.wire.create(path, data, mode, options);
  }

  get(path: string, options?: ReadOptions): Promise<{ readonly data: Buffer; readonly stat: Stat }> {
    return this.wire.get(path, options);
  }

  exists(path: string, options?: ReadOptions): Promise<Stat | undefined> {
    return this.wire.exists(path, options);
  }

  children(path: string, options?: ReadOptions): Promise<{ readonly names: readonly string[]; readonly stat: Stat }> {
    return this.wire.children(path, options);
  }

  set(path: string, data: Buffer, version: number, options?: OperationOptions): Promise<Stat> {
    const sentAtMs = this.clock.monotonicMs();
    const answered = this.wire.set(path, data, version, options);
    // Beside the promise, not in front of it: promises resolve in the order of the calls.
    answered.then(({ mtimeMs }) => this.sample(mtimeMs, sentAtMs), ignore);
    return answered;
  }

  rights(path: string, options?: OperationOptions): Promise<{ readonly rights: readonly Right[]; readonly stat: Stat }> {
    return this.wire.rights(path, options);
  }

  setRights(path: string, rights: readonly Right[], version: number, options?: OperationOptions): Promise<Stat> {
    return this.wire.setRights(path, rights, version, options);
  }

  delete(path: string, version: number, options?: OperationOptions): Promise<void> {
    return this.wire.delete(path, version, options);
  }

  multi(ops: readonly Op[], options?: OperationOptions): Promise<readonly OpResult[]> {
    const sentAtMs = this.clock.monotonicMs();
    const answered = this.wire.multi(ops, options);
    answered.then((results) => {
      const last = results.findLast((result) => result.kind === 'set');
      if (last !== undefined) this.sample(last.stat.mtimeMs, sentAtMs);
    }, ignore);
    return answered;
  }

  sync(path: string, options?: OperationOptions): Promise<void> {
    return this.wire.sync(path, options);
  }

  unwatch(path: string, watcher: Watcher): void {
    this.wire.unwatch(path, watcher);
  }

  private sample(wallMs: number, sentAtMs: number): void {
    this.timeSample = { wallMs, sentAtMs };
  }
}

/** The caller has the promise, and with it the rejection. */
function ignore(): void {
  // Nothing is learnt from it here.
}
