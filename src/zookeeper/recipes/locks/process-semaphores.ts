import type { Clock } from '../../support/clock.js';
import { LockBusyError } from './errors.js';
import { checkWait, type LockContender, type LockWait, type SemaphoreView } from './lock.js';
import { LockHandle } from './lock-handle.js';
import type { SemaphorePlace, WantedPermits } from './semaphore.js';

/** One caller, who holds permits or waits for them. */
interface Entry {
  readonly since: Date;
  readonly wanted: WantedPermits;
  /** How many it holds. */
  held: number;
  grant(): void;
}

/** The semaphores of this process, in the order of the calls. */
export class ProcessSemaphores {
  private readonly lines = new Map<string, Entry[]>();

  constructor(
    private readonly clock: Clock,
    private readonly address: string,
    private readonly handleOf: (name: string, leave: () => void) => LockHandle,
  ) {}

  async acquire({ path, name }: SemaphorePlace, wanted: WantedPermits, wait: LockWait): Promise<readonly LockHandle[]> {
    checkWait(wait);
    const { waitMs, signal } = wait;
    signal?.throwIfAborted();
    const startedMs = this.clock.monotonicMs();
    const line = this.lines.get(path) ?? [];
    this.lines.set(path, line);
    return new Promise((resolve, reject) => {
      const entry: Entry = {
        since: new Date(this.clock.wallMs()),
        wanted,
        held: 0,
        grant: () => {
          end();
          entry.held = wanted.count;
          const giveOne = (): void => {
            entry.held -= 1;
            if (entry.held === 0) this.leave(path, entry);
            else grantIn(line);
          };
          resolve(Array.from({ length: wanted.count }, () => this.handleOf(name, giveOne)));
        },
      };
      const fail = (reason: Error): void => {
        end();
        this.leave(path, entry);
        reject(reason);
      };
      const busy = (): void => fail(new LockBusyError(name, Math.round(this.clock.monotonicMs() - startedMs), this.address));
      const onAbort = (): void => fail(signal?.reason as Error);
      const timer = waitMs === undefined || waitMs === 0 ? undefined : this.clock.after(waitMs, busy);
      const unsubscribe = wanted.permits.onChange(() => grantIn(line));
      const end = (): void => {
        timer?.cancel();
        unsubscribe();
        signal?.removeEventListener('abort', onAbort);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      line.push(entry);
      grantIn(line);
      if (entry.held === 0 && waitMs === 0) busy();
    });
  }

  async tryAcquire(place: SemaphorePlace, wanted: WantedPermits): Promise<readonly LockHandle[] | undefined> {
    const line = this.lines.get(place.path) ?? [];
    const isFree = line.every(({ held }) => held > 0) && wanted.count <= freeIn(line, wanted);
    return isFree ? this.acquire(place, wanted, { waitMs: 0 }) : undefined;
  }

  async inspect({ path }: SemaphorePlace): Promise<SemaphoreView> {
    const line = this.lines.get(path) ?? [];
    const seen = ({ since }: Entry): LockContender => ({ node: path, address: this.address, session: '0x0', since, shares: true });
    const holders = line.flatMap((entry) => Array.from({ length: entry.held }, () => seen(entry)));
    const waiting = line.filter(({ held }) => held === 0).map(seen);
    return { holders: holders.slice(0, 100), heldCount: holders.length, waiting: waiting.slice(0, 100), waitingCount: waiting.length };
  }

  private leave(path: string, entry: Entry): void {
    const line = this.lines.get(path) ?? [];
    const rank = line.indexOf(entry);
    if (rank < 0) return;
    line.splice(rank, 1);
    if (line.length === 0) this.lines.delete(path);
    else grantIn(line);
  }
}

function freeIn(line: readonly Entry[], { permits }: WantedPermits): number {
  return permits.value - line.reduce((sum, { held }) => sum + held, 0);
}

/** In the order of the line, until somebody has to wait. */
function grantIn(line: readonly Entry[]): void {
  for (const entry of line) {
    if (entry.held > 0) continue;
    if (freeIn(line, entry.wanted) < entry.wanted.count) return;
    entry.grant();
  }
}
