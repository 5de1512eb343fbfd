import type { Clock } from '../../support/clock.js';
import { checkKey, type KeyLocks, type LockAcquisition } from './key-locks.js';

/** Locks with a time to live, of this process: for `standalone`, and for tests of applications. */
export class ProcessKeyLocks implements KeyLocks {
  private readonly held = new Map<string, { readonly owner: string; readonly untilMs: number }>();
  private lastToken = 0;

  constructor(private readonly clock: Clock) {}

  async acquire(key: string, owner: string, ttl: number): Promise<LockAcquisition> {
    checkKey(key, owner, { ms: ttl });
    if (this.holder(key) !== undefined) return { acquired: false };
    this.held.set(key, { owner, untilMs: this.clock.monotonicMs() + ttl });
    this.lastToken = Math.max(this.lastToken + 1, Math.floor(this.clock.wallMs()));
    return { acquired: true, fencingToken: this.lastToken };
  }

  async renew(key: string, owner: string, ttl: number): Promise<boolean> {
    checkKey(key, owner, { ms: ttl });
    if (this.holder(key) !== owner) return false;
    this.held.set(key, { owner, untilMs: this.clock.monotonicMs() + ttl });
    return true;
  }

  async release(key: string, owner: string): Promise<boolean> {
    checkKey(key, owner);
    return this.holder(key) === owner && this.held.delete(key);
  }

  async close(): Promise<void> {
    this.held.clear();
  }

  private holder(key: string): string | undefined {
    const hold = this.held.get(key);
    if (hold !== undefined && hold.untilMs > this.clock.monotonicMs()) return hold.owner;
    this.held.delete(key);
    return undefined;
  }
}
