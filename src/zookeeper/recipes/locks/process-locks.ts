import type { Clock } from '../../support/clock.js';
import { Listeners } from '../../support/listeners.js';
import type { LockMode } from './contenders.js';
import { BadLockError, LockBusyError } from './errors.js';
import { checkWait, placeOf, type LockContender, type LockName, type LockPlace, type LockView, type LockWait } from './lock.js';
import { LockHandle, type Hold } from './lock-handle.js';
import type { LockSource } from './lock-source.js';

/** One who holds a lock of this process, or waits for it. */
interface Entry {
  readonly since: Date;
  mode: LockMode;
  /** Undefined: it waits. */
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

  async acquire(name: LockName, wait: LockWait, mode: LockMode = 'mutex'): Promise<LockHandle> {
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
        mode,
        token: undefined,
        grant: () => {
          end();
          entry.token = this.nextToken();
          resolve(new LockHandle(this.holdOf(shown, path, entry)));
        },
      };
      const fail = (reason: Error): void => {
        end();
        this.leave(path, entry);
        reject(reason);
      };
      const busy = (): void => fail(new LockBusyError(shown, Math.round(this.clock.monotonicMs() - startedMs), this.address));
      const onAbort = (): void => fail(signal?.reason as Error);
      const timer = waitMs === undefined || waitMs === 0 ? undefined : this.clock.after(waitMs, busy);
      const end = (): void => {
        timer?.cancel();
        signal?.removeEventListener('abort', onAbort);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      line.push(entry);
      grantIn(line);
      if (entry.token === undefined && waitMs === 0) busy();
    });
  }

  async tryAcquire(name: LockName, mode: LockMode = 'mutex'): Promise<LockHandle | undefined> {
    const line = this.lines.get(this.placeOf(name).path) ?? [];
    return line.some((entry) => excludes(entry.mode, mode)) ? undefined : this.acquire(name, { waitMs: 0 }, mode);
  }

  async inspect(name: LockName): Promise<LockView> {
    const { path } = this.placeOf(name);
    const line = this.lines.get(path) ?? [];
    const seen = (some: readonly Entry[]): readonly LockContender[] =>
      some.slice(0, 100).map(({ since, mode }) => ({ node: path, address: this.address, session: '0x0', since, shares: mode === 'read' }));
    const holding = line.filter(({ token }) => token !== undefined);
    const holders = seen(holding).map((contender, index) => ({ ...contender, token: holding[index]?.token }));
    const waiting = line.filter(({ token }) => token === undefined);
    return { holder: holders[0], holders, waiting: seen(waiting), waitingCount: waiting.length };
  }

  placeOf(name: LockName): LockPlace {
    return placeOf(name, this.rootPath);
  }

  private holdOf(name: string, path: string, entry: Entry): Hold {
    const ended = new Listeners<[why: string]>();
    let over: string | undefined;
    const end = (why: string): void => {
      over = why;
      ended.tell(why);
    };
    return {
      name,
      fencingToken: entry.token ?? 0n,
      isValid: () => over === undefined,
      onInvalid: (listener) => ended.add(listener),
      whyNot: () => over ?? '',
      release: async () => {
        if (over !== undefined) return 'released';
        end('it was released');
        this.leave(path, entry);
        return 'released';
      },
      downgrade: async () => {
        if (entry.mode !== 'write')
          throw new BadLockError(`lock ${JSON.stringify(name)} was not acquired for writing, so there is nothing to downgrade`);
        end('it was downgraded');
        entry.mode = 'read';
        entry.token = this.nextToken();
        grantIn(this.lines.get(path) ?? []);
        return this.holdOf(name, path, entry);
      },
    };
  }

  private leave(path: string, entry: Entry): void {
    const line = this.lines.get(path) ?? [];
    const rank = line.indexOf(entry);
    if (rank < 0) return;
    line.splice(rank, 1);
    if (line.length === 0) this.lines.delete(path);
    else grantIn(line);
  }

  /** Above every token of this process, and of earlier ones as long as the wall clock was not set back. */
  private nextToken(): bigint {
    const fromClock = BigInt(Math.floor(this.clock.wallMs()));
    this.lastToken = fromClock > this.lastToken ? fromClock : this.lastToken + 1n;
    return this.lastToken;
  }
}

function excludes(one: LockMode, other: LockMode): boolean {
  return one !== 'read' || other !== 'read';
}

/** Everybody behind nobody who excludes it. */
function grantIn(line: readonly Entry[]): void {
  for (const [rank, entry] of line.entries()) {
    if (entry.token === undefined && !line.slice(0, rank).some((before) => excludes(before.mode, entry.mode))) entry.grant();
    // Nobody behind somebody who is alone, or waits to be.
    if (entry.mode !== 'read') return;
  }
}
