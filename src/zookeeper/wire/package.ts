import zookeeperModule from 'node-zookeeper-client';
import juteModule from 'node-zookeeper-client/lib/jute/index.js';
import { ClusterCronError } from '../support/errors.js';
import type { Stat, Watcher } from './operations.js';

/** A request as the package builds and serializes it; `xid` is written by the connection. */
export interface WireRequest {
  readonly header: { xid: number; readonly type: number };
  readonly payload: { setChrootPath(path: string): void } | null;
  toBuffer(): Buffer;
}

/** What the package's `Client` hands to its callbacks' errors. */
export interface CodedError {
  readonly code: number;
  getCode(): number;
}

export interface Reply {
  readonly header: { readonly err: number };
  readonly payload: unknown;
}

export type ReplyCallback = (error: CodedError | null, reply?: Reply) => void;

/** The members of the package's `ConnectionManager` that its `Client` calls. */
export interface ConnectionManager {
  queue(request: WireRequest, callback?: ReplyCallback): void;
  registerDataWatcher(path: string, watcher: Watcher): void;
  registerExistenceWatcher(path: string, watcher: Watcher): void;
  registerChildWatcher(path: string, watcher: Watcher): void;
}

type Done<A extends readonly unknown[]> = (error: CodedError | null | undefined, ...values: A) => void;

/**
 * The package's public client, as far as this library uses it; stats are passed through as the connection decoded
 * them.
 */
export interface PackageClient {
  connectionManager: ConnectionManager;
  create(path: string, data: Buffer, acls: readonly PackageAcl[], mode: number, done: Done<[path: string]>): void;
  remove(path: string, version: number, done: Done<[]>): void;
  setData(path: string, data: Buffer, version: number, done: Done<[stat: Stat]>): void;
  getData(path: string, watcher: Watcher | undefined, done: Done<[data: Buffer, stat: Stat]>): void;
  exists(path: string, watcher: Watcher | undefined, done: Done<[stat: Stat | null]>): void;
  getChildren(path: string, watcher: Watcher | undefined, done: Done<[names: readonly string[], stat: Stat]>): void;
}

/** Opaque: made by `new zookeeper.ACL`. */
export interface PackageAcl {
  toRecord(): unknown;
}

interface ZookeeperModule {
  createClient(connectString: string, options?: { readonly retries: number }): PackageClient;
  readonly ACL: new (permission: number, id: unknown) => PackageAcl;
  readonly Id: new (scheme: string, id: string) => unknown;
  readonly Permission: Readonly<Record<'READ' | 'WRITE' | 'CREATE' | 'DELETE' | 'ADMIN' | 'ALL', number>>;
}

type RecordClass = new (...fields: readonly unknown[]) => { setChrootPath(path: string): void };

/** An operation as `TransactionRequest` takes it. */
export interface PackageOp {
  readonly type: number;
  readonly path: string;
  readonly data?: Buffer;
  readonly acls?: readonly PackageAcl[];
  readonly mode?: number;
  readonly version?: number;
}

interface JuteModule {
  readonly Request: new (header: unknown, payload: unknown) => WireRequest;
  readonly TransactionRequest: new (ops: readonly PackageOp[]) => { setChrootPath(path: string): void };
  readonly protocol: Readonly<Record<(typeof RECORDS)[number], RecordClass>>;
}

const RECORDS = [
  'RequestHeader',
  'ConnectRequest',
  'AuthPacket',
  'SetWatches',
  'GetACLRequest',
  'DeleteRequest',
  'CreateRequest',
  'SetACLRequest',
] as const;
const CLIENT_METHODS = ['create', 'remove', 'setData', 'getData', 'exists', 'getChildren'] as const;

export const zookeeper = zookeeperModule as ZookeeperModule;
export const jute = juteModule as JuteModule;

/**
 * Throws a `ClusterCronError` (`ZK_UNFIT_PACKAGE`) that lists what is missing, unless the installed
 * node-zookeeper-client has every member that this library relies on. Two of them (`lib/jute` and `connectionManager`)
 * are not part of its documented interface, so a version other than the pinned one may lack them.
 */
export function checkPackage(client: unknown = zookeeperModule, codec: unknown = juteModule): void {
  const missing = [...missingOfClient(client), ...missingOfCodec(codec)];
  if (missing.length === 0) return;
  throw new ClusterCronError(
    'ZK_UNFIT_PACKAGE',
    `the installed node-zookeeper-client lacks ${missing.join(', ')}. Install the version that this library pins (1.1.3).`,
  );
}

function missingOfClient(exported: unknown): string[] {
  const module = (exported ?? {}) as Partial<ZookeeperModule>;
  const missing = (['createClient', 'ACL', 'Id'] as const).filter((name) => typeof module[name] !== 'function') as string[];
  if (typeof module.Permission?.ALL !== 'number') missing.push('Permission.ALL');
  if (missing.length > 0 || module.createClient === undefined) return missing;
  const client = module.createClient('localhost:2181');
  if (typeof client.connectionManager?.queue !== 'function') missing.push('Client.connectionManager.queue');
  return missing.concat(CLIENT_METHODS.filter((name) => typeof client[name] !== 'function').map((name) => `Client.${name}`));
}

function missingOfCodec(exported: unknown): string[] {
  const codec = (exported ?? {}) as Partial<JuteModule>;
  const missing: string[] = RECORDS.filter((name) => typeof codec.protocol?.[name] !== 'function').map((name) => `jute.protocol.${name}`);
  if (typeof codec.Request !== 'function') missing.push('jute.Request');
  if (typeof codec.TransactionRequest !== 'function') missing.push('jute.TransactionRequest');
  return missing;
}
