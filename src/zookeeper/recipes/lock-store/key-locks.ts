import { received } from '../../support/checks.js';
import { BadLockError } from '../locks/errors.js';

/** What `acquire` of a lock store answers. */
export type LockAcquisition =
  | {
      readonly acquired: true;
      /** Greater than that of every earlier acquisition of this key: a positive whole number, held exactly. */
      readonly fencingToken: number;
    }
  /** Somebody holds it: also this owner, with an earlier call. */
  | { readonly acquired: false };

/** Locks with a time to live, by key and owner: the contract of a store for `@nestjs/locks`. */
export interface KeyLocks {
  acquire(key: string, owner: string, ttl: number): Promise<LockAcquisition>;
  renew(key: string, owner: string, ttl: number): Promise<boolean>;
  release(key: string, owner: string): Promise<boolean>;
  /** Nothing is asked of it any more. */
  close(): Promise<void>;
}

/** UTF-16 units. The contract is 500; what is longer is most likely no name. */
const MAX_TEXT_LENGTH = 1_000;

/** A hundred years, milliseconds: with it every time is a whole number that JavaScript holds exactly. */
const MAX_TTL_MS = 100 * 365 * 86_400_000;

/** @throws {BadLockError} that says what is wrong. */
export function checkKey(key: unknown, owner: unknown, ttl?: { readonly ms: unknown }): void {
  for (const [what, text] of Object.entries({ key, owner })) {
    if (typeof text !== 'string' || text === '')
      throw new BadLockError(`its ${what} must be text, and not empty, received ${received(text)}`);
    if (text.length > MAX_TEXT_LENGTH)
      throw new BadLockError(`its ${what} has ${text.length} characters, at most ${MAX_TEXT_LENGTH} are allowed`);
  }
  if (ttl !== undefined && !(Number.isSafeInteger(ttl.ms) && (ttl.ms as number) >= 1 && (ttl.ms as number) <= MAX_TTL_MS))
    throw new BadLockError(`its ttl must be a whole number of milliseconds from 1 to ${MAX_TTL_MS}, received ${received(ttl.ms)}`);
}
