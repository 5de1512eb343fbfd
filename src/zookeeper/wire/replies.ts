import type { Stat } from './operations.js';
import { OP } from './requests.js';
import { ProtocolError, type Reader } from './reader.js';

/** What one operation of a transaction answered; `error` with 0 means undone because another one failed. */
export type MultiResult =
  | { readonly type: 'create'; readonly path: string }
  | { readonly type: 'set'; readonly stat: Stat }
  | { readonly type: 'delete' | 'check' }
  | { readonly type: 'error'; readonly code: number };

/** Reads the body of a successful reply to a request of type `type`. Throws `ProtocolError`. */
export function readReplyBody(type: number, reader: Reader, chroot: string): unknown {
  switch (type) {
    case OP.create:
    case OP.createContainer:
      return { path: withoutChroot(reader.string(), chroot) };
    case OP.getAcl:
      return { rights: reader.rights(), stat: reader.stat() };
    case OP.exists:
    case OP.setAcl:
    case OP.setData:
      return { stat: reader.stat() };
    case OP.getData:
      return { data: reader.buffer(), stat: reader.stat() };
    case OP.getChildren2:
      return { children: reader.strings(), stat: reader.stat() };
    case OP.multi:
      return { results: readMulti(reader, chroot) };
    default:
      return null;
  }
}

/** The path as the user knows it. */
export function withoutChroot(path: string, chroot: string): string {
  if (chroot === '') return path;
  if (path === chroot) return '/';
  if (!path.startsWith(`${chroot}/`)) throw new ProtocolError(`the path ${path} is not below the chroot ${chroot}`);
  return path.slice(chroot.length);
}

function readMulti(reader: Reader, chroot: string): MultiResult[] {
  const results: MultiResult[] = [];
  for (;;) {
    const type = reader.int();
    const done = reader.bool();
    reader.int();
    if (done) return results;
    results.push(readMultiResult(type, reader, chroot));
  }
}

function readMultiResult(type: number, reader: Reader, chroot: string): MultiResult {
  switch (type) {
    case OP.create:
      return { type: 'create', path: withoutChroot(reader.string(), chroot) };
    case OP.setData:
      return { type: 'set', stat: reader.stat() };
    case OP.delete:
      return { type: 'delete' };
    case OP.check:
      return { type: 'check' };
    case OP.error:
      return { type: 'error', code: reader.int() };
    default:
      throw new ProtocolError(`a transaction's reply has an unknown result type ${type}`);
  }
}
