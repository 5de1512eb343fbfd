import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';

/** Each record: its length, its CRC-32, its bytes. */
const HEAD_BYTES = 8;

/** A file that records are appended to. */
export class RecordFile {
  private readonly fd: number;

  constructor(
    readonly path: string,
    /** How much of it is good; what follows is cut off. */
    public bytes: number,
  ) {
    this.fd = openSync(path, bytes === 0 ? 'w' : 'r+');
    ftruncateSync(this.fd, bytes);
  }

  /** Throws when not all of it could be written. */
  append(record: Buffer): void {
    const head = Buffer.alloc(HEAD_BYTES);
    head.writeUInt32BE(record.length, 0);
    head.writeUInt32BE(crc32(record), 4);
    const whole = Buffer.concat([head, record]);
    let written = 0;
    while (written < whole.length) written += writeSync(this.fd, whole, written, whole.length - written, this.bytes + written);
    this.bytes += whole.length;
  }

  close(): void {
    closeSync(this.fd);
  }
}

/**
 * The records of a file up to the first that is not whole: the last one may be cut short where the
 * process ended while it wrote.
 */
export function readRecords(path: string): { readonly records: Buffer[]; readonly bytes: number; readonly isWhole: boolean } {
  const all = readFileSync(path);
  const records: Buffer[] = [];
  let at = 0;
  while (all.length - at >= HEAD_BYTES) {
    const end = at + HEAD_BYTES + all.readUInt32BE(at);
    const record = all.subarray(at + HEAD_BYTES, end);
    if (crc32(record) !== all.readUInt32BE(at + 4)) break;
    records.push(record);
    at = end;
  }
  return { records, bytes: at, isWhole: at === all.length };
}
