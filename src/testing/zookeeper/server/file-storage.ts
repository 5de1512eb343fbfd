import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Tree } from '../state/tree.js';
import type { Change, Image } from './core.js';
import { applyChange, decodeImage, encodeChange, encodeImage } from './image-codec.js';
import { readRecords, RecordFile } from './record-file.js';
import type { Storage } from './storage.js';

/** A log longer than this, and than the snapshot before it, ends in a new snapshot. */
const SNAPSHOT_AFTER_BYTES = 16 << 20;

/** The directory cannot be used as it is; the message says why. */
export class StorageError extends Error {}

/** Directories that servers of this process have taken. */
const TAKEN = new Set<string>();

/**
 * Keeps a server's state in a directory, by generations: `snapshot.<n>` holds all there was, `log.<n>` each change
 * since. A change is handed to the operating system before it is answered, and nothing waits for the disk.
 */
export class FileStorage implements Storage {
  readonly directory: string;
  private generation = 0;
  private snapshotBytes = 0;
  private isTaken = false;
  private log: RecordFile | undefined;
  private readonly snapshotAfterBytes: number;

  constructor(directory: string, options: { readonly snapshotAfterBytes?: number } = {}) {
    this.directory = resolve(directory);
    this.snapshotAfterBytes = options.snapshotAfterBytes ?? SNAPSHOT_AFTER_BYTES;
  }

  open(): Image {
    mkdirSync(this.directory, { recursive: true });
    this.take();
    try {
      return this.load();
    } catch (thrown) {
      this.release();
      throw thrown;
    }
  }

  append(change: Change, image: () => Image | undefined): void {
    if (this.log === undefined) throw new StorageError(`${this.directory} is not open.`);
    if (this.log.bytes > Math.max(this.snapshotAfterBytes, this.snapshotBytes)) {
      const all = image();
      if (all !== undefined) this.begin(all);
    }
    this.log.append(encodeChange(change));
  }

  replace(image: Image): void {
    mkdirSync(this.directory, { recursive: true });
    this.take();
    try {
      this.generation = Math.max(0, ...this.generations());
      this.begin(image);
    } finally {
      this.close();
    }
  }

  close(): void {
    this.log?.close();
    this.log = undefined;
    this.release();
  }

  private load(): Image {
    const newest = Math.max(0, ...this.generations());
    this.generation = newest;
    const { tree, sessions } = newest === 0 ? { tree: Tree.empty(), sessions: new Map<bigint, number>() } : this.readSnapshot(newest);
    const log = this.path('log', newest);
    let bytes = 0;
    if (existsSync(log)) {
      const found = readRecords(log);
      for (const record of found.records) applyChange(record, tree, sessions);
      bytes = found.bytes;
    }
    this.log = new RecordFile(log, bytes);
    this.removeOlder();
    return { tree, sessions: [...sessions].map(([id, timeoutMs]) => ({ id, timeoutMs })) };
  }

  private readSnapshot(generation: number): ReturnType<typeof decodeImage> {
    const path = this.path('snapshot', generation);
    const { records, bytes, isWhole } = readRecords(path);
    if (!isWhole) throw new StorageError(`${path} is damaged after ${bytes} bytes. Use another directory, or empty this one.`);
    this.snapshotBytes = bytes;
    return decodeImage(records);
  }

  /** A new generation: its snapshot appears as a whole or not at all, and what came before goes after that. */
  private begin(image: Image): void {
    this.log?.close();
    this.log = undefined;
    const next = this.generation + 1;
    const unfinished = join(this.directory, 'unfinished');
    const file = new RecordFile(unfinished, 0);
    for (const record of encodeImage(image)) file.append(record);
    file.close();
    renameSync(unfinished, this.path('snapshot', next));
    this.generation = next;
    this.snapshotBytes = file.bytes;
    this.log = new RecordFile(this.path('log', next), 0);
    this.removeOlder();
  }

  private generations(): number[] {
    return readdirSync(this.directory).flatMap((name) => {
      const match = /^snapshot\.(\d+)$/.exec(name);
      return match === null ? [] : [Number(match[1])];
    });
  }

  private removeOlder(): void {
    for (const name of readdirSync(this.directory)) {
      const match = /^(?:snapshot|log)\.(\d+)$/.exec(name);
      if (match !== null && Number(match[1]) < this.generation) rmSync(join(this.directory, name), { force: true });
    }
  }

  private path(kind: 'snapshot' | 'log', generation: number): string {
    return join(this.directory, `${kind}.${generation}`);
  }

  /** Two servers in one directory would write over each other. */
  private take(): void {
    const path = join(this.directory, 'owner');
    const refuse = (owner: number): never => {
      throw new StorageError(`${this.directory} belongs to a server of process ${owner}. Give each a directory of its own.`);
    };
    if (TAKEN.has(this.directory)) refuse(process.pid);
    for (let attempt = 1; ; attempt += 1) {
      try {
        writeFileSync(path, String(process.pid), { flag: 'wx' });
        break;
      } catch (thrown) {
        if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown;
        const owner = Number(readFileSync(path, 'utf8'));
        // A process that was killed has left its mark behind.
        if (attempt > 2 || (owner !== process.pid && isAlive(owner))) refuse(owner);
        rmSync(path, { force: true });
      }
    }
    TAKEN.add(this.directory);
    this.isTaken = true;
  }

  private release(): void {
    if (!this.isTaken) return;
    this.isTaken = false;
    TAKEN.delete(this.directory);
    rmSync(join(this.directory, 'owner'), { force: true });
  }
}

function isAlive(pid: number): boolean {
  if (!(pid > 0)) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === 'EPERM';
  }
}
