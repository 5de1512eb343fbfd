import { ProtocolError } from './reader.js';

/** The longest reply that is read. Servers refuse requests beyond 1 MiB; lists of children may be longer. */
export const MAX_REPLY_BYTES = 4 * 1024 * 1024;

/**
 * Cuts one connection's bytes into frames. A new connection takes a new one: half a frame never outlives its
 * connection.
 */
export class FrameReader {
  private chunks: Buffer[] = [];
  private have = 0;
  private need = 4;

  push(chunk: Buffer): void {
    this.chunks.push(chunk);
    this.have += chunk.length;
  }

  /** The next whole frame, without its length; undefined until it is complete. Throws `ProtocolError`. */
  next(): Buffer | undefined {
    if (this.have < this.need) return undefined;
    const bytes = this.joined();
    const size = bytes.readInt32BE(0);
    if (size < 1 || size > MAX_REPLY_BYTES) throw new ProtocolError(`a frame of ${size} bytes (1 to ${MAX_REPLY_BYTES} are taken)`);
    if (this.have < size + 4) {
      // Remembered, so that the chunks of a long frame are joined once and not at each chunk.
      this.need = size + 4;
      return undefined;
    }
    this.need = 4;
    this.have -= size + 4;
    this.chunks = this.have === 0 ? [] : [bytes.subarray(size + 4)];
    return bytes.subarray(4, size + 4);
  }

  private joined(): Buffer {
    const [first] = this.chunks;
    if (first !== undefined && this.chunks.length === 1) return first;
    const bytes = Buffer.concat(this.chunks, this.have);
    this.chunks = [bytes];
    return bytes;
  }
}
