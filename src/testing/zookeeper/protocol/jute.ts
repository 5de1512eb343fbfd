/** Bytes that are not what ZooKeeper's protocol says. The connection that sent them is closed. */
export class MalformedError extends Error {
  constructor(what: string) {
    super(what);
    this.name = 'MalformedError';
  }
}

/**
 * Reads Jute, ZooKeeper's encoding (zookeeper.jute, 3.8): big-endian numbers, and lengths before
 * everything that has one.
 */
export class JuteReader {
  private at = 0;

  constructor(private readonly bytes: Buffer) {}

  get rest(): number {
    return this.bytes.length - this.at;
  }

  int(): number {
    return this.bytes.readInt32BE(this.advance(4));
  }

  long(): bigint {
    return this.bytes.readBigInt64BE(this.advance(8));
  }

  bool(): boolean {
    return this.bytes[this.advance(1)] !== 0;
  }

  /** No length (-1) is read as no bytes, as the server keeps both alike. */
  buffer(): Buffer {
    const length = this.length();
    const from = this.advance(length);
    // A copy, so that what is kept does not keep the whole piece that the network delivered.
    return Buffer.from(this.bytes.subarray(from, from + length));
  }

  text(): string {
    const length = this.length();
    const from = this.advance(length);
    return this.bytes.toString('utf8', from, from + length);
  }

  list<T>(read: () => T): T[] {
    // No room is made beforehand for what a length promises.
    const found: T[] = [];
    for (let left = this.length(); left > 0; left -= 1) found.push(read());
    return found;
  }

  private length(): number {
    const length = this.int();
    if (length < -1) throw new MalformedError(`a length of ${length}`);
    return Math.max(0, length);
  }

  private advance(by: number): number {
    const from = this.at;
    if (by > this.rest) throw new MalformedError(`${by} bytes wanted where ${this.rest} are left`);
    this.at += by;
    return from;
  }
}

const FIRST_SIZE = 256;

/** Writes Jute into one buffer that grows. */
export class JuteWriter {
  private bytes = Buffer.allocUnsafe(FIRST_SIZE);
  private used = 0;

  int(value: number): this {
    this.used = this.room(4).writeInt32BE(value, this.used);
    return this;
  }

  long(value: bigint): this {
    this.used = this.room(8).writeBigInt64BE(value, this.used);
    return this;
  }

  bool(value: boolean): this {
    this.used = this.room(1).writeUInt8(value ? 1 : 0, this.used);
    return this;
  }

  buffer(value: Buffer): this {
    this.int(value.length);
    value.copy(this.room(value.length), this.used);
    this.used += value.length;
    return this;
  }

  text(value: string): this {
    const length = Buffer.byteLength(value);
    this.int(length);
    this.used += this.room(length).write(value, this.used, length, 'utf8');
    return this;
  }

  list<T>(values: Iterable<T> & ({ readonly length: number } | { readonly size: number }), write: (value: T) => void): this {
    this.int('length' in values ? values.length : values.size);
    for (const value of values) write(value);
    return this;
  }

  done(): Buffer {
    return this.bytes.subarray(0, this.used);
  }

  /** With its length in front, as it goes over the wire. */
  frame(): Buffer {
    const whole = Buffer.allocUnsafe(4 + this.used);
    whole.writeInt32BE(this.used, 0);
    this.bytes.copy(whole, 4, 0, this.used);
    return whole;
  }

  private room(bytes: number): Buffer {
    if (this.used + bytes > this.bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.used + bytes, 2 * this.bytes.length));
      this.bytes.copy(larger, 0, 0, this.used);
      this.bytes = larger;
    }
    return this.bytes;
  }
}
