import type { Stat, WatchEvent } from '../../../zookeeper/wire/operations.js';
import type { AclEntry, Identity, WriteResult } from '../state/znode.js';
import { JuteWriter } from './jute.js';
import { CONNECTED_STATE, EVENT_TYPES, OPCODES, XIDS } from './opcodes.js';
import type { Answer } from './requests.js';

/** The answer to a client's first request. A timeout of 0 says that its session is over. */
export function connectReply(
  session: { readonly id: bigint; readonly timeoutMs: number; readonly password: Buffer },
  withReadOnly: boolean,
): Buffer {
  const to = new JuteWriter().int(0).int(session.timeoutMs).long(session.id).buffer(session.password);
  if (withReadOnly) to.bool(false);
  return to.frame();
}

/** What comes before every answer: the number of the request, what the server has seen, and the error or 0. */
export function replyTo(xid: number, zxid: bigint, error: number, body?: (to: JuteWriter) => void): Buffer {
  const to = new JuteWriter().int(xid).long(zxid).int(error);
  body?.(to);
  return to.frame();
}

export function eventFrame(event: WatchEvent): Buffer {
  return replyTo(XIDS.event, -1n, 0, (to) => to.int(EVENT_TYPES[event.type]).int(CONNECTED_STATE).text(event.path));
}

/** The answer to one write. */
export function writeResult(to: JuteWriter, result: WriteResult, answer: Answer): void {
  if (answer !== 'nothing' && answer !== 'stat' && result.kind === 'create') to.text(result.path);
  if ((answer === 'stat' || answer === 'path and stat') && 'stat' in result) stat(to, result.stat);
}

/** The header of one operation's answer in that of a transaction. */
export function partHeader(to: JuteWriter, opcode: number, error: number): void {
  to.int(opcode).bool(false).int(error);
}

export function partError(to: JuteWriter, error: number): void {
  partHeader(to, OPCODES.error, error);
  to.int(error);
}

export function partsEnd(to: JuteWriter): void {
  to.int(-1).bool(true).int(-1);
}

export function stat(to: JuteWriter, of: Stat): void {
  to.long(of.czxid).long(of.mzxid).long(BigInt(of.ctimeMs)).long(BigInt(of.mtimeMs));
  to.int(of.version).int(of.cversion).int(of.aversion).long(of.ephemeralOwner);
  to.int(of.dataLength).int(of.numChildren).long(of.pzxid);
}

export function texts(to: JuteWriter, values: readonly string[] | ReadonlySet<string>): void {
  to.list(values, (value) => to.text(value));
}

export function acls(to: JuteWriter, values: readonly AclEntry[]): void {
  to.list(values, ({ rights, scheme, id }) => to.int(rights).text(scheme).text(id));
}

export function identities(to: JuteWriter, values: readonly Identity[]): void {
  to.list(values, ({ scheme, id }) => to.text(scheme).text(id));
}
