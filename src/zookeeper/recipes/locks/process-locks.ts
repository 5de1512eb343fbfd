import type { Clock } from '../../support/clock.js';
import { LockBusyError } from './errors.js';
import { checkWait, placeOf, type LockContender, type LockName, type LockPlace, type LockView, type LockWait } from './lock.js';
import { LockHandle } from './lock-handle.js';
import type { LockSource } from './lock-source.js';

/** One who holds a lock of this process, or waits for it. */
interface Entry {
  readonly since: Date;
  token: bigint | undefined;
  grant(): void;
}

/** Locks within this process, in the order of the calls: for `standalone`, and for tests of applications. */
export class ProcessLocks implements LockSource {
  private readonly lines = new Map<string, Entry[]>();
  private lastToken = 0n;

  constructor(
    private readonly clock: Clock,
    private readonly address: string,
    private readonly rootPath: string,
  ) {}

  async acquire(name: LockName, wait: LockWait): Promise<LockHandle> {
    checkWait(wait);
    const { path, name: shown } = this.placeOf(name);
    const { waitMs, signal } = wait;
    signal?.throwIfAborted();
    const startedMs = this.clock.monotonicMs();
    const line = this.lines.get(path) ?? [];
    this.lines.set(path, line);
    return new Promise((resolve, reject) => {
      const entry: Entry = {
        since: new Date(this.clock.wallMs()),
        token: undefined,
        grant: () => {
          end();
          entry.token = this.nextToken();
          resolve(lockOf(shown, entry.token, () => this.leave(path, line, entry)));
        },
      };
      const fail = (reason: Error): void => {
        end();
        this.leave(path, line, entry);
        reject(reason);
      };
      const busy = (): void => fail(new LockBusyError(shown, Math.round(this.clock.monotonicMs() - startedMs), this.address));
      const onAbort = (): void => fail(signal?.reason as Error);
      const end = (): void => {
        timer?.cancel();
        signal?.removeEventListener('abort', onAbort);
      };
      line.push(entry);
      const isFree = line.length === 1;
      const timer = isFree || waitMs === undefined || waitMs === 0 ? undefined : this.clock.after(waitMs, busy);
      signal?.addEventListener('abort', onAbort, { once: true });
      if (isFree) entry.grant();
      else if (waitMs === 0) busy();
    });
  }

  async tryAcquire(name: LockName): Promise<LockHandle | undefined> {
    return this.lines.has(this.placeOf(name).path) ? undefined : this.acquire(name, { waitMs: 0 });
  }

  async inspect(name: LockName): Promise<LockView> {
    const line = this.lines.get(this.placeOf(name).path) ?? [];
    const [holder, ...waiting] = line.map(({ since }): LockContender => ({ address: this.address, session: '0x0', since }));
    return { holder: holder && { ...holder, token: line[0]?.token }, waiting: waiting.slice(0, 100), waitingCount: waiting.length };
  }

  placeOf(name: LockName): LockPlace {
    return placeOf(name, this.rootPath);
  }

  private leave(path: string, line: Entry[], entry: Entry): void {
    const rank = line.indexOf(entry);
    if (rank < 0) return;
    line.splice(rank, 1);
    if (line.length === 0) this.lines.delete(path);
    else if (rank === 0) line[0]?.grant();
  }

  /** Above every token of this process, and of earlier ones as long as the wall clock was not set back. */
  private nextToken(): bigint {
    const fromClock = BigInt(Math.floor(this.clock.wallMs()));
    this.lastToken = fromClock > this.lastToken ? fromClock : this.lastToken + 1n;
    return this.lastToken;
  }
}

function lockOf(name: string, fencingToken: bigint, leave: () => void): LockHandle {
  let isReleased = false;
  return new LockHandle({
    name,
    fencingToken,
    isValid: () => !isReleased,
    onInvalid: () => () => undefined,
    whyNot: () => 'it was released',
    release: async () => {
      if (!isReleased) leave();
      isReleased = true;
      return 'released';
    },
  });
}
