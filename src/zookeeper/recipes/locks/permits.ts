import { received } from '../../support/checks.js';
import { Listeners } from '../../support/listeners.js';
import { BadLockError } from './errors.js';
import { MAX_SHARERS } from './claim.js';

/** How many permits a semaphore has, as one of those who use it knows it; it may change while somebody waits. */
export class Permits {
  private readonly listeners = new Listeners<[]>();
  private number: number;
  /** The numbers of others that were told of. */
  private readonly told = new Set<number>();

  /** @throws {BadLockError} */
  constructor(permits: number) {
    this.number = checked(permits);
  }

  get value(): number {
    return this.number;
  }

  /** @throws {BadLockError} */
  set(permits: number): void {
    this.number = checked(permits);
    this.told.clear();
    this.listeners.tell();
  }

  onChange(listener: () => void): () => void {
    return this.listeners.add(listener);
  }

  /** Whether this number of somebody else was not told of yet. */
  isNews(others: number): boolean {
    const isNew = !this.told.has(others);
    this.told.add(others);
    return isNew;
  }
}

function checked(permits: unknown): number {
  if (typeof permits !== 'number' || !Number.isInteger(permits) || permits < 1 || permits > MAX_SHARERS)
    throw new BadLockError(`"permits" must be a whole number from 1 to ${MAX_SHARERS}, received ${received(permits)}`);
  return permits;
}
