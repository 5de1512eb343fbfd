import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';

/** What is copied, and to where. Every replica must reach both files: they lie on shared storage. */
export interface BackupFiles {
  /** A log to which whole lines are appended, and in which nothing ever changes. */
  readonly source: string;
  readonly copy: string;
  /** How much is copied between two checkpoints; also the longest line. */
  readonly stepBytes: number;
}

/**
 * Copies a log in steps, each of which may be done again.
 *
 * A commit is named by the position at which its line ends in the log, as in a write-ahead log, so `lastCommit` is all
 * that there is to remember. A step writes at positions of the copy, it does not append: whoever comes after a dead
 * replica begins at the stored `lastCommit` and writes once more what that one had written beyond it, the same bytes to
 * the same place. Even a replica that was frozen between its last check and its write does no harm when it wakes up.
 * For the same reason nothing is ever cut off: cutting is what a late riser could do damage with.
 */
export class Backup implements AsyncDisposable {
  private constructor(
    private readonly source: FileHandle,
    private readonly copy: FileHandle,
    private readonly stepBytes: number,
  ) {}

  static async open({ source, copy, stepBytes }: BackupFiles): Promise<Backup> {
    const from = await open(source, 'r');
    try {
      return new Backup(from, await open(copy, constants.O_WRONLY | constants.O_CREAT), stepBytes);
    } catch (error) {
      await from.close();
      throw error;
    }
  }

  /** Throws when the copy lacks something from before `lastCommit`: it is not the one that this position belongs to. */
  async check(lastCommit: number): Promise<void> {
    const { size } = await this.copy.stat();
    if (size < lastCommit)
      throw new Error(`The copy has ${size} bytes, but ${lastCommit} are known to be copied. Somebody has cut or replaced it.`);
  }

  /**
   * Copies the next lines, and answers the position that is then safely on the disk; the same one when there
   * are no more whole lines.
   */
  async step(lastCommit: number): Promise<number> {
    const buffer = Buffer.alloc(this.stepBytes);
    const { bytesRead } = await this.source.read(buffer, 0, buffer.length, lastCommit);
    // The last line may still be being written.
    const length = buffer.subarray(0, bytesRead).lastIndexOf('\n') + 1;
    if (length === 0 && bytesRead === buffer.length)
      throw new Error(`The line at ${lastCommit} is longer than a step of ${this.stepBytes} bytes.`);
    if (length === 0) return lastCommit;
    let written = 0;
    while (written < length) written += (await this.copy.write(buffer, written, length - written, lastCommit + written)).bytesWritten;
    await this.copy.datasync();
    return lastCommit + length;
  }

  /** How much of the log is copied, from 0 to 1. */
  async fraction(lastCommit: number): Promise<number> {
    const { size } = await this.source.stat();
    return size === 0 ? 1 : Math.min(1, lastCommit / size);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.source.close(), this.copy.close()]);
  }
}
