import { messageOf } from '../support/errors.js';
import { Abandonment } from './abandonment.js';
import { aclFor, aclsOf, credentialsOf, type Acls, type AuthOptions } from './acl.js';
import type { ConnectionOptions } from './connection-options.js';
import { Connection } from './connection.js';
import { MAX_REQUEST_BYTES, tooLarge } from './exchange.js';
import { reasonOf, ZooKeeperError } from './errors.js';
import { refused, WireFailure } from './failure.js';
import type { Access, NodeMode, Op, OperationOptions, Operations, OpResult, ReadOptions, Right, Stat, Watcher } from './operations.js';
import { zookeeper, type CodedError, type PackageClient, type WireRequest } from './package.js';
import type { MultiResult } from './replies.js';
import { createContainerRequest, getAclRequest, setAclRequest, syncRequest } from './requests.js';
import { MODES, multiRequest, readResults } from './transactions.js';
import type { ServerKind } from './watches.js';

export interface WireClientOptions extends Omit<ConnectionOptions, 'credentials'> {
  readonly auth: AuthOptions | undefined;
}

type Done<T> = (error: CodedError | null | undefined, value?: T) => void;

/**
 * The operations of one session, as promises: the package's `Client` builds and sends the requests, over a connection
 * of ours.
 */
export class WireClient implements Operations {
  readonly connection: Connection;
  private readonly client: PackageClient;
  private readonly acls: Acls;
  private readonly abandonment = new Abandonment();

  constructor(private readonly options: WireClientOptions) {
    this.connection = new Connection({ ...options, credentials: credentialsOf(options.auth) });
    this.acls = aclsOf(options.auth);
    // The client makes a connection manager of its own from this string; it is replaced before it has done anything.
    this.client = zookeeper.createClient('localhost:2181', { retries: 0 });
    this.client.connectionManager = this.connection;
  }

  create(path: string, data: Buffer, mode: NodeMode, options?: OperationOptions & { readonly access?: Access }): Promise<string> {
    return this.call<string>('create', path, options, (done) => {
      if (data.length > MAX_REQUEST_BYTES) return done(tooLarge(data.length));
      const acls = aclFor(this.acls, options?.access);
      if (mode === 'container')
        this.ask(createContainerRequest(path, data, acls), done, ({ path: made }: { readonly path: string }) => made);
      else this.client.create(path, data, acls, MODES[mode], done);
    });
  }

  rights(path: string, options?: OperationOptions): Promise<{ readonly rights: readonly Right[]; readonly stat: Stat }> {
    return this.call('rights', path, options, (done: Done<{ readonly rights: readonly Right[]; readonly stat: Stat }>) =>
      this.ask(getAclRequest(path), done, (read: { readonly rights: readonly Right[]; readonly stat: Stat }) => read),
    );
  }

  setRights(path: string, rights: readonly Right[], version: number, options?: OperationOptions): Promise<Stat> {
    return this.call<Stat>('setRights', path, options, (done) =>
      this.ask(setAclRequest(path, aclFor(this.acls, rights), version), done, ({ stat }: { readonly stat: Stat }) => stat),
    );
  }

  get(path: string, options?: ReadOptions): Promise<{ readonly data: Buffer; readonly stat: Stat }> {
    return this.call<{ data: Buffer; stat: Stat }>(
      'get',
      path,
      options,
      (done) => this.client.getData(path, options?.watch, (error, data, stat) => done(error, { data, stat })),
      'data',
    );
  }

  exists(path: string, options?: ReadOptions): Promise<Stat | undefined> {
    return this.call<Stat | undefined>(
      'exists',
      path,
      options,
      (done) => this.client.exists(path, options?.watch, (error, stat) => done(error, stat ?? undefined)),
      'data',
    );
  }

  children(path: string, options?: ReadOptions): Promise<{ readonly names: readonly string[]; readonly stat: Stat }> {
    return this.call<{ names: readonly string[]; stat: Stat }>(
      'children',
      path,
      options,
      (done) => this.client.getChildren(path, options?.watch, (error, names, stat) => done(error, { names, stat })),
      'children',
    );
  }

  set(path: string, data: Buffer, version: number, options?: OperationOptions): Promise<Stat> {
    return this.call<Stat>('set', path, options, (done) => {
      if (data.length > MAX_REQUEST_BYTES) return done(tooLarge(data.length));
      this.client.setData(path, data, version, done);
    });
  }

  delete(path: string, version: number, options?: OperationOptions): Promise<void> {
    return this.call<void>('delete', path, options, (done) => this.client.remove(path, version, done));
  }

  multi(ops: readonly Op[], options?: OperationOptions): Promise<readonly OpResult[]> {
    return this.call<readonly OpResult[]>('multi', undefined, options, (done) =>
      this.connection.queue(multiRequest(ops, this.acls), (error, reply) => {
        if (error !== null || reply === undefined) return done(error);
        const results = readResults(ops, (reply.payload as { readonly results: readonly MultiResult[] }).results);
        return results instanceof WireFailure ? done(results) : done(null, results);
      }),
    );
  }

  sync(path: string, options?: OperationOptions): Promise<void> {
    return this.call<void>('sync', path, options, (done) => this.connection.queue(syncRequest(path), (error) => done(error)));
  }

  unwatch(path: string, watcher: Watcher): void {
    this.connection.watches.remove(path, watcher);
  }

  /** A request that the package's client has no method for. */
  private ask<T>(request: WireRequest, done: Done<T>, valueOf: (body: never) => T): void {
    this.connection.queue(request, (error, reply) => {
      if (error !== null || reply === undefined) return done(error);
      return done(null, valueOf(reply.payload as never));
    });
  }

  /** Runs `start` now. Everything that one call needs hangs on this one promise; there is no timer per call. */
  private call<T>(
    operation: string,
    path: string | undefined,
    options: ReadOptions | undefined,
    start: (done: Done<T>) => void,
    watchKind?: ServerKind,
  ): Promise<T> {
    const signal = options?.signal;
    if (signal?.aborted === true) return Promise.reject(signal.reason as Error);
    const { watches } = this.connection;
    return new Promise<T>((resolve, reject) => {
      const pending =
        watchKind === undefined || options?.watch === undefined || path === undefined
          ? undefined
          : watches.expect(path, watchKind, options.watch);
      const release =
        signal &&
        this.abandonment.add(signal, (why) => {
          if (pending !== undefined) watches.giveUp(pending);
          reject(why);
        });
      let sent = true;
      const done: Done<T> = (error, value) => {
        release?.();
        if (pending !== undefined) watches.settle(pending);
        if (!error) return resolve(value as T);
        sent = (error as WireFailure).sent;
        reject(errorOf(error as WireFailure, operation, path, this.options.chroot));
      };
      const sentAtMs = options?.onSent === undefined ? 0 : this.options.clock.monotonicMs();
      try {
        start(done);
      } catch (thrown) {
        done(refused('bad-arguments', messageOf(thrown)));
      }
      if (options?.onSent !== undefined && sent) this.tellSent(options.onSent, sentAtMs);
    });
  }

  private tellSent(onSent: (sentAtMs: number) => void, sentAtMs: number): void {
    try {
      onSent(sentAtMs);
    } catch (thrown) {
      this.options.events.callbackFailed('an onSent function', thrown);
    }
  }
}

function errorOf(failure: WireFailure, operation: string, path: string | undefined, chroot: string): ZooKeeperError {
  const where = failure.at?.path ?? path;
  const reason = reasonOf(failure.code);
  const hint = failure.hint ?? (reason === 'no-node' && chroot !== '' ? `below the chroot ${chroot}` : undefined);
  return new ZooKeeperError(reason, {
    operation,
    sent: failure.sent,
    ...(where !== undefined && { path: where }),
    ...(failure.at !== undefined && { opIndex: failure.at.opIndex }),
    ...(failure.fromServer && { zkCode: failure.code }),
    ...(hint !== undefined && { hint }),
  });
}
