import type { Right, Stat } from './operations.js';

/** In the order of their bits (ZooDefs.Perms). */
const RIGHTS = ['read', 'write', 'create', 'delete', 'admin'] as const satisfies Right['may'];

/** What the server sent is not the ZooKeeper protocol. The connection that read it is dropped. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
}

/**
 * Reads ZooKeeper's serialization ("jute"), believing no length. The package's own decoder is not used for replies: it
 * allocates whatever length the server names (2 GiB), and walks backwards over a negative one.
 */
export class Reader {
  constructor(
    private readonly bytes: Buffer,
    private offset = 0,
  ) {}

  int(): number {
    return this.bytes.readInt32BE(this.take(4));
  }

  long(): bigint {
    return this.bytes.readBigInt64BE(this.take(8));
  }

  bool(): boolean {
    return this.bytes[this.take(1)] === 1;
  }

  /**
   * A copy, so that a few bytes that somebody keeps do not keep the whole network buffer; empty when the server says
   * null.
   */
  buffer(): Buffer {
    const length = this.length();
    const from = this.take(length);
    return Buffer.from(this.bytes.subarray(from, from + length));
  }

  string(): string {
    const length = this.length();
    const from = this.take(length);
    return this.bytes.toString('utf8', from, from + length);
  }

  strings(): string[] {
    const count = this.length();
    if (count * 4 > this.left) throw new ProtocolError(`a list of ${count} strings does not fit into ${this.left} bytes`);
    return Array.from({ length: count }, () => this.string());
  }

  stat(): Stat {
    const czxid = this.long();
    const mzxid = this.long();
    const ctimeMs = Number(this.long());
    const mtimeMs = Number(this.long());
    const version = this.int();
    const cversion = this.int();
    const aversion = this.int();
    const ephemeralOwner = this.long();
    const dataLength = this.int();
    const numChildren = this.int();
    const pzxid = this.long();
    return { czxid, mzxid, pzxid, ctimeMs, mtimeMs, version, cversion, aversion, ephemeralOwner, dataLength, numChildren };
  }

  /** An access control list; the bits of a right that this library has no word for are left out. */
  rights(): Right[] {
    const count = this.length();
    if (count * 12 > this.left) throw new ProtocolError(`a list of ${count} rights does not fit into ${this.left} bytes`);
    return Array.from({ length: count }, () => {
      const bits = this.int();
      const may = RIGHTS.filter((_, index) => (bits & (1 << index)) !== 0);
      return { scheme: this.string() as Right['scheme'], id: this.string(), may };
    });
  }

  get left(): number {
    return this.bytes.length - this.offset;
  }

  /** A length; -1 stands for null and is read as 0. */
  private length(): number {
    const length = this.int();
    if (length < -1) throw new ProtocolError(`length ${length}`);
    return Math.max(0, length);
  }

  private take(count: number): number {
    const from = this.offset;
    if (count > this.left) throw new ProtocolError(`${count} bytes expected, ${this.left} left in the frame`);
    this.offset += count;
    return from;
  }
}
