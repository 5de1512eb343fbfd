import { jute, type PackageAcl, type WireRequest } from './package.js';

/** ZooKeeper's operation codes (ZooDefs.OpCode). */
export const OP = {
  create: 1,
  delete: 2,
  exists: 3,
  getData: 4,
  setData: 5,
  getAcl: 6,
  setAcl: 7,
  sync: 9,
  ping: 11,
  getChildren2: 12,
  check: 13,
  multi: 14,
  removeWatches: 18,
  createContainer: 19,
  auth: 100,
  setWatches: 101,
  closeSession: -11,
  error: -1,
} as const;

/** Request numbers with a meaning of their own (ClientCnxn). */
export const XID = { notification: -1, ping: -2, auth: -4, setWatches: -8 } as const;

/** Which of a path's watches the server forgets (Watcher.WatcherType). */
export const WATCH_TYPE = { children: 1, data: 2 } as const;

/** The largest request number; after it comes 1 again. The package counts on, and throws from 2^31 on. */
export const MAX_XID = 2 ** 31 - 1;

/** What opens a connection: a new session with id 0n, else the re-attachment of that one. */
export function connectFrame(session: { id: bigint; password: Buffer; lastZxid: bigint; timeoutMs: number }): Buffer {
  const payload = new jute.protocol.ConnectRequest(0, long(session.lastZxid), session.timeoutMs, long(session.id), session.password);
  const frame = new jute.Request(null, payload).toBuffer();
  // The package leaves out the last field, "read-only servers will do" (false); servers since 3.4 log a warning
  // without
  // it.
  const whole = Buffer.concat([frame, Buffer.of(0)]);
  whole.writeInt32BE(whole.length - 4, 0);
  return whole;
}

export function authFrame(scheme: string, auth: Buffer): Buffer {
  return request(OP.auth, new jute.protocol.AuthPacket(0, scheme, auth), XID.auth).toBuffer();
}

export const PING_FRAME = Buffer.from([0, 0, 0, 8, 0xff, 0xff, 0xff, 0xfe, 0, 0, 0, OP.ping]);

/**
 * Asks the server to watch these paths (chroot included) again, and to tell at once what has changed since
 * `sinceZxid`.
 */
export function setWatchesFrame(
  sinceZxid: bigint,
  paths: { readonly data: readonly string[]; readonly exists: readonly string[]; readonly children: readonly string[] },
): Buffer {
  const payload = new jute.protocol.SetWatches(long(sinceZxid), paths.data, paths.exists, paths.children);
  return request(OP.setWatches, payload, XID.setWatches).toBuffer();
}

export function closeRequest(): WireRequest {
  return request(OP.closeSession, null);
}

// The package has no records for these two; GetACLRequest (path) and DeleteRequest (path, int) have the same shape.
export function syncRequest(path: string): WireRequest {
  checkPath(path);
  return request(OP.sync, new jute.protocol.GetACLRequest(path));
}

export function removeWatchesRequest(path: string, type: number): WireRequest {
  return request(OP.removeWatches, new jute.protocol.DeleteRequest(path, type));
}

/** `CreateMode.CONTAINER`, which has an operation of its own. */
const CONTAINER_FLAG = 4;

export function createContainerRequest(path: string, data: Buffer, acls: readonly PackageAcl[]): WireRequest {
  checkPath(path);
  return request(OP.createContainer, new jute.protocol.CreateRequest(path, data, records(acls), CONTAINER_FLAG));
}

export function getAclRequest(path: string): WireRequest {
  checkPath(path);
  return request(OP.getAcl, new jute.protocol.GetACLRequest(path));
}

export function setAclRequest(path: string, acls: readonly PackageAcl[], version: number): WireRequest {
  checkPath(path);
  return request(OP.setAcl, new jute.protocol.SetACLRequest(path, records(acls), version));
}

function records(acls: readonly PackageAcl[]): readonly unknown[] {
  return acls.map((acl) => acl.toRecord());
}

/**
 * Throws unless `path` is absolute and has no empty or relative part. The package checks the paths that its client is
 * given; in the requests made here an unchecked one could lead out of the chroot, which is put in front of it.
 */
export function checkPath(path: string): void {
  if (path === '/') return;
  const names = path.split('/');
  if (names.shift() !== '' || names.length === 0 || names.some((name) => name === '' || name === '.' || name === '..')) {
    throw new TypeError(`${JSON.stringify(path)} is not an absolute path without empty or relative parts`);
  }
}

export function request(type: number, payload: unknown, xid = 0): WireRequest {
  return new jute.Request(new jute.protocol.RequestHeader(xid, type), payload);
}

function long(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return bytes;
}
