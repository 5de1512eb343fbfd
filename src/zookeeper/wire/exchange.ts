import { connectionLoss, refused, WireFailure } from './failure.js';
import { InFlight } from './in-flight.js';
import type { Link } from './link.js';
import type { ReplyCallback, WireRequest } from './package.js';
import { ProtocolError, type Reader } from './reader.js';
import { readReplyBody } from './replies.js';
import { MAX_XID } from './requests.js';

/**
 * The largest request, with its header. A server reads at most jute.maxbuffer = 0xfffff bytes and drops the whole
 * connection for more (measured: with data of exactly 1 MiB, which the package lets pass). The margin is for what the
 * path and rights add.
 */
export const MAX_REQUEST_BYTES = 0xfffff - 4096;

/** The requests and replies of one session: numbers them, matches them, and keeps the highest zxid seen. */
export class Exchange {
  private readonly inFlight = new InFlight();
  private zxid = 0n;
  private xid = 0;

  constructor(private readonly chroot: string) {}

  /** The highest zxid in a reply. Replies without one (zxid 0 or less) do not count. */
  get lastZxid(): bigint {
    return this.zxid;
  }

  /** Why no further request is taken; undefined while there is room. */
  full(): WireFailure | undefined {
    const why = this.inFlight.refusal();
    return why === undefined ? undefined : refused('throttled', why);
  }

  /** Sends now. Throws, before anything is sent, what the codec throws on bad arguments. */
  send(link: Link, request: WireRequest, callback: ReplyCallback): void {
    if (this.chroot !== '') request.payload?.setChrootPath(this.chroot);
    this.xid = nextXid(this.xid);
    request.header.xid = this.xid;
    const frame = request.toBuffer();
    if (frame.length > MAX_REQUEST_BYTES) return callback(tooLarge(frame.length));
    this.inFlight.push({ xid: this.xid, type: request.header.type, bytes: frame.length, callback });
    link.write(frame);
  }

  /** A reply with these header fields; `reader` stands at its body. */
  reply(reader: Reader, xid: number, zxid: bigint, code: number): void {
    const waiting = this.inFlight.oldest();
    if (waiting === undefined) throw new ProtocolError(`a reply to request ${xid}, and none is open`);
    if (waiting.xid !== xid) throw new ProtocolError(`a reply to request ${xid} where ${waiting.xid} was due`);
    // Read before it is taken out: if this throws, the request still gets its answer when the link goes down.
    const payload = code === 0 ? readReplyBody(waiting.type, reader, this.chroot) : null;
    if (zxid > this.zxid) this.zxid = zxid;
    this.inFlight.shift();
    waiting.callback(code === 0 ? null : new WireFailure(code, true, true), { header: { err: code }, payload });
  }

  /** The connection is gone: whoever waits hears that the request may, or may not, have been carried out. */
  lost(why: string): void {
    for (const { callback } of this.inFlight.drain()) callback(connectionLoss(true, why));
  }
}

export function nextXid(xid: number): number {
  return xid >= MAX_XID ? 1 : xid + 1;
}

export function tooLarge(bytes: number): WireFailure {
  return refused('bad-arguments', `the request has ${bytes} bytes and the limit is ${MAX_REQUEST_BYTES} (ZooKeeper's jute.maxbuffer)`);
}
