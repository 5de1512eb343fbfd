import type { Clock } from '../../support/clock.js';
import { Listeners } from '../../support/listeners.js';
import type { LockMode } from './contenders.js';
import { LockBusyError, LockRevocationError, notWriting } from './errors.js';
import {
  checkWait,
  placeOf,
  type LockContender,
  type LockName,
  type LockPlace,
  type LockView,
  type LockWait,
  type SemaphoreView,
} from './lock.js';
import { LockHandle, type Hold } from './lock-handle.js';
import type { LockSource } from './lock-source.js';
import { ProcessSemaphores } from './process-semaphores.js';
import { semaphorePlace, type SemaphorePlace, type SemaphoreSource, type WantedPermits } from './semaphore.js';

/** One who holds a lock of this process, or waits for it. */
interface Entry {
  readonly since: Date;
  mode: LockMode;
  readonly revoking: AbortController;
  /** Undefined: it waits. */
  token: bigint | undefined;
  grant(): void;
}

/** Locks within this process, in the order of the calls: for `standalone`, and for tests of applications. */
export class ProcessLocks implements LockSource, SemaphoreSource {
  private readonly semaphores: ProcessSemaphores;
  private readonly lines = new Map<string, Entry[]>();
  private lastToken = 0n;

  constructor(
    private readonly clock: Clock,
    private readonly address: string,
    private readonly rootPath: string,
  ) {
    const handleOf = (name: string, leave: () => void): LockHandle =>
      new LockHandle(holdOf({ name, fencingToken: this.nextToken(), revocationRequested: new AbortController().signal }, leave));
    this.semaphores = new ProcessSemaphores(clock, address, handleOf);
  }

  semaphorePlaceOf(name: LockName): SemaphorePlace {
    return semaphorePlace(name, this.rootPath);
  }

  acquirePermits(place: SemaphorePlace, wanted: WantedPermits, wait: LockWait): Promise<readonly LockHandle[]> {
    return this.semaphores.acquire(place, wanted, wait);
  }

  tryAcquirePermits(place: SemaphorePlace, wanted: WantedPermits): Promise<readonly LockHandle[] | undefined> {
    return this.semaphores.tryAcquire(place, wanted);
  }

  inspectSemaphore(place: SemaphorePlace): Promise<SemaphoreView> {
    return this.semaphores.inspect(place);
  }

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
        revoking: new AbortController(),
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

  async requestRevocation(name: LockName): Promise<number> {
    const { path, name: shown } = this.placeOf(name);
    const holding = (this.lines.get(path) ?? []).filter(({ token }) => token !== undefined);
    for (const { revoking } of holding) revoking.abort(new LockRevocationError(shown));
    return holding.length;
  }

  placeOf(name: LockName): LockPlace {
    return placeOf(name, this.rootPath);
  }

  private holdOf(name: string, path: string, entry: Entry): Hold {
    const downgrade = (): Hold => {
      entry.mode = 'read';
      entry.token = this.nextToken();
      grantIn(this.lines.get(path) ?? []);
      return this.holdOf(name, path, entry);
    };
    const leave = (): void => this.leave(path, entry);
    const { mode, revoking, token = 0n } = entry;
    return holdOf({ name, fencingToken: token, revocationRequested: revoking.signal }, leave, mode === 'write' ? downgrade : undefined);
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

/** What of this process is held until it is released; nobody else can take it away. */
function holdOf(won: Pick<Hold, 'name' | 'fencingToken' | 'revocationRequested'>, leave: () => void, downgrade?: () => Hold): Hold {
  const ended = new Listeners<[why: string]>();
  let over: string | undefined;
  const end = (why: string): void => {
    over = why;
    ended.tell(why);
  };
  return {
    ...won,
    isValid: () => over === undefined,
    onInvalid: (listener) => ended.add(listener),
    whyNot: () => over ?? '',
    release: async () => {
      if (over !== undefined) return 'released';
      end('it was released');
      leave();
      return 'released';
    },
    downgrade: async () => {
      if (downgrade === undefined) throw notWriting(won.name);
      end('it was downgraded');
      return downgrade();
    },
  };
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
